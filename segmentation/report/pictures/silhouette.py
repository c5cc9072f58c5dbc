"""How well the clients separate, by number of groups, and which number is used."""

import plotly.graph_objects as go

from contract.words import N_
from languages import Language
from segmentation.report.facts import Facts
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import ACCENT, MUTED, figure

_AXES = (
    N_("number of groups<br>(bars: ± the standard error of the mean)"),
    N_("separation (silhouette, 1 is perfect)"),
)
_USED, _BEST = N_("used: {}"), N_("best of all: {}")
_HOVER = N_("{} groups: {} ± {}")
_SAYS = (
    N_("The clients separate best into {best} groups ({best_mean} of 1), and these are used."),
    N_(
        "The clients separate best into {best} groups ({best_mean} of 1), but seven personas need at least "
        "seven: {chosen} are used ({chosen_mean})."
    ),
    N_(
        "The clients separate best into {best} groups ({best_mean} of 1), but too few of these are of some "
        "size: {chosen} are used ({chosen_mean})."
    ),
)


def _figure(facts: Facts, say: Language) -> go.Figure:
    curve, chosen = facts.metrics["silhouette"]["by_k"], facts.metrics["silhouette"]["chosen_k"]
    best = facts.metrics["silhouette"]["best_k"]
    means, errors = [s["mean"] for s in curve], [s["standard_error"] for s in curve]
    line = go.Scatter(
        x=[s["k"] for s in curve],
        y=means,
        error_y={"type": "data", "array": errors, "thickness": 2, "width": 8},
        mode="lines+markers",
        line={"color": MUTED, "width": 2},
        marker={
            "color": [ACCENT if s["k"] == chosen else MUTED for s in curve],
            "size": [15 if s["k"] == chosen else 5 for s in curve],
            "opacity": 1,
        },
        text=[say.gettext(_HOVER).format(s["k"], *(say.number(s[n], 3) for n in _FIGURES)) for s in curve],
        hovertemplate="%{text}<extra></extra>",
    )
    drawn = figure(
        [line],
        say,
        height=380,
        xaxis={
            "title": say.gettext(_AXES[0]),
            "dtick": 1,
            "showgrid": False,
            "range": [curve[0]["k"] - 0.7, curve[-1]["k"] + 0.7],
        },
        yaxis={"title": say.gettext(_AXES[1])},
    )
    marks = {best: _BEST, chosen: _USED}
    for s in curve:
        if s["k"] in marks:
            text = say.gettext(marks[s["k"]]).format(s["k"])
            y = s["mean"] + s["standard_error"]
            drawn.add_annotation(
                x=s["k"],
                y=y,
                text=text,
                showarrow=False,
                yshift=20,
                xanchor=_side(s["k"], best, chosen, curve[-1]["k"]),
            )
    return drawn


_AT_THE_END = 2
_FIGURES = ("mean", "standard_error")


def _side(k: int, best: int, chosen: int, last: int) -> str:
    """Keep the words on two neighbouring numbers out of each other's way, and those at the ends within the picture."""
    if not 0 < abs(best - chosen) <= 2:
        return "left" if k <= _AT_THE_END + 1 else "right" if last - k < _AT_THE_END else "center"
    return "right" if k == min(best, chosen) else "left"


def _says(facts: Facts, say: Language) -> str:
    silhouette = facts.metrics["silhouette"]
    means = {s["k"]: say.number(s["mean"], 2) for s in silhouette["by_k"]}
    best, chosen = silhouette["best_k"], silhouette["chosen_k"]
    sentence = say.gettext(_SAYS[0 if best == chosen else 1 if best < len(facts.personas) else 2])
    return sentence.format(best=best, best_mean=means[best], chosen=chosen, chosen_mean=means[chosen])


SILHOUETTE = Picture(
    "silhouette",
    N_("How many groups"),
    ("silhouette.by_k", "silhouette.chosen_k", "silhouette.best_k"),
    _figure,
    _says,
)

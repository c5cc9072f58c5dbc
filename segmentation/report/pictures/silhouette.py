"""How well the clients separate, by number of groups, and which number is used."""

import plotly.graph_objects as go

from segmentation.report.facts import Facts
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import ACCENT, MUTED, figure
from segmentation.report.words import typeset
from segmentation.words import number

_AXES = {
    "en": (
        "number of groups<br>(bars: ± the standard error of the mean)",
        "separation (silhouette, 1 is perfect)",
    ),
    "fr": (
        "nombre de groupes<br>(barres : ± l’erreur type de la moyenne)",
        "séparation (silhouette, 1 : parfaite)",
    ),
}
_USED, _BEST = {"en": "used: {}", "fr": "retenu : {}"}, {"en": "best of all: {}", "fr": "le meilleur : {}"}
_HOVER = {"en": "{} groups: {} ± {}", "fr": "{} groupes : {} ± {}"}
_SAYS = {
    "en": (
        "The clients separate best into {best} groups ({best_mean} of 1), and these are used.",
        "The clients separate best into {best} groups ({best_mean} of 1), but seven personas need at least "
        "seven: {chosen} are used ({chosen_mean}).",
        "The clients separate best into {best} groups ({best_mean} of 1), but too few of these are of some size: "
        "{chosen} are used ({chosen_mean}).",
    ),
    "fr": (
        "Les clients se séparent le mieux en {best} groupes ({best_mean} sur 1), et ce sont eux qui sont retenus.",
        "Les clients se séparent le mieux en {best} groupes ({best_mean} sur 1), mais il en faut au moins "
        "sept pour sept personas : {chosen} sont retenus ({chosen_mean}).",
        "Les clients se séparent le mieux en {best} groupes ({best_mean} sur 1), mais trop peu d’entre eux ont une "
        "taille suffisante : {chosen} sont retenus ({chosen_mean}).",
    ),
}


def _figure(facts: Facts, language: str) -> go.Figure:
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
        text=[_HOVER[language].format(s["k"], *(number(s[n], language, 3) for n in _FIGURES)) for s in curve],
        hovertemplate="%{text}<extra></extra>",
    )
    drawn = figure(
        [line],
        language,
        height=380,
        xaxis={
            "title": _AXES[language][0],
            "dtick": 1,
            "showgrid": False,
            "range": [curve[0]["k"] - 0.7, curve[-1]["k"] + 0.7],
        },
        yaxis={"title": _AXES[language][1]},
    )
    marks = {best: _BEST, chosen: _USED}
    for s in curve:
        if s["k"] in marks:
            text = marks[s["k"]][language].format(s["k"])
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


def _says(facts: Facts, language: str) -> str:
    silhouette = facts.metrics["silhouette"]
    means = {s["k"]: number(s["mean"], language, 2) for s in silhouette["by_k"]}
    best, chosen = silhouette["best_k"], silhouette["chosen_k"]
    sentence = _SAYS[language][0 if best == chosen else 1 if best < len(facts.personas) else 2]
    said = sentence.format(best=best, best_mean=means[best], chosen=chosen, chosen_mean=means[chosen])
    return typeset(said, language)


SILHOUETTE = Picture(
    "silhouette",
    {"en": "How many groups", "fr": "Combien de groupes"},
    _figure,
    _says,
)

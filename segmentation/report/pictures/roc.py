"""How well the decision tree tells each persona from all others: ROC curves on clients that it has not seen."""

from statistics import mean
from typing import Any

import plotly.graph_objects as go

from contract.words import N_
from languages import Language
from segmentation.report.facts import Facts
from segmentation.report.pictures.labels import persona_label
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import MUTED, figure, percent_ticks
from segmentation.report.words import score

_AXES = (N_("others taken for this persona"), N_("clients of this persona found"))
_RANGE = N_("{}<br>({} to {})")
_NEARLY_PERFECT = 0.98
"""When all AUC are above, the curves differ in the upper left corner alone, and that is shown."""
_CORNERS = (0.02, 0.05, 0.1, 0.2)
_CHANCE = N_("by chance (AUC {})")
_SAYS = N_(
    "{worst} is the hardest to tell from the others ({worst_auc} of 1, where 0.5 is chance); on average "
    "personas reach {mean}."
)


def _figure(facts: Facts, say: Language) -> go.Figure:
    held_out, corner = facts.metrics["held_out"], _corner(facts)
    across = _axis(say.gettext(_AXES[0]), 0.0, corner, say)
    up = _axis(say.gettext(_AXES[1]), 1 - corner, 1.0, say)
    curves = [
        go.Scatter(
            name=f"{persona_label(persona, say)} (AUC {score(auc, say)})",
            x=held_out["roc"][persona["name"]]["false_positive_rate"],
            y=held_out["roc"][persona["name"]]["true_positive_rate"],
            mode="lines+markers",
            line={"color": persona["colour"], "width": 2.5},
            marker={"size": 6},
            customdata=_hovers(held_out["roc"][persona["name"]], say),
            hovertemplate=f"{say.gettext(_AXES[1])}: %{{customdata[0]}}<br>{say.gettext(_AXES[0])}: %{{customdata[1]}}",
        )
        for persona in facts.personas
        if (auc := held_out["by_persona"][persona["name"]]["auc"]) is not None
    ]
    chance = go.Scatter(
        name=say.gettext(_CHANCE).format(say.number(0.5, 1)),
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": MUTED, "dash": "dot", "width": 1.5},
        hoverinfo="skip",
    )
    return figure(
        [*curves, *([chance] if corner == 1 else [])],
        say,
        height=560,
        xaxis=across,
        yaxis=up,
    )


def _hovers(curve: Any, say: Language) -> list[tuple[str, ...]]:
    points = zip(curve["true_positive_rate"], curve["false_positive_rate"], strict=True)
    return [tuple(say.percent(rate) for rate in point) for point in points]


def _corner(facts: Facts) -> float:
    """Return the side of the part to show: 1 for all, less when all curves turn in the upper left corner."""
    held_out = facts.metrics["held_out"]
    known = [name for name, figures in held_out["by_persona"].items() if figures["auc"] is not None]
    if any(held_out["by_persona"][name]["auc"] <= _NEARLY_PERFECT for name in known):
        return 1.0
    away = max((_from_corner(held_out["roc"][name]) for name in known), default=1.0)
    return next((corner for corner in _CORNERS if away <= corner), 1.0)


def _from_corner(curve: Any) -> float:
    """Return how far a curve stays from having found all, and nobody else."""
    points = zip(curve["false_positive_rate"], curve["true_positive_rate"], strict=True)
    return min(max(false, 1 - true) for false, true in points)


def _axis(title: str, low: float, high: float, say: Language) -> dict[str, Any]:
    margin = 0.02 * (high - low)
    if high - low < 1:
        said = (say.percent(end, 0) for end in (low, high))
        title = say.gettext(_RANGE).format(title, *said)
    return {"title": title, "range": [low - margin, high + margin], **percent_ticks(low, high, say)}


def _says(facts: Facts, say: Language) -> str:
    by_persona = facts.metrics["held_out"]["by_persona"]
    known = [(by_persona[persona["name"]]["auc"], say.of(persona["label"])) for persona in facts.personas]
    ranked = sorted((auc, label) for auc, label in known if auc is not None)
    worst_auc, worst = ranked[0]
    return say.gettext(_SAYS).format(
        worst=worst,
        worst_auc=score(worst_auc, say),
        mean=score(mean(auc for auc, _ in ranked), say),
    )


ROC = Picture(
    "roc",
    N_("How well each persona is recognised"),
    ("held_out.roc", "held_out.by_persona"),
    _figure,
    _says,
)

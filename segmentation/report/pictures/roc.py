"""How well the decision tree tells each persona from all others: ROC curves on clients that it has not seen."""

from statistics import mean
from typing import Any

import plotly.graph_objects as go

from segmentation.report.facts import Facts
from segmentation.report.pictures.labels import persona_label
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import MUTED, figure, percent_ticks
from segmentation.report.words import score, typeset
from segmentation.words import number, percent

_AXES = {
    "en": ("others taken for this persona", "clients of this persona found"),
    "fr": ("autres clients pris pour ce persona", "clients de ce persona trouvés"),
}
_RANGE = {"en": "{}<br>({} to {})", "fr": "{}<br>(de {} à {})"}
_NEARLY_PERFECT = 0.98
"""When all AUC are above, the curves differ in the upper left corner alone, and that is shown."""
_CORNERS = (0.02, 0.05, 0.1, 0.2)
_CHANCE = {"en": "by chance (AUC {})", "fr": "au hasard (AUC {})"}
_SAYS = {
    "en": "{worst} is the hardest to tell from the others ({worst_auc} of 1, where 0.5 is chance); on average "
    "personas reach {mean}.",
    "fr": "« {worst} » est le plus difficile à distinguer des autres ({worst_auc} sur 1, le hasard donnant 0,5) ; en "
    "moyenne, les personas atteignent {mean}.",
}


def _figure(facts: Facts, language: str) -> go.Figure:
    held_out, corner = facts.metrics["held_out"], _corner(facts)
    across = _axis(_AXES[language][0], 0.0, corner, language)
    up = _axis(_AXES[language][1], 1 - corner, 1.0, language)
    curves = [
        go.Scatter(
            name=f"{persona_label(persona, language)} (AUC {score(auc, language)})",
            x=held_out["roc"][persona["name"]]["false_positive_rate"],
            y=held_out["roc"][persona["name"]]["true_positive_rate"],
            mode="lines+markers",
            line={"color": persona["colour"], "width": 2.5},
            marker={"size": 6},
            customdata=_hovers(held_out["roc"][persona["name"]], language),
            hovertemplate=f"{_AXES[language][1]}: %{{customdata[0]}}<br>{_AXES[language][0]}: %{{customdata[1]}}",
        )
        for persona in facts.personas
        if (auc := held_out["by_persona"][persona["name"]]["auc"]) is not None
    ]
    chance = go.Scatter(
        name=_CHANCE[language].format(number(0.5, language, 1)),
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": MUTED, "dash": "dot", "width": 1.5},
        hoverinfo="skip",
    )
    return figure(
        [*curves, *([chance] if corner == 1 else [])],
        language,
        height=560,
        xaxis=across,
        yaxis=up,
    )


def _hovers(curve: Any, language: str) -> list[tuple[str, ...]]:
    points = zip(curve["true_positive_rate"], curve["false_positive_rate"], strict=True)
    return [tuple(percent(rate, language) for rate in point) for point in points]


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


def _axis(title: str, low: float, high: float, language: str) -> dict[str, Any]:
    margin = 0.02 * (high - low)
    if high - low < 1:
        said = (percent(end, language, 0) for end in (low, high))
        title = typeset(_RANGE[language].format(title, *said), language)
    return {"title": title, "range": [low - margin, high + margin], **percent_ticks(low, high, language)}


def _says(facts: Facts, language: str) -> str:
    by_persona = facts.metrics["held_out"]["by_persona"]
    known = [(by_persona[persona["name"]]["auc"], persona["label"][language]) for persona in facts.personas]
    ranked = sorted((auc, label) for auc, label in known if auc is not None)
    worst_auc, worst = ranked[0]
    sentence = _SAYS[language].format(
        worst=worst,
        worst_auc=score(worst_auc, language),
        mean=score(mean(auc for auc, _ in ranked), language),
    )
    return typeset(sentence, language)


ROC = Picture(
    "roc",
    {"en": "How well each persona is recognised", "fr": "À quel point chaque persona est reconnu"},
    _figure,
    _says,
)

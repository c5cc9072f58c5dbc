"""How well the decision tree tells each persona from all others: ROC curves on clients that it has not seen."""

from statistics import mean

import plotly.graph_objects as go

from segmentation.report.facts import Facts
from segmentation.report.pictures.labels import persona_label
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import MUTED, figure
from segmentation.report.words import typeset
from segmentation.words import number

_AXES = {
    "en": ("others taken for it", "its clients found"),
    "fr": ("autres pris pour lui", "ses clients trouvés"),
}
_CHANCE = {"en": "by chance (AUC {})", "fr": "au hasard (AUC {})"}
_SAYS = {
    "en": "{worst} is the hardest to tell from the others ({worst_auc} of 1, where 0.5 is chance); on average "
    "personas reach {mean}.",
    "fr": "« {worst} » est le plus difficile à distinguer des autres ({worst_auc} sur 1, le hasard donnant 0,5) ; en "
    "moyenne, les personas atteignent {mean}.",
}


def _figure(facts: Facts, language: str) -> go.Figure:
    held_out = facts.metrics["held_out"]
    curves = [
        go.Scatter(
            name=f"{persona_label(persona, language)} (AUC {number(auc, language, 3)})",
            x=held_out["roc"][persona["name"]]["false_positive_rate"],
            y=held_out["roc"][persona["name"]]["true_positive_rate"],
            mode="lines+markers",
            line={"color": persona["colour"], "width": 2.5},
            marker={"size": 6},
            hovertemplate=f"{_AXES[language][1]}: %{{y:.1%}}<br>{_AXES[language][0]}: %{{x:.1%}}",
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
        [*curves, chance],
        language,
        height=560,
        xaxis={"title": _AXES[language][0], "range": [-0.02, 1.02], "tickformat": ".0%"},
        yaxis={"title": _AXES[language][1], "range": [-0.02, 1.02], "tickformat": ".0%"},
    )


def _says(facts: Facts, language: str) -> str:
    by_persona = facts.metrics["held_out"]["by_persona"]
    known = [(by_persona[persona["name"]]["auc"], persona["label"][language]) for persona in facts.personas]
    ranked = sorted((auc, label) for auc, label in known if auc is not None)
    worst_auc, worst = ranked[0]
    sentence = _SAYS[language].format(
        worst=worst,
        worst_auc=number(worst_auc, language, 3),
        mean=number(mean(auc for auc, _ in ranked), language, 3),
    )
    return typeset(sentence, language)


ROC = Picture(
    "roc",
    {"en": "How well each persona is recognised", "fr": "À quel point chaque persona est reconnu"},
    _figure,
    _says,
)

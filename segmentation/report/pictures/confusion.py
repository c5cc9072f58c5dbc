"""What the decision tree answers on clients that it has not seen, against the personas of their groups."""

import plotly.graph_objects as go

from segmentation.report.facts import Facts
from segmentation.report.pictures.labels import persona_label
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import figure
from segmentation.report.words import typeset
from segmentation.words import number, percent

_AXES = {
    "en": ("persona by the rules", "persona by the statistical grouping"),
    "fr": ("persona selon les règles", "persona selon le regroupement statistique"),
}
_SAYS = {
    "en": (
        "Of {clients} clients kept aside for a test, the rules put all where the grouping does.",
        "Of {clients} clients kept aside for a test, the rules put {right} where the grouping does ({share}); their "
        "most frequent slip is to say {answer} for {truth}: {slips} of {of}.",
    ),
    "fr": (
        "Les {clients} clients mis de côté pour un test sont tous classés par les règles comme par le regroupement.",
        "Sur {clients} clients mis de côté pour un test, les règles en classent {right} comme le regroupement "
        "({share}) ; leur erreur la plus fréquente est de dire « {answer} » au lieu de « {truth} » : {slips} sur {of}.",
    ),
}


def _figure(facts: Facts, language: str) -> go.Figure:
    matrix = facts.metrics["held_out"]["confusion_matrix"]
    above, beside = (
        [persona_label(persona, language, between) for persona in facts.personas]
        for between in ("<br>", "\N{NO-BREAK SPACE}")
    )
    shares = [[count / max(sum(row), 1) for count in row] for row in matrix]
    table = go.Heatmap(
        x=above,
        y=beside,
        z=shares,
        zmin=0,
        zmax=1,
        text=[
            [f"{number(count, language)}<br>{percent(share, language)}" if count else "" for count, share in cells]
            for cells in (zip(*rows, strict=True) for rows in zip(matrix, shares, strict=True))
        ],
        texttemplate="%{text}",
        hovertemplate=f"{_AXES[language][1]}: %{{y}}<br>{_AXES[language][0]}: %{{x}}<br>%{{text}}<extra></extra>",
        showscale=False,
        xgap=3,
        ygap=3,
    )
    return figure(
        [table],
        language,
        narrowest=640,
        height=540,
        xaxis={"side": "top", "showgrid": False, "title": _AXES[language][0]},
        yaxis={"autorange": "reversed", "showgrid": False, "title": _AXES[language][1]},
    )


def _says(facts: Facts, language: str) -> str:
    held_out = facts.metrics["held_out"]
    matrix, every = held_out["confusion_matrix"], range(len(facts.personas))
    right = sum(matrix[i][i] for i in every)
    slips, truth, answer = max((matrix[i][j], -i, -j) for i in every for j in every if i != j)
    sentence = _SAYS[language][slips > 0].format(
        clients=number(held_out["clients"], language),
        right=number(right, language),
        share=percent(held_out["accuracy"], language),
        answer=facts.personas[-answer]["label"][language],
        truth=facts.personas[-truth]["label"][language],
        slips=number(slips, language),
        of=number(sum(matrix[-truth]), language),
    )
    return typeset(sentence, language)


CONFUSION = Picture(
    "confusion",
    {"en": "Where the rules and the grouping differ", "fr": "Où les règles et le regroupement diffèrent"},
    _figure,
    _says,
)

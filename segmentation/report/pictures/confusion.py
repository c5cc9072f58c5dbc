"""What the decision tree answers on clients that it has not seen, against the personas of their groups."""

import plotly.graph_objects as go

from contract.words import N_
from languages import Language
from segmentation.report.facts import Facts
from segmentation.report.pictures.labels import persona_label
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import figure

_AXES = (N_("persona by the rules"), N_("persona by the statistical grouping"))
_SAYS = (
    N_("Of {clients} clients kept aside for a test, the rules put all where the grouping does."),
    N_(
        "Of {clients} clients kept aside for a test, the rules put {right} where the grouping does "
        "({share}); their most frequent slip is to say {answer} for {truth}: {slips} of {of}."
    ),
)


def _figure(facts: Facts, say: Language) -> go.Figure:
    matrix = facts.metrics["held_out"]["confusion_matrix"]
    above, beside = (
        [persona_label(persona, say, between) for persona in facts.personas]
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
            [f"{say.number(count)}<br>{say.percent(share)}" if count else "" for count, share in cells]
            for cells in (zip(*rows, strict=True) for rows in zip(matrix, shares, strict=True))
        ],
        texttemplate="%{text}",
        hovertemplate=f"{say.gettext(_AXES[1])}: %{{y}}<br>{say.gettext(_AXES[0])}: %{{x}}<br>%{{text}}<extra></extra>",
        showscale=False,
        xgap=3,
        ygap=3,
    )
    return figure(
        [table],
        say,
        narrowest=640,
        height=540,
        xaxis={"side": "top", "showgrid": False, "title": say.gettext(_AXES[0])},
        yaxis={"autorange": "reversed", "showgrid": False, "title": say.gettext(_AXES[1])},
    )


def _says(facts: Facts, say: Language) -> str:
    held_out = facts.metrics["held_out"]
    matrix, every = held_out["confusion_matrix"], range(len(facts.personas))
    right = sum(matrix[i][i] for i in every)
    slips, truth, answer = max((matrix[i][j], -i, -j) for i in every for j in every if i != j)
    return say.gettext(_SAYS[slips > 0]).format(
        clients=say.number(held_out["clients"]),
        right=say.number(right),
        share=say.percent(held_out["accuracy"]),
        answer=say.of(facts.personas[-answer]["label"]),
        truth=say.of(facts.personas[-truth]["label"]),
        slips=say.number(slips),
        of=say.number(sum(matrix[-truth])),
    )


CONFUSION = Picture(
    "confusion",
    N_("Where the rules and the grouping differ"),
    ("held_out.confusion_matrix", "held_out.clients", "held_out.accuracy"),
    _figure,
    _says,
)

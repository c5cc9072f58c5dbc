"""How many clients each persona has, and how much of the revenue is theirs."""

import plotly.graph_objects as go

from contract.words import N_
from languages import Language
from segmentation.report.facts import Facts
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import MUTED, ROOM_FOR_FIGURES, figure, legend_entry

_CLIENTS = N_("share of clients")
_REVENUE = N_("share of revenue")
_IN_COLOUR = N_("share of revenue (in colour)")
_PALE = 0.5
_SAYS = N_(
    "{label} clients bring {revenue} of the revenue and are {clients} of the clients: {ratio} times their share."
)


def _figure(facts: Facts, say: Language) -> go.Figure:
    names = [f"{persona['emoji']} {say.of(persona['label'])}" for persona in facts.personas]
    colours = [persona["colour"] for persona in facts.personas]
    bars = [
        go.Bar(
            name=say.gettext(title),
            y=names,
            x=[persona[key] for persona in facts.personas],
            text=[say.percent(persona[key]) for persona in facts.personas],
            textposition="outside",
            cliponaxis=False,
            orientation="h",
            marker={"color": colour, "opacity": opacity},
            showlegend=False,
            hovertemplate=f"%{{y}}<br>%{{text}} ({say.gettext(title)})<extra></extra>",
        )
        for key, title, colour, opacity in (("revenue_share", _REVENUE, colours, 1), ("share", _CLIENTS, MUTED, _PALE))
    ]
    entries = [
        legend_entry(say.gettext(title), symbol="square", size=13, opacity=opacity)
        for title, opacity in ((_CLIENTS, _PALE), (_IN_COLOUR, 1))
    ]
    most = max(max(persona["share"], persona["revenue_share"]) for persona in facts.personas)
    return figure(
        [*bars, *entries],
        say,
        height=480,
        margin=ROOM_FOR_FIGURES,
        barmode="group",
        yaxis={"autorange": "reversed", "showgrid": False},
        xaxis={"visible": False, "range": [0, most]},
        showlegend=True,
    )


def _says(facts: Facts, say: Language) -> str:
    best = max(facts.there, key=lambda persona: persona["revenue_share"] / persona["share"])
    return say.gettext(_SAYS).format(
        label=say.of(best["label"]),
        revenue=say.percent(best["revenue_share"]),
        clients=say.percent(best["share"]),
        ratio=say.number(best["revenue_share"] / best["share"], 1),
    )


SHARES = Picture(
    "shares",
    N_("Clients and revenue"),
    (),
    _figure,
    _says,
)

"""How many clients each persona has, and how much of the revenue is theirs."""

import plotly.graph_objects as go

from segmentation.report.facts import Facts
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import MUTED, ROOM_FOR_FIGURES, figure, legend_entry
from segmentation.report.words import typeset
from segmentation.words import number, percent

_CLIENTS = {"en": "share of clients", "fr": "part des clients"}
_REVENUE = {"en": "share of revenue", "fr": "part du chiffre d’affaires"}
_IN_COLOUR = {"en": " (in colour)", "fr": " (en couleur)"}
_PALE = 0.5
_SAYS = {
    "en": "{label} clients bring {revenue} of the revenue and are {clients} of the clients: {ratio} times their share.",
    "fr": "Les clients « {label} » apportent {revenue} du chiffre d’affaires et représentent {clients} des clients : "
    "{ratio} fois leur poids.",
}


def _figure(facts: Facts, language: str) -> go.Figure:
    names = [f"{persona['emoji']} {persona['label'][language]}" for persona in facts.personas]
    colours = [persona["colour"] for persona in facts.personas]
    bars = [
        go.Bar(
            name=title[language],
            y=names,
            x=[persona[key] for persona in facts.personas],
            text=[percent(persona[key], language) for persona in facts.personas],
            textposition="outside",
            cliponaxis=False,
            orientation="h",
            marker={"color": colour, "opacity": opacity},
            showlegend=False,
            hovertemplate=f"%{{y}}<br>%{{text}} ({title[language]})<extra></extra>",
        )
        for key, title, colour, opacity in (("revenue_share", _REVENUE, colours, 1), ("share", _CLIENTS, MUTED, _PALE))
    ]
    entries = [
        legend_entry(f"{title[language]}{how}", symbol="square", size=13, opacity=opacity)
        for title, how, opacity in ((_CLIENTS, "", _PALE), (_REVENUE, _IN_COLOUR[language], 1))
    ]
    most = max(max(persona["share"], persona["revenue_share"]) for persona in facts.personas)
    return figure(
        [*bars, *entries],
        language,
        height=480,
        margin=ROOM_FOR_FIGURES,
        barmode="group",
        yaxis={"autorange": "reversed", "showgrid": False},
        xaxis={"visible": False, "range": [0, most]},
        showlegend=True,
    )


def _says(facts: Facts, language: str) -> str:
    best = max(facts.personas, key=lambda persona: persona["revenue_share"] / persona["share"])
    sentence = _SAYS[language].format(
        label=best["label"][language],
        revenue=percent(best["revenue_share"], language),
        clients=percent(best["share"], language),
        ratio=number(best["revenue_share"] / best["share"], language, 1),
    )
    return typeset(sentence, language)


SHARES = Picture(
    "shares",
    {"en": "Clients and revenue", "fr": "Clients et chiffre d’affaires"},
    _figure,
    _says,
)

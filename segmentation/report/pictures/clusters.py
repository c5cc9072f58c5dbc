"""The final categories: where each statistical group lies on the four axes, and the archetype of its persona."""

from typing import Any

import plotly.graph_objects as go

from segmentation.model.personas import AXES
from segmentation.report.facts import Facts
from segmentation.report.pictures import labels
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import MUTED, figure, legend_entry
from segmentation.report.words import typeset
from segmentation.words import number

_GROUP = {"en": "the group", "fr": "le groupe"}
_ARCHETYPE = {"en": "what its persona stands for", "fr": "ce que représente son persona"}
_SCALE = {"en": ("least", "most"), "fr": ("le moins", "le plus")}
_OF_CLIENTS = {
    "en": ("statistical group, {} client", "statistical group, {} clients"),
    "fr": ("groupe statistique, {} client", "groupe statistique, {} clients"),
}
_SAYS = {
    "en": "{nearest} clients are most like what their persona stands for, {farthest} clients the least (distance "
    "{least} and {most}, where 0 is exactly alike).",
    "fr": "Les clients « {nearest} » ressemblent le plus à ce que représente leur persona, les clients « {farthest} » "
    "le moins (distance {least} et {most}, 0 étant l’identique).",
}
_BETWEEN = 0.06


def _figure(facts: Facts, language: str) -> go.Figure:
    personas = {persona["name"]: persona for persona in facts.personas}
    order = list(personas)
    groups = sorted(facts.metrics["clusters"], key=lambda group: (order.index(group["persona"]), group["cluster"]))
    names = [_name(group, personas[group["persona"]], language) for group in groups]
    traces = [
        trace
        for place, axis in enumerate(AXES)
        for trace in _panel(axis, place, [(group, personas[group["persona"]]) for group in groups], language)
    ]
    width = (1 - _BETWEEN * (len(AXES) - 1)) / len(AXES)
    axes = {
        f"xaxis{place + 1 if place else ''}": {
            "domain": [place * (width + _BETWEEN), place * (width + _BETWEEN) + width],
            "title": labels.AXES[axis][language],
            "range": [-0.06, 1.06],
            "tickvals": [0, 1],
            "ticktext": _SCALE[language],
            "tickfont": {"size": 12},
            "side": "top",
        }
        for place, axis in enumerate(AXES)
    }
    return figure(
        [*traces, legend_entry(_GROUP[language], size=11)],
        language,
        narrowest=760,
        height=150 + 46 * len(groups),
        yaxis={"autorange": "reversed", "tickvals": list(range(len(groups))), "ticktext": names},
        legend={"y": -0.02, "yanchor": "top"},
        **axes,
    )


def _panel(axis: str, place: int, groups: list[Any], language: str) -> list[go.Scatter]:
    shared = {
        "y": list(range(len(groups))),
        "text": [_name(group, persona, language) for group, persona in groups],
        "mode": "markers",
        "xaxis": f"x{place + 1 if place else ''}",
    }
    hover = f"%{{text}}<br>{labels.AXES[axis][language]}: %{{x:.2f}} (%{{fullData.name}})<extra></extra>"
    archetype = go.Scatter(
        name=_ARCHETYPE[language],
        x=[persona["archetype"][axis] for _, persona in groups],
        marker={"symbol": "circle-open", "size": 17, "color": MUTED, "line": {"width": 2}},
        hovertemplate=hover,
        showlegend=not place,
        **shared,
    )
    own = go.Scatter(
        name=_GROUP[language],
        x=[group["position"][axis] for group, _ in groups],
        marker={"size": 11, "color": [persona["colour"] for _, persona in groups]},
        hovertemplate=hover,
        showlegend=False,
        **shared,
    )
    return [archetype, own]


def _name(group: Any, persona: Any, language: str) -> str:
    several = group["clients"] != 1
    said = _OF_CLIENTS[language][several].format(number(group["clients"], language))
    return f"{labels.persona_label(persona, language)}<br><sub>{said}</sub>"


def _says(facts: Facts, language: str) -> str:
    distances = facts.metrics["distance_to_archetype"]
    ranked = sorted(facts.personas, key=lambda persona: distances[persona["name"]])
    nearest, farthest = ranked[0], ranked[-1]
    sentence = _SAYS[language].format(
        nearest=nearest["label"][language],
        farthest=farthest["label"][language],
        least=number(distances[nearest["name"]], language, 2),
        most=number(distances[farthest["name"]], language, 2),
    )
    return typeset(sentence, language)


CLUSTERS = Picture(
    "clusters",
    {"en": "How the groups got their personas", "fr": "Comment les groupes ont reçu leur persona"},
    _figure,
    _says,
)

"""The final categories: where each statistical group lies on the four axes, and the archetype of its persona."""

from typing import Any

import plotly.graph_objects as go

from contract.columns import AXES, Axis
from contract.words import N_
from languages import Language
from segmentation.report.facts import Facts
from segmentation.report.pictures import labels
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import MUTED, figure, legend_entry

_GROUP = N_("the group")
_ARCHETYPE = N_("what its persona stands for")
_SCALE = (N_("least"), N_("most"))
_SAYS = N_(
    "{nearest} clients are most like what their persona stands for, {farthest} clients the least "
    "(distance {least} and {most}, where 0 is exactly alike)."
)
_BETWEEN = 0.06


def _figure(facts: Facts, say: Language) -> go.Figure:
    personas = {persona["name"]: persona for persona in facts.personas}
    order = list(personas)
    groups = sorted(facts.metrics["clusters"], key=lambda group: (order.index(group["persona"]), group["cluster"]))
    names = [_name(group, personas[group["persona"]], say) for group in groups]
    traces = [
        trace
        for place, axis in enumerate(AXES)
        for trace in _panel(axis, place, [(group, personas[group["persona"]]) for group in groups], say)
    ]
    width = (1 - _BETWEEN * (len(AXES) - 1)) / len(AXES)
    axes = {
        f"xaxis{place + 1 if place else ''}": {
            "domain": [place * (width + _BETWEEN), place * (width + _BETWEEN) + width],
            "title": say.gettext(labels.AXES[axis]),
            "range": [-0.06, 1.06],
            "tickvals": [0, 1],
            "ticktext": [say.gettext(text) for text in _SCALE],
            "tickfont": {"size": 12},
            "side": "top",
        }
        for place, axis in enumerate(AXES)
    }
    return figure(
        [*traces, legend_entry(say.gettext(_GROUP), size=11)],
        say,
        narrowest=760,
        height=150 + 46 * len(groups),
        yaxis={"autorange": "reversed", "tickvals": list(range(len(groups))), "ticktext": names},
        legend={"y": -0.02, "yanchor": "top"},
        **axes,
    )


def _panel(axis: Axis, place: int, groups: list[Any], say: Language) -> list[go.Scatter]:
    shared = {
        "y": list(range(len(groups))),
        "text": [_name(group, persona, say) for group, persona in groups],
        "mode": "markers",
        "xaxis": f"x{place + 1 if place else ''}",
    }
    hover = f"%{{text}}<br>{say.gettext(labels.AXES[axis])}: %{{x:.2f}} (%{{fullData.name}})<extra></extra>"
    archetype = go.Scatter(
        name=say.gettext(_ARCHETYPE),
        x=[persona["archetype"][axis] for _, persona in groups],
        marker={"symbol": "circle-open", "size": 17, "color": MUTED, "line": {"width": 2}},
        hovertemplate=hover,
        showlegend=not place,
        **shared,
    )
    own = go.Scatter(
        name=say.gettext(_GROUP),
        x=[group["position"][axis] for group, _ in groups],
        marker={"size": 11, "color": [persona["colour"] for _, persona in groups]},
        hovertemplate=hover,
        showlegend=False,
        **shared,
    )
    return [archetype, own]


def _name(group: Any, persona: Any, say: Language) -> str:
    said = say.ngettext("statistical group, {count} client", "statistical group, {count} clients", group["clients"])
    return f"{labels.persona_label(persona, say)}<br><sub>{said}</sub>"


def _says(facts: Facts, say: Language) -> str:
    distances = facts.metrics["distance_to_archetype"]
    ranked = sorted(facts.personas, key=lambda persona: distances[persona["name"]])
    nearest, farthest = ranked[0], ranked[-1]
    return say.gettext(_SAYS).format(
        nearest=say.of(nearest["label"]),
        farthest=say.of(farthest["label"]),
        least=say.number(distances[nearest["name"]], 2),
        most=say.number(distances[farthest["name"]], 2),
    )


CLUSTERS = Picture(
    "clusters",
    N_("How the groups got their personas"),
    ("clusters", "distance_to_archetype"),
    _figure,
    _says,
)

"""How every picture looks, on a light page and on a dark one.

A figure carries the template of the light page. A page that follows its reader's colour scheme replaces
`layout.template` by the one in `TEMPLATES` before it draws; nothing else of a figure depends on the scheme.
"""

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import plotly.graph_objects as go

from contract.words import N_
from languages import Language

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
ROOM_FOR_FIGURES = {"l": 8, "r": 72, "t": 8, "b": 8}
"""Margins that leave room for what is written beside the longest bar."""
ACCENT, MUTED = "#b4531a", "#7b8a97"
"""What a picture points at, and what it is compared with."""


def legend_entry(name: str, **marker: Any) -> go.Scatter:
    """Return an entry of the legend alone, for a trace whose points have a persona's colour each."""
    return go.Scatter(name=name, x=[None], y=[None], mode="markers", marker={"color": MUTED, **marker})


_LETTERS = 40
_LEFT_OUT = N_("Not shown, because it is 0 for everybody: {}")


def small_print(left_out: Sequence[str], say: Language, below: int = 0) -> dict[str, Any]:
    """Return the layout that names, in the margin, what is 0 throughout and has no row; none if nothing is.

    `below` is how many pixels under the rows it stands.
    """
    if not left_out:
        return {}
    lines = wrap(say.gettext(_LEFT_OUT).format(", ".join(left_out)), _LETTERS)
    at = {"xref": "paper", "yref": "paper", "x": 1, "y": 0, "xanchor": "right", "yanchor": "top", "yshift": -below}
    note = {**at, "text": "<br>".join(lines), "showarrow": False, "align": "right", "font": {"size": 12}}
    return {"annotations": [note], "margin": {"l": 8, "r": 8, "t": 8, "b": below + 12 + 17 * len(lines)}}


_STEPS, _FINE = 5, 0.05
"""Ticks divide an axis into so many steps; one that is shorter needs a decimal."""


def percent_ticks(low: float, high: float, say: Language) -> dict[str, Any]:
    """Return the ticks of an axis of shares as people write them: Plotly's own have no space before the sign."""
    places = [low + (high - low) * step / _STEPS for step in range(_STEPS + 1)]
    decimals = int(high - low < _FINE)
    return {"tickvals": places, "ticktext": [say.percent(place, decimals) for place in places]}


def _template(ink: str, soft: str, grid: str, paper: str) -> go.layout.Template:
    axis = {
        "gridcolor": grid,
        "zerolinecolor": grid,
        "linecolor": soft,
        "ticks": "outside",
        "tickcolor": "rgba(0,0,0,0)",
        "automargin": True,
        "tickangle": 0,
        "title": {"standoff": 12, "font": {"size": 13}},
    }
    scene_axis = {
        "gridcolor": grid,
        "backgroundcolor": paper,
        "color": ink,
        "tickfont": {"size": 11},
        "title": {"font": {"size": 12}},
    }
    layout: dict[str, Any] = {
        "font": {"family": FONT, "size": 14, "color": ink},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "xaxis": axis,
        "yaxis": axis,
        "hoverlabel": {"bgcolor": paper, "bordercolor": soft, "font": {"color": ink, "family": FONT}},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "title": {"text": ""}},
        "bargap": 0.3,
        "shapedefaults": {"line": {"color": soft}},
        "annotationdefaults": {"font": {"color": ink}, "arrowcolor": soft},
        "scene": dict.fromkeys(_SCENE_AXES, scene_axis),
        "colorscale": {
            "diverging": [[0, "#8b939e"], [0.5, paper], [1, "#1f6f8b"]],
            "sequential": [[0, paper], [1, "#1f6f8b"]],
        },
    }
    # By itself a heat map takes a colour scale of Plotly's, and not that of the layout.
    return go.layout.Template(layout=layout, data={"heatmap": [{"autocolorscale": True}]})


_SCENE_AXES = ("xaxis", "yaxis", "zaxis")
TEMPLATES: dict[str, dict[str, Any]] = {
    "light": _template(ink="#33363f", soft="#8a8f9c", grid="#e4e6eb", paper="#ffffff").to_plotly_json(),
    "dark": _template(ink="#d9dce3", soft="#80869a", grid="#30343e", paper="#16181d").to_plotly_json(),
}
"""The templates by colour scheme, as plain data."""


def _separators(say: Language) -> str:
    """Return what the language writes before decimals and between thousands, as Plotly takes it."""
    symbols = say.locale.number_symbols["latn"]
    return f"{symbols['decimal']}{symbols['group']}"


def figure(traces: list[Any], say: Language, narrowest: int = 320, **layout: Any) -> go.Figure:
    """Return a figure of these traces; `layout` is Plotly's, beyond the template, which whoever draws it chooses.

    Below `narrowest` pixels it is no longer readable: `layout.meta` tells so, that the page scrolls it sideways.
    """
    return go.Figure(
        traces,
        go.Layout(template={}, separators=_separators(say), meta={"narrowest": narrowest}, **layout),
    )

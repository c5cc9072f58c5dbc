"""Charts of the report as inline SVG, which needs no script and no other file."""

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor
from typing import Any

from segmentation.words import number, percent

CLIENTS_COLOUR, REVENUE_COLOUR = "#7b8a97", "#b4531a"
WIDTH = 720
_ROW, _BAR, _LEFT, _RIGHT = 44, 15, 130, 80
_HEIGHT, _TOP, _BOTTOM, _EDGE = 260, 30, 215, 50


def share_bars(personas: Sequence[dict[str, Any]], language: str, title: str) -> str:
    """Draw each persona's share of clients above its share of revenue, all to one scale."""
    most = max((max(p["share"], p["revenue_share"]) for p in personas), default=0.0) or 1.0
    rows = [_bar_pair(persona, place * _ROW, most, language) for place, persona in enumerate(personas)]
    return _svg(len(personas) * _ROW, title, "".join(rows))


def _bar_pair(persona: dict[str, Any], top: float, most: float, language: str) -> str:
    label = _text(_LEFT - 10, top + _BAR + 6, persona["label"][language], "end")
    shares = ((persona["share"], CLIENTS_COLOUR), (persona["revenue_share"], REVENUE_COLOUR))
    return label + "".join(
        _bar(share, top + 3 + place * (_BAR + 2), most, colour, language)
        for place, (share, colour) in enumerate(shares)
    )


def _bar(share: float, top: float, most: float, colour: str, language: str) -> str:
    length = max(share / most, 0.0) * (WIDTH - _LEFT - _RIGHT)
    bar = f'<rect x="{_LEFT}" y="{top:g}" width="{length:.1f}" height="{_BAR}" fill="{colour}"/>'
    return bar + _text(_LEFT + length + 6, top + _BAR - 3, percent(share, language))


def silhouette_line(silhouette: Mapping[str, Any], language: str, title: str) -> str:
    """Draw the silhouette by number of groups with its standard errors; the chosen number is filled and bold."""
    curve = silhouette["by_k"]
    low = floor(min(s["mean"] - s["standard_error"] for s in curve) * 10)
    high = max(ceil(max(s["mean"] + s["standard_error"] for s in curve) * 10), low + 1)
    first, span = curve[0]["k"], max(curve[-1]["k"] - curve[0]["k"], 1)

    def x(k: int) -> float:
        return _EDGE + (k - first) / span * (WIDTH - 2 * _EDGE)

    def y(mean: float) -> float:
        return _BOTTOM - (mean * 10 - low) / (high - low) * (_BOTTOM - _TOP)

    grid = "".join(_grid_line(tenth / 10, y(tenth / 10), language) for tenth in range(low, high + 1))
    points = [(s, x(s["k"]), y(s["mean"]), y(s["mean"] - s["standard_error"]) - y(s["mean"])) for s in curve]
    line = " ".join(f"{px:.1f},{py:.1f}" for _, px, py, _ in points)
    marks = "".join(_point(s["k"], px, py, error, s["k"] == silhouette["chosen_k"]) for s, px, py, error in points)
    drawn = f'<polyline points="{line}" fill="none" stroke="{CLIENTS_COLOUR}" stroke-width="2"/>'
    return _svg(_HEIGHT, title, grid + drawn + marks)


def _grid_line(value: float, y: float, language: str) -> str:
    line = f'<line x1="{_EDGE - 10}" x2="{WIDTH - _EDGE + 10}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
    return line + _text(_EDGE - 16, y + 5, number(value, language, 1), "end")


def _point(k: int, x: float, y: float, error: float, chosen: bool) -> str:
    colour, radius = (REVENUE_COLOUR, 7) if chosen else (CLIENTS_COLOUR, 4)
    whisker = "".join(
        f'<line x1="{x - a:.1f}" x2="{x + a:.1f}" y1="{y + b:.1f}" y2="{y + c:.1f}" stroke="#222"/>'
        for a, b, c in ((0, -error, error), (5, -error, -error), (5, error, error))
    )
    mark = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"/>'
    weight = ' font-weight="bold"' if chosen else ""
    return mark + whisker + _text(x, _BOTTOM + 26, str(k), "middle", weight)


def _svg(height: float, title: str, inner: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img"><title>{escape(title)}</title>{inner}</svg>'


def _text(x: float, y: float, text: str, anchor: str = "start", extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{escape(text)}</text>'

"""Where the bars and ribbons of a Sankey diagram lie: then on the left, now on the right, as tall as clients many."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.snapshots.changes import Flow

_TALL = 440.0
_LEAST_SLOT = 36.0
"""Room for the two lines of a label, however few clients the bar has."""
_GAP = 6.0
_BAR = 10.0
_THINNEST = 1.0


@dataclass(frozen=True)
class Bar:
    """The clients of one persona then or now, None for those who are in the other snapshot only."""

    name: str | None
    clients: int
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """Return how far down its label stands."""
        return self.y + self.height / 2


@dataclass(frozen=True)
class Ribbon:
    """One flow, as the path of an SVG."""

    flow: Flow
    path: str


@dataclass(frozen=True)
class Sankey:
    """A whole diagram, in the units of its view box."""

    width: float
    height: float
    left: Sequence[Bar]
    right: Sequence[Bar]
    ribbons: Sequence[Ribbon]


def sankey(flows: Sequence[Flow], names: Sequence[str], width: float, margin: float, top: float) -> Sankey:
    """Lay out flows between personas in the order of their names; labels have the margins on both sides.

    There is at least one flow. `top` is how much room is left above.
    """
    scale = _TALL / sum(flow.clients for flow in flows)
    order = (*names, None)
    then = {name: sum(flow.clients for flow in flows if flow.then == name) for name in order}
    now = {name: sum(flow.clients for flow in flows if flow.now == name) for name in order}
    left, left_end = _bars(then, scale, margin, top)
    right, right_end = _bars(now, scale, width - margin - _BAR, top)
    ribbons = _ribbons(
        sorted(flows, key=lambda flow: (order.index(flow.then), order.index(flow.now))), left, right, scale
    )
    return Sankey(width, max(left_end, right_end), tuple(left.values()), tuple(right.values()), ribbons)


def _bars(clients: dict[str | None, int], scale: float, x: float, top: float) -> tuple[dict[str | None, Bar], float]:
    """Return the bars of one side, and where the last ends."""
    bars = {}
    for name, count in clients.items():
        if count:
            height = max(count * scale, _THINNEST)
            slot = max(height, _LEAST_SLOT)
            bars[name] = Bar(name, count, x, top + (slot - height) / 2, _BAR, height)
            top += slot + _GAP
    return bars, top


def _ribbons(
    flows: Sequence[Flow], left: dict[str | None, Bar], right: dict[str | None, Bar], scale: float
) -> list[Ribbon]:
    """Stack ribbons at either bar in the order of the bars at their other ends, so that few cross."""
    at_left, at_right = ({name: bar.y for name, bar in bars.items()} for bars in (left, right))
    ribbons = []
    for flow in flows:
        begin, end = left[flow.then], right[flow.now]
        thick = flow.clients * scale
        path = _path(begin.x + _BAR, at_left[flow.then], end.x, at_right[flow.now], max(thick, _THINNEST))
        ribbons.append(Ribbon(flow, path))
        at_left[flow.then] += thick
        at_right[flow.now] += thick
    return ribbons


def _path(x0: float, y0: float, x1: float, y1: float, thick: float) -> str:
    middle = (x0 + x1) / 2
    there = f"M{x0:.1f} {y0:.1f}C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
    back = f"V{y1 + thick:.1f}C{middle:.1f} {y1 + thick:.1f} {middle:.1f} {y0 + thick:.1f} {x0:.1f} {y0 + thick:.1f}Z"
    return there + back

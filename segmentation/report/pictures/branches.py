"""A decision tree laid out to be drawn: from left to right, with a row for each leaf."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from segmentation.model.tree import LEAF, Tree
from segmentation.report.facts import Facts

_THINNEST, _THICKEST = 1.5, 6.0


@dataclass(frozen=True)
class Node:
    """A node's place: `depth` counts from the left, `row` from the top.

    `clients` pass through it; `parent` is None at the root, and `upper` tells that the parent's cut is kept.
    """

    index: int
    depth: int
    row: float
    clients: int
    parent: int | None
    upper: bool


def lay_out(tree: Tree, clients_by_leaf: list[int]) -> list[Node]:
    """Return the nodes, each before those below it; leaves stand in whole rows from 0, others between their children.

    `clients_by_leaf` is in the order of `tree.leaves`.
    """
    sizes = dict(zip(tree.leaves.tolist(), clients_by_leaf, strict=True))
    return _walk(tree, Node(0, 0, 0.0, 0, None, True), sizes, iter(range(len(sizes))))


def _walk(tree: Tree, bare: Node, sizes: dict[int, int], rows: Iterator[int]) -> list[Node]:
    if tree.feature[bare.index] == LEAF:
        return [replace(bare, row=float(next(rows)), clients=sizes[bare.index])]
    above, below = (
        _walk(tree, Node(int(side[bare.index]), bare.depth + 1, 0.0, 0, bare.index, upper), sizes, rows)
        for side, upper in ((tree.left, True), (tree.right, False))
    )
    own = replace(bare, row=(above[0].row + below[0].row) / 2, clients=above[0].clients + below[0].clients)
    return [own, *above, *below]


def lines(facts: Facts, nodes: Sequence[Node]) -> list[dict[str, Any]]:
    """Return Plotly's shapes for the branches: as thick as their clients are many, the last in the persona's colour."""
    places = {node.index: node for node in nodes}
    drawn = []
    for node in nodes:
        if node.parent is None:
            continue
        parent = places[node.parent]
        width = _THINNEST + (_THICKEST - _THINNEST) * node.clients / facts.metrics["clients"]
        leaf = facts.tree.feature[node.index] == LEAF
        colour = {"color": facts.personas[facts.tree.persona[node.index]]["colour"]} if leaf else {}
        path = f"M{parent.depth},{parent.row} V{node.row} H{node.depth}"
        drawn.append({"type": "path", "path": path, "layer": "below", "line": {"width": round(width, 2)} | colour})
    return drawn

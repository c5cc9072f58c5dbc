"""The decision tree, drawn from left to right: a question at each branching, a persona at each end."""

from collections.abc import Sequence
from math import floor
from textwrap import wrap

import plotly.graph_objects as go

from contract.columns import INPUTS
from contract.words import N_
from languages import Language
from segmentation.model.inputs import INPUT_NAMES
from segmentation.model.rules import rules
from segmentation.model.tree import LEAF
from segmentation.report.facts import Facts
from segmentation.report.pictures.branches import Node, lay_out, lines
from segmentation.report.pictures.labels import feature_label, persona_label
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import figure

_LEAF = N_("{persona}  <b>{share}</b> of clients, {confidence} sure")
_SAYS = N_(
    "{leaves} rules find a client’s persona by at most {depth} questions, the first about “{feature}” "
    "(up to {cut}, or more); the least sure rule says {label}, and is sure for {confidence} of its "
    "clients."
)
_LETTERS = 12
"""Of a line in the little room between two branches."""
_ROW, _LEVEL, _LEAF_WIDTH = 42, 88, 285
"""The height of a row, and the least widths of a level and of what stands at the end, in pixels."""


def _figure(facts: Facts, say: Language) -> go.Figure:
    nodes = lay_out(facts.tree, facts.metrics["tree"]["clients_by_leaf"])
    leaves = [node for node in nodes if facts.tree.feature[node.index] == LEAF]
    depth = max(node.depth for node in nodes)
    return figure(
        [_questions(facts, nodes, say), *_cuts(facts, nodes, say), _ends(facts, leaves, say)],
        say,
        narrowest=_LEVEL * depth + _LEAF_WIDTH,
        height=_ROW * len(leaves) + 30,
        showlegend=False,
        shapes=lines(facts, nodes),
        xaxis={"visible": False, "range": [-0.1, depth + _LEAF_WIDTH / _LEVEL]},
        yaxis={"visible": False, "range": [len(leaves) - 0.4, -0.6]},
    )


def _questions(facts: Facts, nodes: Sequence[Node], say: Language) -> go.Scatter:
    asking = [node for node in nodes if facts.tree.feature[node.index] != LEAF]
    names = [INPUT_NAMES[facts.tree.feature[node.index]] for node in asking]
    return go.Scatter(
        x=[node.depth + 0.03 for node in asking],
        y=[node.row for node in asking],
        mode="text",
        text=[f"<b>{'<br>'.join(wrap(feature_label(name, say), _LETTERS))}</b>" for name in names],
        textposition="middle right",
        textfont={"size": 11},
        hoverinfo="skip",
    )


def _cuts(facts: Facts, nodes: Sequence[Node], say: Language) -> list[go.Scatter]:
    """Write on each branch which values follow it, outside of the pair that it belongs to."""
    return [
        go.Scatter(
            x=[node.depth - 1 + 0.03 for node in side],
            y=[node.row + offset for node in side],
            mode="text",
            text=[_cut(facts, node, say) for node in side],
            textposition=f"{place} right",
            textfont={"size": 11},
            hoverinfo="skip",
        )
        for upper, place, offset in ((True, "top", -0.04), (False, "bottom", 0.08))
        for side in [[node for node in nodes if node.parent is not None and node.upper is upper]]
    ]


def _cut(facts: Facts, node: Node, say: Language) -> str:
    feature, cut = facts.tree.feature[node.parent], float(facts.tree.threshold[node.parent])
    if INPUTS[feature].kind == "money":
        return f"{'≤' if node.upper else '>'} {say.number(cut, _digits(cut))}"
    return f"≤ {say.number(cut)}" if node.upper else f"≥ {say.number(cut + 1)}"


def _digits(money: float) -> int:
    return 0 if money == int(money) else 2


def _ends(facts: Facts, leaves: Sequence[Node], say: Language) -> go.Scatter:
    given = [facts.personas[facts.tree.persona[leaf.index]] for leaf in leaves]
    said = {rule.leaf: rule.said(say) for rule in rules(facts.tree)}
    return go.Scatter(
        x=[leaf.depth for leaf in leaves],
        y=[leaf.row for leaf in leaves],
        mode="markers+text",
        marker={"size": 14, "color": [persona["colour"] for persona in given]},
        text=[
            "  "
            + say.gettext(
                _LEAF,
                persona=persona_label(persona, say),
                share=say.percent(leaf.clients / facts.metrics["clients"]),
                confidence=_sure(facts.tree.confidence[leaf.index], say),
            )
            for leaf, persona in zip(leaves, given, strict=True)
        ],
        textposition="middle right",
        textfont={"size": 12},
        hovertext=[said[leaf.index].replace(", ", ",<br>") for leaf in leaves],
        hoverinfo="text",
    )


def _sure(confidence: float, say: Language) -> str:
    """Round down, so that only what never failed is said to be sure at 100 %."""
    return say.percent(floor(round(confidence * 100, 6)) / 100, 0)


def _says(facts: Facts, say: Language) -> str:
    tree = facts.tree
    nodes = lay_out(tree, facts.metrics["tree"]["clients_by_leaf"])
    unsure = min(tree.leaves.tolist(), key=lambda leaf: tree.confidence[leaf])
    feature = INPUTS[tree.feature[0]]
    return say.gettext(_SAYS).format(
        leaves=len(tree.leaves),
        depth=max(node.depth for node in nodes),
        feature=feature_label(feature.name, say),
        cut=say.number(float(tree.threshold[0]), _digits(float(tree.threshold[0])) if feature.kind == "money" else 0),
        label=say.of(facts.personas[tree.persona[unsure]]["label"]),
        confidence=_sure(tree.confidence[unsure], say),
    )


TREE = Picture(
    "tree",
    N_("The rules as a tree"),
    ("tree.clients_by_leaf", "clients"),
    _figure,
    _says,
)

"""The decision tree, drawn from left to right: a question at each branching, a persona at each end."""

from collections.abc import Sequence
from math import floor

import plotly.graph_objects as go

from segmentation.model.inputs import INPUT_NAMES, INPUTS
from segmentation.model.rules import rules
from segmentation.model.tree import LEAF
from segmentation.report.facts import Facts
from segmentation.report.pictures.branches import Node, lay_out, lines
from segmentation.report.pictures.labels import FEATURES, persona_label
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import figure
from segmentation.report.words import typeset
from segmentation.words import number, percent

_ASKED = {
    "en": {
        "days_since_last_purchase": "days since<br>purchase",
        "avg_price_7m": "paid<br>per item",
        "number_of_carts_7m": "put in<br>the cart",
        "number_of_views_7m": "product<br>views",
        "cart_abandonments": "left in<br>the cart",
        "count_products_7m": "items<br>bought",
    },
    "fr": {
        "days_since_last_purchase": "jours<br>sans achat",
        "avg_price_7m": "prix<br>par article",
        "number_of_carts_7m": "mis au<br>panier",
        "number_of_views_7m": "fiches<br>vues",
        "cart_abandonments": "laissés<br>au panier",
        "count_products_7m": "articles<br>achetés",
    },
}
"""Features in the little room between two branches; the others have short names."""
_LEAF = {"en": "{}  <b>{}</b> of clients, {} sure", "fr": "{}  <b>{}</b> des clients, sûr à {}"}
_SAYS = {
    "en": "{leaves} rules find a client’s persona by at most {depth} questions, the first about “{feature}” (up to "
    "{cut}, or more); the least sure rule says {label}, and is right for {confidence} of its clients.",
    "fr": "{leaves} règles trouvent le persona d’un client en {depth} questions au plus, la première sur « {feature} » "
    "(jusqu’à {cut}, ou davantage) ; la règle la moins sûre dit « {label} » et a raison pour {confidence} de ses "
    "clients.",
}
_ROW, _LEVEL, _LEAF_WIDTH = 42, 68, 285
"""The height of a row, and the least widths of a level and of what stands at the end, in pixels."""


def _figure(facts: Facts, language: str) -> go.Figure:
    nodes = lay_out(facts.tree, facts.metrics["tree"]["clients_by_leaf"])
    leaves = [node for node in nodes if facts.tree.feature[node.index] == LEAF]
    depth = max(node.depth for node in nodes)
    return figure(
        [_questions(facts, nodes, language), *_cuts(facts, nodes, language), _ends(facts, leaves, language)],
        language,
        narrowest=_LEVEL * depth + _LEAF_WIDTH,
        height=_ROW * len(leaves) + 30,
        showlegend=False,
        shapes=lines(facts, nodes),
        xaxis={"visible": False, "range": [-0.1, depth + _LEAF_WIDTH / _LEVEL]},
        yaxis={"visible": False, "range": [len(leaves) - 0.4, -0.6]},
    )


def _questions(facts: Facts, nodes: Sequence[Node], language: str) -> go.Scatter:
    asking = [node for node in nodes if facts.tree.feature[node.index] != LEAF]
    names = [INPUT_NAMES[facts.tree.feature[node.index]] for node in asking]
    return go.Scatter(
        x=[node.depth + 0.03 for node in asking],
        y=[node.row for node in asking],
        mode="text",
        text=[f"<b>{_ASKED[language].get(name, FEATURES[name][language])}</b>" for name in names],
        textposition="middle right",
        textfont={"size": 11},
        hoverinfo="skip",
    )


def _cuts(facts: Facts, nodes: Sequence[Node], language: str) -> list[go.Scatter]:
    """Write on each branch which values follow it, outside of the pair that it belongs to."""
    return [
        go.Scatter(
            x=[node.depth - 1 + 0.03 for node in side],
            y=[node.row + offset for node in side],
            mode="text",
            text=[_cut(facts, node, language) for node in side],
            textposition=f"{place} right",
            textfont={"size": 11},
            hoverinfo="skip",
        )
        for upper, place, offset in ((True, "top", -0.04), (False, "bottom", 0.08))
        for side in [[node for node in nodes if node.parent is not None and node.upper is upper]]
    ]


def _cut(facts: Facts, node: Node, language: str) -> str:
    feature, cut = facts.tree.feature[node.parent], float(facts.tree.threshold[node.parent])
    if INPUTS[feature].kind == "money":
        return f"{'≤' if node.upper else '>'} {number(cut, language, 2)}"
    return f"≤ {number(cut, language)}" if node.upper else f"≥ {number(cut + 1, language)}"


def _ends(facts: Facts, leaves: Sequence[Node], language: str) -> go.Scatter:
    given = [facts.personas[facts.tree.persona[leaf.index]] for leaf in leaves]
    said = {rule.leaf: rule.say(language) for rule in rules(facts.tree)}
    return go.Scatter(
        x=[leaf.depth for leaf in leaves],
        y=[leaf.row for leaf in leaves],
        mode="markers+text",
        marker={"size": 14, "color": [persona["colour"] for persona in given]},
        text=[
            "  "
            + _LEAF[language].format(
                persona_label(persona, language),
                percent(leaf.clients / facts.metrics["clients"], language),
                _sure(facts.tree.confidence[leaf.index], language),
            )
            for leaf, persona in zip(leaves, given, strict=True)
        ],
        textposition="middle right",
        textfont={"size": 12},
        hovertext=[said[leaf.index].replace(", ", ",<br>") for leaf in leaves],
        hoverinfo="text",
    )


def _sure(confidence: float, language: str) -> str:
    """Round down, so that only what never failed is said to be sure at 100 %."""
    return percent(floor(round(confidence * 100, 6)) / 100, language, 0)


def _says(facts: Facts, language: str) -> str:
    tree = facts.tree
    nodes = lay_out(tree, facts.metrics["tree"]["clients_by_leaf"])
    unsure = min(tree.leaves.tolist(), key=lambda leaf: tree.confidence[leaf])
    feature = INPUTS[tree.feature[0]]
    sentence = _SAYS[language].format(
        leaves=len(tree.leaves),
        depth=max(node.depth for node in nodes),
        feature=FEATURES[feature.name][language],
        cut=number(float(tree.threshold[0]), language, 2 if feature.kind == "money" else 0),
        label=facts.personas[tree.persona[unsure]]["label"][language],
        confidence=_sure(tree.confidence[unsure], language),
    )
    return typeset(sentence, language)


TREE = Picture(
    "tree",
    {"en": "The rules as a tree", "fr": "Les règles sous forme d’arbre"},
    _figure,
    _says,
)

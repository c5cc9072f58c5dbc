"""The fitted model as JSON: numbers only, so that loading one never executes code."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from contract.columns import INPUTS, Column
from contract.errors import BadInputError
from languages.phrases import phrases_of
from segmentation.model.inputs import INPUT_NAMES
from segmentation.model.personas import PERSONA_NAMES
from segmentation.model.scores import Scores
from segmentation.model.space import Space, nearest
from segmentation.model.tree import LEAF, Tree

CLUSTERS_FORMAT, TREE_FORMAT = 2, 1
"""Of the files that are written. Clusters of format 1, all of them of measures, are read as well."""
SPACES: dict[str, type[Space] | type[Scores]] = {"measures": Space, "scores": Scores}
NODES = ("feature", "threshold", "left", "right", "shares", "held")
"""What is told of each node of a tree."""


@dataclass(frozen=True)
class Model:
    """All that assigning needs; `persona_of_cluster` and the tree's answers are indices into PERSONAS."""

    space: Space | Scores
    centres: np.ndarray
    persona_of_cluster: np.ndarray
    tree: Tree

    def place(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the cluster and the leaf of each client of raw inputs, shape (clients, inputs); each for itself."""
        return nearest(self.space.project(X), self.centres), self.tree.apply(X)

    def answers(self, X: np.ndarray) -> np.ndarray:
        """Return the persona of each client of raw inputs, as an index into PERSONAS."""
        return self.tree.persona[self.tree.apply(X)]


def dump(model: Model) -> dict[str, bytes]:
    """Return the model's files by name."""
    clusters = {
        "format": CLUSTERS_FORMAT,
        **_space(model.space),
        "centres": model.centres.tolist(),
        "persona_of_cluster": [PERSONA_NAMES[i] for i in model.persona_of_cluster],
    }
    tree = {
        "format": TREE_FORMAT,
        "personas": PERSONA_NAMES,
        "features": [_words(column) for column in INPUTS],
        "nodes": {
            "feature": model.tree.feature.tolist(),
            "threshold": model.tree.threshold.tolist(),
            "left": model.tree.left.tolist(),
            "right": model.tree.right.tolist(),
            "persona": model.tree.persona.tolist(),
            "confidence": model.tree.confidence.tolist(),
            "shares": model.tree.shares.tolist(),
            "held": model.tree.held.tolist(),
        },
    }
    return {"clusters.json": _encode(clusters), "tree.json": _encode(tree)}


def _space(space: Space | Scores) -> dict[str, Any]:
    common = {
        "inputs": space.names,
        "mean": space.mean.tolist(),
        "components": space.components.tolist(),
        "explained_variance": space.explained.tolist(),
    }
    if isinstance(space, Space):
        return common | {"space": "measures", "scale": space.scale.tolist()}
    return common | {
        "space": "scores",
        "cuts": [c.tolist() for c in space.cuts],
        "shares": [s.tolist() for s in space.shares],
        "steps": [s.tolist() for s in space.steps],
    }


def _read_space(kind: type[Space] | type[Scores], clusters: dict[str, Any]) -> Space | Scores:
    mean, components, explained = (np.array(clusters[name]) for name in ("mean", "components", "explained_variance"))
    if kind is Space:
        return Space(mean, np.array(clusters["scale"]), components, explained)
    cuts, shares, steps = (tuple(map(np.array, clusters[name])) for name in ("cuts", "shares", "steps"))
    return Scores(cuts, shares, steps, mean, components, explained)


def load_tree(file: bytes) -> Tree:
    """Return the tree of any version's model, which may look at other columns than today's.

    Raises BadInputError when it is damaged, or asks about a column that is gone.
    """
    try:
        tree = json.loads(file)
        nodes = _nodes(tree)
        names = [feature["name"] for feature in tree["features"]]
        nodes["feature"] = np.array(
            [place if place == LEAF else INPUT_NAMES.index(names[place]) for place in nodes["feature"]]
        )
        return Tree(*(nodes[name] for name in NODES))
    except (LookupError, ValueError, TypeError) as error:
        raise BadInputError("The tree cannot be read: it is damaged, or asks about columns that are gone.") from error


def _nodes(tree: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return what is told of each node; older models do not say what other samples tell."""
    nodes = {name: np.array(values) for name, values in tree["nodes"].items()}
    return {"held": np.ones(len(nodes["feature"]))} | nodes


def load(files: dict[str, bytes]) -> Model:
    """Return the model in files that `dump` made; raise BadInputError for any other."""
    try:
        clusters, tree = json.loads(files["clusters.json"]), json.loads(files["tree.json"])
        kind = SPACES[clusters.get("space", "measures")]
        if not 1 <= clusters["format"] <= CLUSTERS_FORMAT or tuple(clusters["inputs"]) != kind.names:
            raise BadInputError("The model was made for other client columns, or by another version.")
        nodes = _nodes(tree)
        return Model(
            _read_space(kind, clusters),
            np.array(clusters["centres"]),
            np.array([PERSONA_NAMES.index(name) for name in clusters["persona_of_cluster"]]),
            Tree(*(nodes[name] for name in NODES)),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise BadInputError("The model cannot be read: it is damaged or not whole.") from error


def _words(column: Column) -> dict[str, Any]:
    """Say how a column is spoken of, without the phrases that it does not have."""
    phrases = phrases_of(column)
    said = {"words": phrases.words, "one": phrases.one, "none": phrases.none} if phrases else {}
    return {"name": column.name, "kind": column.kind} | {name: words for name, words in said.items() if words}


def _encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True).encode()

"""What a run found out about each persona: size, share of revenue, typical client, rules, fit."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segmentation.errors import QualityGateError
from segmentation.model.rules import Rule, rules
from segmentation.model.tree import Tree
from segmentation.personas import PERSONAS
from segmentation.profiles import profile
from segmentation.words import LANGUAGES

TRUE_TO_TYPE = 0.3
"""The farthest from its archetype, of 2 at most, that a persona's words are taken to describe its clients."""


def portraits(segments: pa.Table, tree: Tree, fit: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return an entry for each persona, in their order, as personas.json of a snapshot holds them.

    `fit` is the distance of each persona's clients from its archetype. Raises QualityGateError when a
    persona has no client.
    """
    ways = rules(tree)
    revenue = float(np.sum(segments["total_purchase_value"].to_numpy()))
    entries = []
    for index, persona in enumerate(PERSONAS):
        own = segments.filter(pc.equal(segments["persona"], persona.name))
        if not own.num_rows:
            raise QualityGateError(f"No client is a {persona.name}: these clients do not fall into seven.")
        value = float(np.sum(own["total_purchase_value"].to_numpy()))
        entries.append(
            {
                **asdict(persona),
                "clients": own.num_rows,
                "share": own.num_rows / segments.num_rows,
                "revenue": round(value, 2),
                "revenue_share": value / revenue if revenue else 0.0,
                "profile": profile(own),
                "rules": _said([way for way in ways if tree.persona[way.leaf] == index], tree),
                "fit": fit[persona.name],
                "true_to_type": fit[persona.name] <= TRUE_TO_TYPE,
                "clusters": sorted(pc.unique(own["cluster"].filter(own["agrees"])).to_pylist()),
            }
        )
    return entries


def _said(ways: list[Rule], tree: Tree) -> dict[str, list[str]]:
    """Say the rules, those that answer with most confidence first."""
    ordered = sorted(ways, key=lambda way: (-tree.confidence[way.leaf], way.leaf))
    return {language: [way.say(language) for way in ordered] for language in LANGUAGES}

"""What a run found out about each persona: size, share of revenue, typical client, rules, fit."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from languages import LANGUAGES, language
from segmentation.model.assign import persona_codes
from segmentation.model.claims import checked, described, groups
from segmentation.model.personas import PERSONAS
from segmentation.model.profiles import profiles
from segmentation.model.rules import Rule, rules
from segmentation.model.tree import Tree
from segmentation.tools.parts import StoredTable

ELSEWHERE = -1
"""For the cluster of a client whose persona is not that of its cluster."""
_KEPT = ("name", "emoji", "colour", "label", "alike", "archetype")
"""What a persona is in every shop."""


def portraits(segments: pa.Table | StoredTable, tree: Tree, metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return an entry for each persona, in their order, as personas.json of a snapshot holds them.

    `metrics` are those of the model. A persona that none of these clients has is told of without a typical client.
    """
    fit = metrics["distance_to_archetype"]
    ways = rules(tree)
    codes = persona_codes(segments["persona"])
    sizes = np.bincount(codes, minlength=len(PERSONAS)).tolist()
    spent = segments["total_purchase_value"].to_numpy()
    revenue = float(np.sum(spent))
    clusters = np.where(segments["agrees"].to_numpy(), segments["cluster"].to_numpy(), ELSEWHERE)
    own_profiles = profiles(segments, codes, len(PERSONAS))
    found, every = groups(segments, codes, len(PERSONAS))
    held = checked(found, every)
    entries = []
    for index, persona in enumerate(PERSONAS):
        own = codes == index
        value = float(np.sum(spent[own]))
        entries.append(
            {
                **{name: getattr(persona, name) for name in _KEPT},
                **described(persona, held[index], found[index], every),
                "clients": sizes[index],
                "share": sizes[index] / segments.num_rows,
                "revenue": round(value, 2),
                "revenue_share": value / revenue if revenue else 0.0,
                "profile": own_profiles[index],
                "rules": _said([way for way in ways if tree.persona[way.leaf] == index], tree),
                "fit": fit[persona.name],
                "clusters": sorted(set(clusters[own].tolist()) - {ELSEWHERE}),
            }
        )
    return entries


def _said(ways: list[Rule], tree: Tree) -> dict[str, list[str]]:
    """Say the rules, those that answer with most confidence first."""
    ordered = sorted(ways, key=lambda way: (-tree.confidence[way.leaf], way.leaf))
    return {code: [way.said(language(code)) for way in ordered] for code in LANGUAGES}

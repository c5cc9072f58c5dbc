"""What a run found out about each persona: size, share of revenue, typical client, rules, fit."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from contract.columns import AXES, Axis
from contract.words import N_
from languages import LANGUAGES, language
from segmentation.model.assign import persona_codes
from segmentation.model.personas import PERSONAS, Persona
from segmentation.model.profiles import profiles
from segmentation.model.rules import Rule, rules
from segmentation.model.tree import Tree
from segmentation.tools.errors import QualityGateError
from segmentation.tools.parts import StoredTable

TRUE_TO_TYPE = 0.3
"""The farthest from its archetype, of 2 at most, that a persona's words are taken to describe its clients."""


ELSEWHERE = -1
"""For the cluster of a client whose persona is not that of its cluster."""

_DIFFERS: dict[Axis, tuple[str, str]] = {
    "recency": (
        N_("In this shop they bought longer ago than the name suggests."),
        N_("In this shop they bought more recently than the name suggests."),
    ),
    "frequency": (
        N_("In this shop they buy less often than the name suggests."),
        N_("In this shop they buy more often than the name suggests."),
    ),
    "monetary": (
        N_("In this shop they spend less than the name suggests."),
        N_("In this shop they spend more than the name suggests."),
    ),
    "activity": (
        N_("In this shop they visit less than the name suggests."),
        N_("In this shop they visit more than the name suggests."),
    ),
}
"""In what clients may be unlike their persona: less of it, and more."""


def portraits(segments: pa.Table | StoredTable, tree: Tree, metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return an entry for each persona, in their order, as personas.json of a snapshot holds them.

    `metrics` are those of the model. Raises QualityGateError when a persona has no client.
    """
    fit = metrics["distance_to_archetype"]
    ways = rules(tree)
    codes = persona_codes(segments["persona"])
    sizes = np.bincount(codes, minlength=len(PERSONAS)).tolist()
    for persona, size in zip(PERSONAS, sizes, strict=True):
        if not size:
            raise QualityGateError(f"No client is a {persona.name}: these clients do not fall into seven.")
    spent = segments["total_purchase_value"].to_numpy()
    revenue = float(np.sum(spent))
    clusters = np.where(segments["agrees"].to_numpy(), segments["cluster"].to_numpy(), ELSEWHERE)
    own_profiles = profiles(segments, codes, len(PERSONAS))
    entries = []
    for index, persona in enumerate(PERSONAS):
        own = codes == index
        true_to_type = fit[persona.name] <= TRUE_TO_TYPE
        value = float(np.sum(spent[own]))
        entries.append(
            {
                **asdict(persona),
                "clients": sizes[index],
                "share": sizes[index] / segments.num_rows,
                "revenue": round(value, 2),
                "revenue_share": value / revenue if revenue else 0.0,
                "profile": own_profiles[index],
                "rules": _said([way for way in ways if tree.persona[way.leaf] == index], tree),
                "fit": fit[persona.name],
                "true_to_type": true_to_type,
                "unlike": None if true_to_type else unlike(persona, metrics["clusters"]),
                "clusters": sorted(set(clusters[own].tolist()) - {ELSEWHERE}),
            }
        )
    return entries


def unlike(persona: Persona, clusters: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Say in what a persona's clusters differ most from its archetype."""
    own = [cluster for cluster in clusters if cluster["persona"] == persona.name]
    sizes = [cluster["clients"] for cluster in own]
    apart = {
        axis: np.average([cluster["position"][axis] for cluster in own], weights=sizes) - persona.archetype[axis]
        for axis in AXES
    }
    axis = max(AXES, key=lambda axis: abs(apart[axis]))
    return {code: language(code).gettext(_DIFFERS[axis][int(apart[axis] > 0)]) for code in LANGUAGES}


def _said(ways: list[Rule], tree: Tree) -> dict[str, list[str]]:
    """Say the rules, those that answer with most confidence first."""
    ordered = sorted(ways, key=lambda way: (-tree.confidence[way.leaf], way.leaf))
    return {code: [way.said(language(code)) for way in ordered] for code in LANGUAGES}

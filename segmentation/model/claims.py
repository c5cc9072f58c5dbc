"""What is said of a persona, each claim checked on the clients who got it.

A persona stands for some claims; its name fits where they all hold, and only those that hold are said. What is said of
one persona never rests on a comparison that the client table does not bear out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from contract.words import N_
from languages import LANGUAGES, Language, language
from segmentation.model.personas import Persona
from segmentation.tools.parts import StoredTable

LATELY_DAYS, SILENT_DAYS = 60, 91
"""Two months and three: who bought at most so long ago did lately, who bought longer ago has been silent."""
MOST, THREE_IN_FOUR = 0.5, 0.75
_STRETCHES = ("count_products_2m", "count_products_5m", "count_products_7m")
"""Who bought in two of the last two months, the three before them, and the two before these came back to buy."""
_SAID = 2
"""So much is said of a persona at least, if it is only what the figures say of any group."""


@dataclass(frozen=True)
class Group:
    """What claims look at: some clients' medians, and the shares of them who bought lately, not for long, or again."""

    spent: float
    visits: float
    lately: float
    silent: float
    returning: float


@dataclass(frozen=True)
class Beside:
    """A group beside everyone; `highest` is whether it alone has the highest median spending."""

    own: Group
    every: Group
    highest: bool


@dataclass(frozen=True)
class Claim:
    """What may be said of clients, what is said instead where it is not true, and when it is."""

    says: str
    denied: str
    holds: Callable[[Beside], bool]


CLAIMS: dict[str, Claim] = {
    "spends_most": Claim(N_("spend the most"), N_("Others spend more."), lambda beside: beside.highest),
    "spends_more": Claim(
        N_("spend more than most"),
        N_("Their median spending is {own}; that of all clients is {every}."),
        lambda beside: beside.own.spent > beside.every.spent,
    ),
    "spends_less": Claim(
        N_("spend less than most"),
        N_("Their median spending is {own}; that of all clients is {every}."),
        lambda beside: beside.own.spent < beside.every.spent,
    ),
    "active": Claim(
        N_("most bought in the last two months"),
        N_("Most have bought nothing in the last two months."),
        lambda beside: beside.own.lately > MOST,
    ),
    "silent": Claim(
        N_("three in four have bought nothing for three months"),
        N_("More than a quarter bought in the last three months."),
        lambda beside: beside.own.silent >= THREE_IN_FOUR,
    ),
    "returning": Claim(
        N_("most have come back to buy after months"),
        N_("Most have not come back to buy after months."),
        lambda beside: beside.own.returning > MOST,
    ),
    "comes_often": Claim(
        N_("come more often than most"),
        N_("They come no more often than most."),
        lambda beside: beside.own.visits > beside.every.visits,
    ),
    "comes_seldom": Claim(
        N_("come no more often than most"),
        N_("They come more often than most."),
        lambda beside: beside.own.visits <= beside.every.visits,
    ),
}
"""All that is said of the behaviour of a persona's clients."""
_OF_ANYBODY = ("spends_more", "spends_less", "active", "silent", "returning")

_NOBODY = N_("no client is one at present")
_AS_MOST = N_("spend as much as most")
_ADVICE = {
    (True, True): N_("Keep: thanks, and early access."),
    (True, False): N_("Develop: what goes with what they bought."),
    (False, True): N_("Win back: they are worth a personal offer."),
    (False, False): N_("Remind: news that cost little."),
}
"""By whether most bought lately, and whether they spend more than most: where a persona's own would not fit."""


def groups(clients: pa.Table | StoredTable, codes: np.ndarray, count: int) -> tuple[list[Group | None], Group]:
    """Return the figures of each group of clients, None for an empty one, and those of everyone.

    `codes` has each client's group, from 0 up. Six columns are in memory at once.
    """
    spent, days, visits = (
        clients[name].to_numpy()
        for name in ("total_purchase_value", "days_since_last_purchase", "number_of_sessions_7m")
    )
    two, five, seven = (clients[name].to_numpy() for name in _STRETCHES)
    back = (two > 0).astype(int) + (five > two) + (seven > five) >= 2

    def group(rows: np.ndarray) -> Group:
        return Group(
            spent=float(np.median(spent[rows])),
            visits=float(np.median(visits[rows])),
            lately=float((days[rows] <= LATELY_DAYS).mean()),
            silent=float((days[rows] > SILENT_DAYS).mean()),
            returning=float(back[rows].mean()),
        )

    every = group(np.ones(len(codes), dtype=bool))
    return [group(codes == code) if (codes == code).any() else None for code in range(count)], every


def checked(found: Sequence[Group | None], every: Group) -> list[dict[str, bool]]:
    """Return for each group which claims hold; none do of an empty one."""
    spent = [group.spent for group in found if group]
    most = max(spent) if spent.count(max(spent)) == 1 else None
    return [
        {name: bool(group and claim.holds(Beside(group, every, group.spent == most))) for name, claim in CLAIMS.items()}
        for group in found
    ]


def described(persona: Persona, held: Mapping[str, bool], own: Group | None, every: Group) -> dict[str, Any]:
    """Return the words that are true of a persona's clients, whether its name fits them, and in what it does not."""
    if own is None:
        told = {"traits": _worded(lambda say: say.gettext(_NOBODY)), "advice": persona.advice}
        return {"claims": [], "true_to_type": True, "unlike": None, **told}
    said = [name for name in persona.claims if held[name]]
    said += [name for name in _OF_ANYBODY if held[name] and name not in said][: max(_SAID - len(said), 0)]
    texts = [CLAIMS[name].says for name in said] or [_AS_MOST]
    denied = [name for name in persona.claims if not held[name]]
    fits = all(held[name] for name in persona.advice_for)
    general = _ADVICE[held["active"], held["spends_more"]]

    def denial(name: str, say: Language) -> str:
        told = {"own": say.about("money", own.spent), "every": say.about("money", every.spent)}
        return say.gettext(CLAIMS[name].denied, **told)

    return {
        "claims": [{"claim": name, "holds": held[name]} for name in persona.claims],
        "traits": _worded(lambda say: ", ".join(say.gettext(text) for text in texts)),
        "advice": persona.advice if fits else _worded(lambda say: say.gettext(general)),
        "true_to_type": not denied,
        "unlike": _worded(lambda say: " ".join(denial(name, say) for name in denied)) if denied else None,
    }


def _worded(words: Callable[[Language], str]) -> dict[str, str]:
    return {code: words(language(code)) for code in LANGUAGES}

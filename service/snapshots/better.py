"""The smallest change that would make a client one of the next better persona.

Better is who is worth more, also than what this client has spent, and bought as lately by nature: personas stand in
the order of what their typical client spent in 7 months (the profile's median in personas.json). A change is what the
client may still do today, on top of what it has done: buy, look, visit, fill the cart; to buy makes the last purchase
today's. Changes that say less are smaller, and of two that say as much the one with the smaller steps, as ratios. What
hardly anybody does is no change: more than so many items more, several times as dear as this client's, or several
times as much looking. Nor is what the shop does not record: where it tells of purchases only, a visit is one.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import ceil, inf, log
from typing import Any

from contract.columns import COLUMN, is_recorded, visits_are_recorded
from contract.words import NN_
from languages import Language
from service.snapshots.tree import SAID, Bounds, Tree

Values = Mapping[str, float]

WORTH = "median_total_purchase_value"
_DAYS, _BOUGHT, _SPENT, _PRICE = (
    "days_since_last_purchase",
    "count_products_7m",
    "total_purchase_value",
    "avg_price_7m",
)
_CARTS, _LEFT = "number_of_carts_7m", "cart_abandonments"
_RAISED = ("number_of_views_7m", "number_of_sessions_7m", _CARTS)
_MOST_MORE = 10
"""So many more of anything somebody may still do."""
_MOST_TIMES = 3
"""Of looks, visits and additions to the cart, up to so many times what there is."""
_DEAREST = 3
"""An item costs up to so many times what this client has paid for one."""
_CENT = Decimal("0.01")
_ANY: Bounds = (-inf, inf)


@dataclass(frozen=True)
class Change:
    """What a client's values would be, and between which amounts it would have to spend."""

    before: Values
    after: Values
    spend: tuple[Decimal, Decimal | None]

    @property
    def size(self) -> tuple[int, float]:
        """Return how much the change says, then its steps as ratios; smaller is smaller."""
        changed = [name for name in (_BOUGHT, _SPENT, *_RAISED) if self.after[name] != self.before[name]]
        steps = sum(log((self.after[name] + 1) / (self.before[name] + 1)) for name in changed)
        return len({_BOUGHT if name == _SPENT else name for name in changed}), steps

    @property
    def raised(self) -> set[str]:
        """Return what there would be more of, beside purchases."""
        return {name for name in _RAISED if self.after[name] != self.before[name]}

    @property
    def is_likely(self) -> bool:
        """Return whether somebody may do it: a customer shown a mountain does not climb it."""
        items = self.after[_BOUGHT] - self.before[_BOUGHT]
        raised = [(self.before[name], self.after[name]) for name in _RAISED]
        return items <= _MOST_MORE and all(
            after <= max(before + _MOST_MORE, before * _MOST_TIMES) for before, after in raised
        )

    def said(self, tree: Tree) -> dict[str, list[str]]:
        """Say the change in sentences, by language."""
        return {code: list(self._sentences(tree, say)) for code, say in SAID.items()}

    def _sentences(self, tree: Tree, say: Language) -> Iterator[str]:
        if more := int(self.after[_BOUGHT] - self.before[_BOUGHT]):
            yield self._bought(more, say)
        for name in _RAISED:
            if self.after[name] != self.before[name]:
                fact, now = tree.fact(name, self.after[name], say), say.whole(int(self.before[name]))
                yield say.gettext("{fact}, instead of {now}", fact=fact, now=now)

    def _bought(self, more: int, say: Language) -> str:
        least, most = self.spend
        one, many = _PRICED[bool(least), most is not None]
        return say.ngettext(one, many, more, least=say.money(least), most=say.money(most or 0))


_PRICED = {
    (False, False): NN_("{count} more item bought at any price", "{count} more items bought at any price"),
    (True, False): NN_(
        "{count} more item bought for at least {least}", "{count} more items bought for at least {least} in all"
    ),
    (False, True): NN_(
        "{count} more item bought for at most {most}", "{count} more items bought for at most {most} in all"
    ),
    (True, True): NN_(
        "{count} more item bought for {least} to {most}", "{count} more items bought for {least} to {most} in all"
    ),
}
"""What is to be bought, by whether it must cost so much, and may not cost more."""


def next_better(
    tree: Tree, personas: Sequence[Mapping[str, Any]], values: Mapping[str, Any], metrics: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the nearest better persona that the client can come to, and by which change; None when there is none.

    `metrics` are the snapshot's: of what the shop does not record, nobody is told to do more.
    """
    may = [name for name in _RAISED if is_recorded(COLUMN[name], metrics)] if visits_are_recorded(metrics) else []
    worth = [persona["profile"].get(WORTH, 0.0) for persona in personas]
    own = tree.answer(values)[0]
    least = max(worth[own], values[_SPENT])
    for place in sorted(range(len(personas)), key=worth.__getitem__):
        persona = personas[place]
        later = persona["archetype"]["recency"] >= personas[own]["archetype"]["recency"]
        if worth[place] > least and later and (change := smallest_change(tree, place, values, may)):
            return {"persona": persona["name"], "label": persona["label"], "change": change.said(tree)}
    return None


def smallest_change(tree: Tree, persona: int, values: Values, may: Collection[str] = _RAISED) -> Change | None:
    """Return the smallest likely change that makes a client one of a persona (its place), None when none does.

    It may ask for more of the columns in `may`, beside purchases.
    """
    changes = (_change(values, box) for place, box in tree.leaves if place == persona)
    likely = (change for change in changes if change and change.is_likely and change.raised <= set(may))
    return min(likely, key=lambda change: change.size, default=None)


def _change(before: Values, box: Mapping[str, Bounds]) -> Change | None:
    """Return the smallest change that leads into a leaf's box, None when none does."""
    after = dict(before)
    more = _items(before, box)
    spend: tuple[Decimal, Decimal | None] = (Decimal(0), None)
    if more:
        more, spend = _affordable(before, more, box)
        after[_BOUGHT] += more
        after[_DAYS] = 0
        after[_SPENT] = float(_cents(before[_SPENT]) + spend[0])
        after[_PRICE] = after[_SPENT] / after[_BOUGHT]
    for name in _RAISED:
        after[name] = max(before[name], box.get(name, _ANY)[0] + 1)
    after[_CARTS] = max(after[_CARTS], box.get(_LEFT, _ANY)[0] + 1 + after[_BOUGHT])
    after[_LEFT] = max(after[_CARTS] - after[_BOUGHT], 0)
    inside = all(low < after[name] <= high for name, (low, high) in box.items())
    return Change(before, after, spend) if inside else None


def _items(before: Values, box: Mapping[str, Bounds]) -> int:
    """Return how many more items must be bought at the least."""
    least_spent = max(before[_SPENT], box.get(_SPENT, _ANY)[0])
    fewest = [
        box.get(_BOUGHT, _ANY)[0] + 1,
        before[_CARTS] - box.get(_LEFT, _ANY)[1],
        ceil(least_spent / price) if 0 < (price := box.get(_PRICE, _ANY)[1]) < inf else 0,
    ]
    too_little = any(before[name] <= box.get(name, _ANY)[0] for name in (_SPENT, _PRICE))
    must_buy = too_little or before[_DAYS] > box.get(_DAYS, _ANY)[1]
    return int(max(must_buy, *(count - before[_BOUGHT] for count in fewest)))


def _affordable(before: Values, more: int, box: Mapping[str, Bounds]) -> tuple[int, tuple[Decimal, Decimal | None]]:
    """Return how many more items it takes, at prices that this client pays, and what they may cost in all."""
    dearest = _DEAREST * _cents(before[_SPENT]) / max(int(before[_BOUGHT]), 1)
    while True:
        spend = _spend(before, before[_BOUGHT] + more, box)
        if spend[0] <= dearest * more or more > _MOST_MORE:
            return more, spend
        more += 1


def _spend(before: Values, bought: float, box: Mapping[str, Bounds]) -> tuple[Decimal, Decimal | None]:
    """Return the least and the most that these items may cost in all, in cents; None when there is no most."""
    spent, items = _cents(before[_SPENT]), Decimal(int(bought))
    totals = [(box.get(_SPENT, _ANY), Decimal(1)), (box.get(_PRICE, _ANY), items)]
    lows = [Decimal(repr(low)) * per for (low, _), per in totals if low > -inf]
    highs = [Decimal(repr(high)) * per for (_, high), per in totals if high < inf]
    least = max((low.quantize(_CENT, ROUND_FLOOR) + _CENT - spent for low in lows), default=Decimal(0))
    most = min((high.quantize(_CENT, ROUND_FLOOR) - spent for high in highs), default=None)
    return max(least, Decimal(0)), most


def _cents(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(_CENT, ROUND_CEILING)

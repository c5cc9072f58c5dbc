"""Which of a client's features cannot be true together, on whatever day the windows end."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from contract.calendar import WINDOW_MONTHS
from contract.columns import COUNTED

WINDOWS = tuple(f"{months}m" for months in WINDOW_MONTHS)
SUM = ("count_products_7m", "total_purchase_value", "number_of_carts_7m")

DAYS = {"2m": (59, 62), "5m": (150, 153)}
"""How many days so many calendar months have, at least and at most."""

_ROUNDING = 0.01
"""How far a mean price may be off, because it was rounded."""

Wrong = Iterator[tuple[str, str]]
"""Features, each with what is wrong with it."""


def disagreements(features: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return every feature that another contradicts, with the reasons; those left out contradict nothing."""
    wrong: dict[str, list[str]] = {}
    for rule in (_nesting, _following, _prices, _purchases, _spent):
        for name, reason in rule(features):
            wrong.setdefault(name, []).append(reason)
    return wrong


def _nesting(features: Mapping[str, Any]) -> Wrong:
    """What is in a shorter window is in the longer ones."""
    for name in COUNTED:
        for shorter, longer in combinations([f"{name}_{window}" for window in WINDOWS], 2):
            if shorter in features and longer in features and features[shorter] > features[longer]:
                yield shorter, f"Must be at most {longer}."


def _following(features: Mapping[str, Any]) -> Wrong:
    """Two features follow from others."""
    bought, spent, carts = (features.get(name) for name in SUM)
    price, left = features.get("avg_price_7m"), features.get("cart_abandonments")
    if bought and price is not None and spent is not None and abs(price * bought - spent) > _ROUNDING * bought:
        yield "avg_price_7m", "Must be total_purchase_value divided by count_products_7m, or left out."
    if bought and carts is not None and left is not None and left != max(carts - bought, 0):
        yield "cart_abandonments", "Must be number_of_carts_7m less count_products_7m, at least 0, or left out."


def _prices(features: Mapping[str, Any]) -> Wrong:
    """There is a mean price when something was bought."""
    for window in DAYS:
        count, price = f"count_products_{window}", f"avg_price_{window}"
        if count in features and price in features and (features[count] == 0) != (features[price] is None):
            yield price, f"Must be null when {count} is 0, a number when it is more, or left out."


def _purchases(features: Mapping[str, Any]) -> Wrong:
    """A window tells of a purchase when it has the last one, and when a shorter one has one."""
    days = features.get("days_since_last_purchase")
    told = {window: found for window in DAYS if (found := _tells_of_purchase(features, window))}
    for window, (name, something) in told.items():
        least, most = DAYS[window]
        if days is not None and not something and days < least:
            yield name, "Must tell of a purchase: the last one lies in this window."
        if days is not None and something and days >= most:
            yield name, "Must tell of no purchase: the last one lies before this window."
    if set(told) == set(DAYS) and told["2m"][1] and not told["5m"][1]:
        yield told["2m"][0], f"Must agree with {told['5m'][0]}: that window is longer."


def _tells_of_purchase(features: Mapping[str, Any], window: str) -> tuple[str, bool] | None:
    """Return whether something was bought in a window, and the feature that says so; None when none does."""
    count, price = f"count_products_{window}", f"avg_price_{window}"
    if count in features:
        return count, features[count] > 0
    return (price, features[price] is not None) if price in features else None


def _spent(features: Mapping[str, Any]) -> Wrong:
    """Nobody spends more in a shorter window than in a longer one, and with as many items as much."""
    for shorter, longer in combinations(WINDOWS, 2):
        count, price = features.get(f"count_products_{shorter}", 1), features.get(f"avg_price_{shorter}")
        most = _spent_in(features, longer)
        if price is None or most is None:
            continue
        items, spent = most
        over = price * count - spent
        may_be_off = _ROUNDING * items
        if over > may_be_off or (f"count_products_{shorter}" in features and count == items and over < -may_be_off):
            yield f"avg_price_{shorter}", f"Must agree with what was spent in {longer[0]} months, or be left out."


def _spent_in(features: Mapping[str, Any], window: str) -> tuple[int, float] | None:
    """Return how many items were bought in a window and what they cost together, None when that is not told."""
    count = features.get(f"count_products_{window}")
    if window == WINDOWS[-1]:
        spent = features.get("total_purchase_value")
    else:
        price = features.get(f"avg_price_{window}")
        spent = 0 if count == 0 else None if price is None or count is None else price * count
    return None if count is None or spent is None else (count, spent)

"""The shop's products: each with a fixed category, brand and base price, and the chance of being looked at.

Products lie in price bands. Within a band a table of slots holds each product as often as its popularity
(Zipf) asks, sorted by category and brand: a user's taste is a place in the table, and like lies near like.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.assortment import BRANDS, KINDS, PHONES, REFILED_AS
from simulator.draws import Floats, Ints, draw, key, normal, uniform

LOWEST_PRICE, HIGHEST_PRICE = 0.79, 2574.07
"""The real data's range; the upper end is a hard ceiling."""

PRODUCTS_PER_CLIENT = 386_299 / 2_064_899
FEWEST_PRODUCTS = 3_000

BANDS = 128
SLOTS = 1 << 14
NULL_CATEGORY, NULL_BRAND = 0.33, 0.14
"""Shares of events without a category code and without a brand in the real data."""

CODES = tuple(kind.code for kind in KINDS)
BRAND_NAMES = tuple(sorted({brand for brands in BRANDS.values() for brand in brands}))
PHONES_CODE, REFILED_CODE = CODES.index(PHONES), CODES.index(REFILED_AS)

CATEGORY_IDS = 2_053_013_551_000_000_000 + np.arange(2 * len(CODES), dtype=np.int64) * 8_388_617
"""Ids of the categories with a code, then of as many without one."""

_LOG_STEP = np.log(HIGHEST_PRICE / LOWEST_PRICE) / (BANDS - 1)
_ZIPF = 0.9
_GOLDEN = 0.6180339887
"""Multiples of the golden ratio fill the unit interval evenly, so that shares hold at every popularity."""


@dataclass(frozen=True)
class Catalogue:
    """The products by number; `category` from `len(CODES)` on has no code, `brand` -1 is none.

    `slots` holds product numbers, `SLOTS` for each of `BANDS` price bands.
    """

    product_id: Ints
    category: npt.NDArray[np.int16]
    brand: npt.NDArray[np.int16]
    price: Floats
    slots: npt.NDArray[np.int32]


def band_of(price: Floats) -> Ints:
    """Return the price band of each price."""
    band = np.rint(np.log(np.maximum(price, LOWEST_PRICE) / LOWEST_PRICE) / _LOG_STEP)
    return np.asarray(np.clip(band, 0, BANDS - 1), np.int64)


def stock(clients: int, seed: int) -> Catalogue:
    """Fill the shelves for a shop of that many clients."""
    n = max(FEWEST_PRODUCTS, round(clients * PRODUCTS_PER_CLIENT))
    number = np.arange(n)
    shares = np.cumsum([kind.share for kind in KINDS])
    kind = np.searchsorted(shares / shares[-1], uniform(draw(key(seed, "kind"), number)), side="right")
    log_price = 0.75 * normal(draw(key(seed, "price"), number))
    price = np.array([k.price for k in KINDS])[kind] * np.exp(log_price)
    price = np.round(np.clip(price, LOWEST_PRICE, HIGHEST_PRICE), 2)
    rank = _popularity_ranks(band_of(price), draw(key(seed, "popularity"), number))
    brand = _brands(kind, uniform(draw(key(seed, "brand"), number)))
    weight = np.array([k.pull for k in KINDS])[kind] / (rank + 2.0) ** _ZIPF
    slots = _slots(band_of(price), kind * len(BRAND_NAMES) + brand, weight)
    return Catalogue(
        product_id=1_000_000 + number * 250 + (draw(key(seed, "product"), number) % np.uint64(250)).astype(np.int64),
        category=np.where(_evenly(rank, kind, NULL_CATEGORY), kind + len(CODES), kind).astype(np.int16),
        brand=np.where(_evenly(rank + 7, kind, NULL_BRAND), -1, brand).astype(np.int16),
        price=price,
        slots=slots,
    )


def _evenly(rank: Ints, offset: Ints, share: float) -> npt.NDArray[np.bool_]:
    return np.asarray((rank * _GOLDEN + offset * 0.3247) % 1 < share)


def _popularity_ranks(band: Ints, order: npt.NDArray[np.uint64]) -> Ints:
    """Return each product's rank within its band, 0 the most popular."""
    by_band = np.lexsort((order, band))
    first = np.searchsorted(band[by_band], np.arange(BANDS))
    ranks = np.empty_like(band)
    ranks[by_band] = np.arange(len(band)) - first[band[by_band]]
    return ranks


def _brands(kind: Ints, chance: Floats) -> Ints:
    number = {brand: i for i, brand in enumerate(BRAND_NAMES)}
    brand = np.empty_like(kind)
    for code, of_kind in enumerate(KINDS):
        names = BRANDS[of_kind.code.partition(".")[0]]
        mine = kind == code
        brand[mine] = np.array([number[name] for name in names])[(chance[mine] ** 2 * len(names)).astype(np.int64)]
    return brand


def _slots(band: Ints, shelf: Ints, weight: Floats) -> npt.NDArray[np.int32]:
    """Lay the products of each band out over its slots; a band without products takes its neighbour's."""
    filled = np.unique(band)
    rows = np.empty((BANDS, SLOTS), np.int32)
    steps = (np.arange(SLOTS) + 0.5) / SLOTS
    for row in range(BANDS):
        nearest = filled[np.argmin(np.abs(filled - row))]
        mine = np.flatnonzero(band == nearest)
        mine = mine[np.argsort(shelf[mine], kind="stable")]
        share = np.cumsum(weight[mine])
        rows[row] = mine[np.minimum(np.searchsorted(share / share[-1], steps), len(mine) - 1)]
    return rows.ravel()

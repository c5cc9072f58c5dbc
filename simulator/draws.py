"""Random numbers as a pure function of (key, index): any part of the shop can be drawn again, in any order.

The generator is SplitMix64's finaliser (Steele, Lea & Flood 2014), which passes BigCrush on a counter.
Only integer arithmetic and small tables stand behind it, so that machines agree.
"""

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

GOLDEN = 0x9E3779B97F4A7C15
"""2^64 / golden ratio, SplitMix64's increment."""

_MASK = (1 << 64) - 1
_NORMAL = np.round([NormalDist().inv_cdf((i + 0.5) / 4096) for i in range(4096)], 6)


def mix(words: Words) -> Words:
    """Scramble 64-bit words one to one."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def key(seed: int, stream: str) -> np.uint64:
    """Return the key of a named stream of draws under a seed."""
    word = (seed + 1) * GOLDEN & _MASK
    for byte in stream.encode():
        word = (word ^ byte) * 0x100000001B3 & _MASK
    return np.uint64(mix(np.array([word], np.uint64))[0])


def draw(stream_key: np.uint64, index: Ints | Words) -> Words:
    """Return one word for each index of a stream."""
    return mix(index.astype(np.uint64) * np.uint64(GOLDEN) + stream_key)


def uniform(words: Words) -> Floats:
    """Turn words into numbers from 0 to below 1."""
    return np.asarray((words >> np.uint64(11)) * 2.0**-53, np.float64)


def normal(words: Words) -> Floats:
    """Turn words into standard normal numbers (4,096 quantiles, so within ±3.7)."""
    return np.asarray(_NORMAL[words >> np.uint64(52)], np.float64)


def rounded(values: Floats, words: Words) -> Ints:
    """Round up or down at random, so that the mean is kept."""
    return np.floor(values + uniform(words)).astype(np.int64)

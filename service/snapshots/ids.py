"""User ids as JSON has them: what reads all numbers as floating point, as JavaScript does, rounds those beyond 2^53."""

from collections.abc import Sequence

EXACT = 1 << 53
"""Up to here floating point holds every whole number."""


def as_json(user_ids: Sequence[int]) -> Sequence[int | str]:
    """Return ids as they stand in JSON: numbers up to 2^53, strings beyond."""
    if not user_ids or (max(user_ids) <= EXACT and min(user_ids) >= -EXACT):
        return user_ids
    return [user_id if -EXACT <= user_id <= EXACT else f'"{user_id}"' for user_id in user_ids]

"""How far a model can be trusted, in a word, and when not at all."""

from collections.abc import Mapping
from typing import Any

from segmentation.model.personas import PERSONA_NAMES
from segmentation.tools.errors import QualityGateError

VERDICTS = (("good", 0.95, 0.85), ("fair", 0.925, 0.7), ("weak", 0.9, 0.5))
"""What is said from which agreement of bootstrap fits on, and which precision and recall of each persona."""


def verdict(stability: Mapping[str, Any], by_persona: Mapping[str, Mapping[str, Any]]) -> str:
    """Return `good`, `fair` or `weak`; raise QualityGateError for a model that is not fit to be published.

    `stability` and the held-out figures `by_persona` are as the metrics have them.
    """
    hold = stability["bootstrap_ari"]
    least = {name: min(by_persona[name]["precision"], by_persona[name]["recall"]) for name in PERSONA_NAMES}
    faintest = min(least, key=least.__getitem__)
    for word, agreement, recognised in VERDICTS:
        if hold >= agreement and least[faintest] >= recognised:
            return word
    if hold < agreement:
        raise QualityGateError(
            f"The personas do not hold: other samples of the same clients give others (agreement {hold:.2f},"
            f" at least {agreement} is asked for). More clients, or more months of events, would help."
        )
    raise QualityGateError(
        f"The rules do not tell who is a {faintest}: precision or recall is {least[faintest]:.2f} on clients held out,"
        f" at least {recognised} is asked for. More clients, or more months of events, would help."
    )

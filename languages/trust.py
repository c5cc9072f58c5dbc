"""How far personas can be trusted, in a sentence that report and pages say alike."""

from collections.abc import Mapping, Sequence
from typing import Any

from contract.words import N_
from languages import Language

_VERDICTS = {
    "good": N_("These personas hold well: other samples of the same clients give nearly everyone the same one."),
    "fair": N_("These personas hold fairly: other samples of the same clients give some of them another one."),
    "weak": N_("These personas hold weakly: other samples of the same clients give several of them another one."),
}
_ALL_FIT = N_("All seven names fit the clients who have them.")
_SOME_FIT = N_("{count} of the seven names fit the clients who have them; less so: {others}.")


def said_trust(metrics: Mapping[str, Any], personas: Sequence[Mapping[str, Any]], say: Language) -> list[str]:
    """Return how many of the names fit and which not, and how the personas hold, as far as a snapshot says it.

    `metrics` and `personas` are as metrics.json and personas.json hold them.
    """
    told = []
    if all("true_to_type" in persona for persona in personas):
        others = [say.of(persona["label"]) for persona in personas if not persona["true_to_type"]]
        count = str(len(personas) - len(others))
        told.append(say.gettext(_SOME_FIT, count=count, others=say.listed(others)) if others else say.gettext(_ALL_FIT))
    stability = metrics.get("stability")
    if isinstance(stability, Mapping) and (verdict := _VERDICTS.get(stability.get("verdict", ""))):
        told.append(say.gettext(verdict))
    return told

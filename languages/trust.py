"""How far personas can be trusted, in a sentence that report and pages say alike."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from contract.words import N_, NN_
from languages import Language

_VERDICTS = {
    "good": N_("These personas hold well: other samples of the same clients give nearly everyone the same one."),
    "fair": N_("These personas hold fairly: other samples of the same clients give some of them another one."),
    "weak": N_("These personas hold weakly: other samples of the same clients give several of them another one."),
}
SIMULATED = N_("These customers are simulated: none of them exists.")
SPENDS_MOST = "lion"
"""The persona whose name stands for it."""
_ALL_FIT = N_("All seven names fit the clients who have them.")
_SOME_FIT = N_("{count} of the seven names fit the clients who have them; less so: {others}.")


_KEPT = N_("The rules are those of {day}, and the clients are much as they were then.")
_KEPT_SINCE_CHANGED = N_(
    "The rules are those of {day}; the clients have changed somewhat since, and the rules still fit."
)
_MUCH_AS_THEN = 0.1
"""Mean population stability index up to which a population is called stable in credit scoring (Siddiqi, 2006)."""
_AS_NAMED = NN_(
    "Looking back at {count} month, {label} spent the most per client in the month after, as its name stands for.",
    "Looking back at {count} months, {label} spent the most per client in the month after, as its name stands for.",
)
_NOT_AS_NAMED = NN_(
    "Looking back at {count} month, {label} spent the most per client in the month after, not {named}.",
    "Looking back at {count} months, {label} spent the most per client in the month after, not {named}.",
)
_RESTS_ON = N_("All this rests on {clients} clients and {events} events.")


def said_trust(metrics: Mapping[str, Any], personas: Sequence[Mapping[str, Any]], say: Language) -> list[str]:
    """Return how far to trust a snapshot, as far as it says it, a sentence each.

    How many of the names fit and which not; how the personas hold between samples, and over time; whether they told
    who would spend; what all this rests on. `metrics` and `personas` are as metrics.json and personas.json hold them.
    """
    told = []
    if all("true_to_type" in persona for persona in personas):
        others = [say.of(persona["label"]) for persona in personas if not persona["true_to_type"]]
        count = str(len(personas) - len(others))
        told.append(say.gettext(_SOME_FIT, count=count, others=say.listed(others)) if others else say.gettext(_ALL_FIT))
    stability = metrics.get("stability")
    if isinstance(stability, Mapping) and (verdict := _VERDICTS.get(stability.get("verdict", ""))):
        told.append(say.gettext(verdict))
    return [*told, *_over_time(metrics, say), *_looked_back(metrics, personas, say), *_rests_on(metrics, say)]


def _over_time(metrics: Mapping[str, Any], say: Language) -> Iterator[str]:
    fitted = metrics.get("model", {}).get("fitted_as_of")
    drift = metrics.get("fitness", {}).get("mean_drift")
    if fitted and drift is not None and fitted < metrics.get("parameters", {}).get("as_of", ""):
        text = _KEPT if drift <= _MUCH_AS_THEN else _KEPT_SINCE_CHANGED
        yield say.gettext(text, day=say.day(date.fromisoformat(fitted)))


def _looked_back(metrics: Mapping[str, Any], personas: Sequence[Mapping[str, Any]], say: Language) -> Iterator[str]:
    if not (found := metrics.get("backtest")):
        return
    spent = {name: its["spent"] for name, its in found["personas"].items()}
    labels = {persona["name"]: say.of(persona["label"]) for persona in personas}
    richest, count = max(spent, key=spent.__getitem__), len(found["dates"])
    if richest == SPENDS_MOST:
        yield say.ngettext(*_AS_NAMED, count, label=labels[richest])
    else:
        yield say.ngettext(*_NOT_AS_NAMED, count, label=labels[richest], named=labels[SPENDS_MOST])


def _rests_on(metrics: Mapping[str, Any], say: Language) -> Iterator[str]:
    events = metrics.get("events", {}).get("kept")
    if events and "clients" in metrics:
        yield say.gettext(_RESTS_ON, clients=say.whole(metrics["clients"]), events=say.whole(events))

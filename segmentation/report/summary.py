"""What the report says of a run as a whole: a summary, how far to trust it, and the facts of its making."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from contract.words import N_
from languages import Language
from languages.trust import SIMULATED, said_trust
from segmentation.features.calendar import windows
from segmentation.report.facts import Facts, closed_weekdays, events_by_day, suspected_gaps
from segmentation.report.pictures.labels import persona_label
from segmentation.report.words import said_weekdays, score

STABLE = 0.8
GAPS_NAMED = 5
LATE_DAYS = 7
_STABLE = N_("Grouping {count} other samples of the same clients gives nearly the same groups (agreement {mean} of 1).")
_HELD = N_(
    "Learnt anew from {count} other samples of the same clients, the rules give nearly everyone the same persona "
    "(agreement {mean} of 1)."
)
_SAME_RULES = N_(
    "The rules are those of {day}: of {both} clients who were there then, {moved} have another persona now, all of "
    "them because of what they did."
)
_NEW_RULES = N_(
    "The rules are other ones than those of {day}: of {both} clients who were there then, {moved} would have another "
    "persona by the old rules because of what they did, and the new rules alone change that of {relabelled}."
)
_UNSTABLE = N_(
    "Grouping {count} other samples of the same clients gives rather different groups (agreement {mean} of 1): take "
    "the borders between personas with care."
)


def summary(facts: Facts, say: Language) -> str:
    """Return the run in a few sentences, those whose figures its snapshot has."""
    bought = say.gettext(
        "In the 7 months to {day}, {clients} clients bought for {revenue} in all.",
        day=say.day(facts.as_of),
        clients=say.number(sum(persona["clients"] for persona in facts.personas)),
        revenue=say.number(sum(persona["revenue"] for persona in facts.personas)),
    )
    trust = said_trust(facts.metrics, facts.personas, say)
    simulated = [say.gettext(SIMULATED)] if facts.metrics.get("simulated") else []
    return " ".join(
        (*simulated, bought, *_late(facts, say), *_typical(facts, say), *_leading(facts.personas, say), *trust)
    )


def _typical(facts: Facts, say: Language) -> list[str]:
    if not facts.has("everyone"):
        return []
    everyone = facts.metrics["everyone"]
    typical = say.ngettext(
        "The client in the middle bought {count} item for {value}, the last time {days} days ago.",
        "The client in the middle bought {count} items for {value}, the last time {days} days ago.",
        round(everyone["median_count_products_7m"]),
        value=say.number(everyone["median_total_purchase_value"]),
        days=say.number(everyone["median_days_since_last_purchase"]),
    )
    return [typical]


def _late(facts: Facts, say: Language) -> list[str]:
    """Say from when there are events, if that is well after the longest window begins."""
    if not facts.has("events.by_day"):
        return []
    first = min(events_by_day(facts))
    if (first - windows(facts.as_of).start.date()).days <= LATE_DAYS:
        return []
    return [
        say.gettext("There are events only from {first} on, so that these 7 months are not full.", first=say.day(first))
    ]


_MOST_REVENUE = N_("{label} brings the most: {revenue} of the revenue from {clients} of the clients.")
_MOST_CLIENTS = N_("The most frequent persona is {label}: {clients} of the clients with {revenue} of the revenue.")
_MOST_OF_BOTH = N_(
    "{label} is both the most frequent persona and the one that brings the most: {clients} of the clients with "
    "{revenue} of the revenue."
)


def _leading(personas: Sequence[Mapping[str, Any]], say: Language) -> list[str]:
    """Say which persona brings the most, and which is the most frequent."""
    richest = max(personas, key=lambda persona: persona["revenue_share"])
    largest = max(personas, key=lambda persona: persona["share"])
    leaders = [(_MOST_OF_BOTH, largest)] if richest is largest else [(_MOST_REVENUE, richest), (_MOST_CLIENTS, largest)]
    return [
        say.gettext(
            sentence,
            label=persona_label(persona, say),
            clients=say.percent(persona["share"]),
            revenue=say.percent(persona["revenue_share"]),
        )
        for sentence, persona in leaders
    ]


def trust(facts: Facts, say: Language) -> list[str]:
    """Say how far the personas can be trusted, a sentence a figure that the snapshot has."""
    sentences = (
        (("held_out.accuracy", "held_out.clients", "held_out.baseline"), _repeats),
        (("held_out.by_persona",), _hardest),
        (("stability.bootstrap_ari", "stability.bootstraps"), _held),
        (("stability.mean", "stability.bootstraps"), _stable),
        (("agreement",), _agreement),
        (("movement.same_rules", "movement.moved"), _moved),
    )
    return [sentence(facts, say) for needs, sentence in sentences if facts.has(*needs)]


def _repeats(facts: Facts, say: Language) -> str:
    held_out = facts.metrics["held_out"]
    return say.gettext(
        "Of {clients} clients kept aside for a test, the rules give {accuracy} the persona of their statistical "
        "group (against {baseline} if they always named the largest group); that does not tell how well a campaign "
        "works.",
        accuracy=say.percent(held_out["accuracy"]),
        clients=say.number(held_out["clients"]),
        baseline=say.percent(held_out["baseline"]["accuracy"]),
    )


def _hardest(facts: Facts, say: Language) -> str:
    by_persona = facts.metrics["held_out"]["by_persona"]
    hardest = min(facts.personas, key=lambda persona: by_persona[persona["name"]]["f1"])
    scores = by_persona[hardest["name"]]
    return say.gettext(
        "The hardest to recognise is {label}: the rules find {recall} of its clients, and are right in {precision} "
        "of the cases in which they name it.",
        label=persona_label(hardest, say),
        recall=say.percent(scores["recall"]),
        precision=say.percent(scores["precision"]),
    )


def _held(facts: Facts, say: Language) -> str:
    stability = facts.metrics["stability"]
    return say.gettext(_HELD, count=stability["bootstraps"], mean=score(stability["bootstrap_ari"], say))


def _stable(facts: Facts, say: Language) -> str:
    """Say it of an older snapshot, whose groups were compared and not its personas."""
    stability = facts.metrics["stability"]
    return say.gettext(
        _STABLE if stability["mean"] >= STABLE else _UNSTABLE,
        count=stability["bootstraps"],
        mean=score(stability["mean"], say),
    )


def _agreement(facts: Facts, say: Language) -> str:
    return say.gettext(
        "Of all clients, {share} get the persona of their statistical group; for the others the rules decide.",
        share=say.percent(facts.metrics["agreement"]),
    )


def _moved(facts: Facts, say: Language) -> str:
    movement = facts.metrics["movement"]
    figures = {
        "day": say.day(date.fromisoformat(movement["as_of"])),
        "both": say.number(movement["clients"]),
        "moved": say.number(movement["moved"]["clients"]),
        "relabelled": say.number(movement["relabelled"]["clients"]),
    }
    return say.gettext(_SAME_RULES if movement["same_rules"] else _NEW_RULES, **figures)


def particulars(facts: Facts, say: Language) -> list[tuple[str, str]]:
    """Return the facts of the run that its snapshot has, each with its name."""
    events, parameters = facts.metrics.get("events", {}), facts.metrics.get("parameters", {})
    told = facts.has("events.by_day", "events.suspected_gaps")
    found = [
        (N_("Last day counted"), say.day(facts.as_of)),
        (N_("Clients"), say.number(sum(persona["clients"] for persona in facts.personas))),
        (
            N_("Clients drawn by lot to find the groups and the rules"),
            _number(facts.metrics.get("sample_clients"), say),
        ),
        (N_("Rows in the files"), _number(events.get("rows_read"), say)),
        (N_("Events in these rows, of any date"), _number(events.get("kept"), say)),
        (N_("Exact duplicates dropped"), _number(events.get("duplicates"), say)),
        (N_("Rows rejected"), _number(sum(events["rejected"].values()) if "rejected" in events else None, say)),
        (N_("Days with suspiciously few events"), _gaps(facts, say) if told else ""),
        (N_("Weekdays with hardly any events"), said_weekdays(closed_weekdays(facts), say) if told else ""),
        (N_("Periods counted back from it, in months"), ", ".join(map(str, parameters.get("window_months", ())))),
        (N_("Time zone of hours and days"), parameters.get("timezone", "")),
        (N_("Statistical groups"), str(facts.metrics.get("silhouette", {}).get("chosen_k", ""))),
        (N_("Rules that decide the persona"), str(len(facts.tree.leaves))),
        (N_("Random seed"), str(parameters.get("seed", ""))),
    ]
    return [(say.gettext(name), fact) for name, fact in found if fact]


def _number(value: float | None, say: Language) -> str:
    return "" if value is None else say.number(value)


def _gaps(facts: Facts, say: Language) -> str:
    days = [say.day(day) for day in suspected_gaps(facts)]
    if len(days) > GAPS_NAMED:
        named, more = ", ".join(days[:GAPS_NAMED]), len(days) - GAPS_NAMED
        return say.ngettext("{days} and {count} more", "{days} and {count} more", more, days=named)
    return ", ".join(days) or say.pgettext("days", "none")

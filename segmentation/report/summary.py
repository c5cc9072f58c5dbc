"""What the report says of a run as a whole: a summary, how far to trust it, and the facts of its making."""

from collections.abc import Mapping, Sequence
from typing import Any

from contract.words import N_
from languages import Language
from segmentation.features.calendar import windows
from segmentation.report.facts import Facts, closed_weekdays, events_by_day, suspected_gaps
from segmentation.report.pictures.labels import persona_label
from segmentation.report.words import said_weekdays, score

STABLE = 0.8
GAPS_NAMED = 5
LATE_DAYS = 7
_STABLE = N_("Grouping {count} other samples of the same clients gives nearly the same groups (agreement {mean} of 1).")
_UNSTABLE = N_(
    "Grouping {count} other samples of the same clients gives rather different groups (agreement {mean} of 1): take "
    "the borders between personas with care."
)


def summary(facts: Facts, say: Language) -> str:
    """Return the run in a few sentences."""
    everyone = facts.metrics["everyone"]
    items = round(everyone["median_count_products_7m"])
    return " ".join(
        (
            say.gettext(
                "In the 7 months to {day}, {clients} clients bought for {revenue} in all.",
                day=say.day(facts.as_of),
                clients=say.number(facts.metrics["clients"]),
                revenue=say.number(sum(persona["revenue"] for persona in facts.personas)),
            ),
            *_late(facts, say),
            say.ngettext(
                "The client in the middle bought {count} item for {value}, the last time {days} days ago.",
                "The client in the middle bought {count} items for {value}, the last time {days} days ago.",
                items,
                value=say.number(everyone["median_total_purchase_value"]),
                days=say.number(everyone["median_days_since_last_purchase"]),
            ),
            *_leading(facts.personas, say),
        )
    )


def _late(facts: Facts, say: Language) -> list[str]:
    """Say from when there are events, if that is well after the longest window begins."""
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
    """Say how far the personas can be trusted, a sentence a figure."""
    held_out, stability = facts.metrics["held_out"], facts.metrics["stability"]
    hardest = min(facts.personas, key=lambda persona: held_out["by_persona"][persona["name"]]["f1"])
    scores = held_out["by_persona"][hardest["name"]]
    return [
        say.gettext(
            "Of {clients} clients kept aside for a test, the rules give {accuracy} the persona of their statistical "
            "group (against {baseline} if they always named the largest group); that does not tell how well a campaign "
            "works.",
            accuracy=say.percent(held_out["accuracy"]),
            clients=say.number(held_out["clients"]),
            baseline=say.percent(held_out["baseline"]["accuracy"]),
        ),
        say.gettext(
            "The hardest to recognise is {label}: the rules find {recall} of its clients, and are right in {precision} "
            "of the cases in which they name it.",
            label=persona_label(hardest, say),
            recall=say.percent(scores["recall"]),
            precision=say.percent(scores["precision"]),
        ),
        say.gettext(
            _STABLE if stability["mean"] >= STABLE else _UNSTABLE,
            count=stability["bootstraps"],
            mean=score(stability["mean"], say),
        ),
        say.gettext(
            "Of all clients, {share} get the persona of their statistical group; for the others the rules decide.",
            share=say.percent(facts.metrics["agreement"]),
        ),
    ]


def particulars(facts: Facts, say: Language) -> list[tuple[str, str]]:
    """Return the facts of the run, each with its name."""
    metrics = facts.metrics
    events, parameters = metrics["events"], metrics["parameters"]
    sample = say.number(metrics["sample_clients"]) if "sample_clients" in metrics else ""
    found = [
        (N_("Last day counted"), say.day(facts.as_of)),
        (N_("Clients"), say.number(metrics["clients"])),
        (N_("Clients drawn by lot to find the groups and the rules"), sample),
        (N_("Rows in the files"), say.number(events["rows_read"])),
        (N_("Events in these rows, of any date"), say.number(events["kept"])),
        (N_("Exact duplicates dropped"), say.number(events["duplicates"])),
        (N_("Rows rejected"), say.number(sum(events["rejected"].values()))),
        (N_("Days with suspiciously few events"), _gaps([say.day(day) for day in suspected_gaps(facts)], say)),
        (N_("Weekdays with hardly any events"), said_weekdays(closed_weekdays(facts), say)),
        (N_("Periods counted back from it, in months"), ", ".join(map(str, parameters["window_months"]))),
        (N_("Time zone of hours and days"), parameters["timezone"]),
        (N_("Statistical groups"), str(metrics["silhouette"]["chosen_k"])),
        (N_("Rules that decide the persona"), str(metrics["tree"]["leaves"])),
        (N_("Random seed"), str(parameters["seed"])),
    ]
    return [(say.gettext(name), fact) for name, fact in found if fact]


def _gaps(days: Sequence[str], say: Language) -> str:
    if len(days) > GAPS_NAMED:
        named, more = ", ".join(days[:GAPS_NAMED]), len(days) - GAPS_NAMED
        return say.ngettext("{days} and {count} more", "{days} and {count} more", more, days=named)
    return ", ".join(days) or say.pgettext("days", "none")

"""What the report says of a run as a whole: a summary, how far to trust it, and the facts of its making."""

from collections.abc import Mapping, Sequence
from typing import Any

from segmentation.features.calendar import windows
from segmentation.report.facts import Facts, closed_weekdays, events_by_day, suspected_gaps
from segmentation.report.words import WORDS, Words, counted, said_day, said_weekdays, score
from segmentation.words import number, percent

STABLE = 0.8
GAPS_NAMED = 5
LATE_DAYS = 7


def summary(facts: Facts, language: str) -> str:
    """Return the run in a few sentences."""
    said, everyone = WORDS[language], facts.metrics["everyone"]
    revenue = sum(persona["revenue"] for persona in facts.personas)
    return " ".join(
        (
            said["bought"].format(
                day=said_day(facts.as_of, language),
                clients=number(facts.metrics["clients"], language),
                revenue=number(revenue, language),
            ),
            *_late(facts, language),
            said["typical"].format(
                items=counted(said["items"], everyone["median_count_products_7m"], language),
                value=number(everyone["median_total_purchase_value"], language),
                days=number(everyone["median_days_since_last_purchase"], language),
            ),
            *_leading(facts.personas, language),
        )
    )


def _late(facts: Facts, language: str) -> list[str]:
    """Say from when there are events, if that is well after the longest window begins."""
    first = min(events_by_day(facts))
    if (first - windows(facts.as_of).start.date()).days <= LATE_DAYS:
        return []
    return [WORDS[language]["late"].format(first=said_day(first, language))]


def _leading(personas: Sequence[Mapping[str, Any]], language: str) -> list[str]:
    """Say which persona brings the most, and which is the most frequent."""
    leaders = {
        "most_revenue": max(personas, key=lambda persona: persona["revenue_share"]),
        "most_clients": max(personas, key=lambda persona: persona["share"]),
    }
    if leaders["most_revenue"] is leaders["most_clients"]:
        leaders = {"most_of_both": leaders["most_clients"]}
    return [
        WORDS[language][key].format(
            label=_named(persona, language),
            clients=percent(persona["share"], language),
            revenue=percent(persona["revenue_share"], language),
        )
        for key, persona in leaders.items()
    ]


def _named(persona: Mapping[str, Any], language: str) -> str:
    return f"{persona['emoji']}\N{NO-BREAK SPACE}{persona['label'][language]}"


def trust(facts: Facts, language: str) -> list[str]:
    """Say how far the personas can be trusted, a sentence a figure."""
    said, held_out, stability = WORDS[language], facts.metrics["held_out"], facts.metrics["stability"]
    hardest = min(facts.personas, key=lambda persona: held_out["by_persona"][persona["name"]]["f1"])
    scores = held_out["by_persona"][hardest["name"]]
    return [
        said["repeats"].format(
            accuracy=percent(held_out["accuracy"], language),
            clients=number(held_out["clients"], language),
            baseline=percent(held_out["baseline"]["accuracy"], language),
        ),
        said["hardest"].format(
            label=_named(hardest, language),
            recall=percent(scores["recall"], language),
            precision=percent(scores["precision"], language),
        ),
        said["stable" if stability["mean"] >= STABLE else "unstable"].format(
            count=stability["bootstraps"], mean=score(stability["mean"], language)
        ),
        said["agreement"].format(percent(facts.metrics["agreement"], language)),
    ]


def particulars(facts: Facts, language: str) -> list[tuple[str, str]]:
    """Return the facts of the run, each with its name."""
    said, metrics = WORDS[language], facts.metrics
    events, parameters = metrics["events"], metrics["parameters"]
    found = {
        "as_of": said_day(facts.as_of, language),
        "clients": number(metrics["clients"], language),
        "sample": number(metrics["sample_clients"], language) if "sample_clients" in metrics else "",
        "rows": number(events["rows_read"], language),
        "kept": number(events["kept"], language),
        "duplicates": number(events["duplicates"], language),
        "rejected": number(sum(events["rejected"].values()), language),
        "gaps": _gaps([said_day(day, language) for day in suspected_gaps(facts)], said),
        "closed": said_weekdays(closed_weekdays(facts), language),
        "windows": ", ".join(map(str, parameters["window_months"])),
        "timezone": parameters["timezone"],
        "groups": str(metrics["silhouette"]["chosen_k"]),
        "leaves": str(metrics["tree"]["leaves"]),
        "seed": str(parameters["seed"]),
    }
    return [(said[name], fact) for name, fact in found.items() if fact]


def _gaps(days: Sequence[str], said: Words) -> str:
    if len(days) > GAPS_NAMED:
        return str(said["more_gaps"]).format(", ".join(days[:GAPS_NAMED]), len(days) - GAPS_NAMED)
    return ", ".join(days) or str(said["none"])

"""What became of every file, in sentences."""

from datetime import date

from segmentation.ingest.ingested import Ingested, gaps_within
from segmentation.ingest.reasons import told
from segmentation.tools.progress import Reporter


def say_account(ingested: Ingested, report: Reporter, window: tuple[date, date] | None = None) -> None:
    """Say what became of every file, and how it was understood; gaps only within `window`, if one is given."""
    for file in ingested.files:
        rejected = sum(file.rejected.values())
        report.say(
            f"{file.name}: {file.rows_read:,} rows read, {file.rows_kept:,} kept, "
            f"{file.duplicates:,} duplicates dropped, {rejected:,} rejected"
            + (f" ({told(file.rejected, file.examples)})" if rejected else "")
        )
        if file.understood:
            report.say(f"{file.name}: {'; '.join(file.understood)}.")
    begin, end = window or (min(ingested.days), max(ingested.days))
    gaps = gaps_within(ingested.days, ingested.gaps, begin, end).missing
    if gaps:
        first = ", ".join(day.isoformat() for day in gaps[:3])
        more = f" and {len(gaps) - 3} more days" if len(gaps) > 3 else ""
        report.say(f"Suspected logging gaps (less than a fifth of a usual day's events): {first}{more}")

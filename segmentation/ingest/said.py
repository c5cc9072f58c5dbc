"""What became of every file, in sentences."""

from segmentation.ingest.ingested import Ingested
from segmentation.ingest.reasons import told
from segmentation.tools.progress import Reporter


def say_account(ingested: Ingested, report: Reporter) -> None:
    """Say what became of every file, and how it was understood."""
    for file in ingested.files:
        rejected = sum(file.rejected.values())
        report.say(
            f"{file.name}: {file.rows_read:,} rows read, {file.rows_kept:,} kept, "
            f"{file.duplicates:,} duplicates dropped, {rejected:,} rejected"
            + (f" ({told(file.rejected, file.examples)})" if rejected else "")
        )
        if file.understood:
            report.say(f"{file.name}: {'; '.join(file.understood)}.")
    if ingested.gaps:
        first = ", ".join(day.isoformat() for day in ingested.gaps[:3])
        more = f" and {len(ingested.gaps) - 3} more days" if len(ingested.gaps) > 3 else ""
        report.say(f"Suspected logging gaps (less than a fifth of a usual day's events): {first}{more}")

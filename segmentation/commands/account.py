"""What became of every file, told."""

from segmentation.ingest.ingested import Ingested
from segmentation.tools.progress import Reporter


def say_account(ingested: Ingested, report: Reporter) -> None:
    """Say what became of every file."""
    for file in ingested.files:
        rejected = ", ".join(f"{n:,} {reason}" for reason, n in file.rejected.items())
        report.say(
            f"{file.name}: {file.rows_read:,} rows read, {file.rows_kept:,} kept, "
            f"{file.duplicates:,} duplicates dropped, {sum(file.rejected.values()):,} rejected"
            + (f" ({rejected})" if rejected else "")
        )
    if ingested.gaps:
        first = ", ".join(day.isoformat() for day in ingested.gaps[:3])
        more = f" and {len(ingested.gaps) - 3} more days" if len(ingested.gaps) > 3 else ""
        report.say(f"Suspected logging gaps (less than a fifth of a usual day's events): {first}{more}")

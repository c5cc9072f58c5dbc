"""Snapshots as the service sees them: fetched, verified, mapped, compared."""

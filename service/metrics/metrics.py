"""What is counted, for Prometheus. No label holds anything that a caller sent.

Under several processes each writes its figures into files that all can read (prometheus_client's multiprocess mode),
so that whoever is asked answers for all; `shared_metrics` says where.
"""

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from service.metrics.shared_metrics import FOLDER_VARIABLE

CONTENT_TYPE = CONTENT_TYPE_LATEST
_AS_OF = "menagerie_snapshot_as_of_timestamp_seconds"
_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The figures of one process; `text` gives those of all processes of the service."""

    def __init__(self) -> None:
        self._registry = into = CollectorRegistry()
        self._requests = Histogram(
            "menagerie_request_duration_seconds",
            "Time until an answer began, by route template.",
            ("method", "route", "status"),
            registry=into,
            buckets=_BUCKETS_S,
        )
        self._timers: dict[tuple[str, str, int], Histogram] = {}
        lookups = Counter("menagerie_lookups", "Clients looked up.", ("result",), registry=into)
        self._found, self._unknown = lookups.labels("found"), lookups.labels("not_found")
        self.members = Counter("menagerie_members_told", "Clients told of as a persona's members.", registry=into)
        self.enumerations = Counter(
            "menagerie_enumerations_suspected",
            "Keys that in a day asked for more ids that nobody has than there are clients.",
            registry=into,
        )
        self.swaps = Counter("menagerie_snapshot_swaps", "Snapshots that replaced another, per worker.", registry=into)
        self.refused = Counter("menagerie_snapshots_refused", "Snapshots that did not verify.", registry=into)
        self._as_of = Gauge(
            _AS_OF,
            "Snapshots that are served, and their as-of dates.",
            ("snapshot", "as_of"),
            registry=into,
            multiprocess_mode="livemax",
        )
        self._unreachable = Gauge(
            "menagerie_store_unreachable",
            "1 while the store does not answer.",
            registry=into,
            multiprocess_mode="livemax",
        )
        self._told: tuple[str, str] | None = None

    def request(self, method: str, route: str, status: int, duration_s: float) -> None:
        """Count an answered request; `route` is a template of ours, `method` one that is known."""
        timer = self._timers.get((method, route, status))
        if timer is None:
            timer = self._timers[method, route, status] = self._requests.labels(method, route, status)
        timer.observe(duration_s)

    def clients(self, found: int, unknown: int) -> None:
        """Count clients looked up."""
        if found:
            self._found.inc(found)
        if unknown:
            self._unknown.inc(unknown)

    def serving(self, snapshot_id: str, as_of: date) -> None:
        """Tell which snapshot this worker serves."""
        told = snapshot_id, as_of.isoformat()
        if self._told and self._told != told:
            self._as_of.labels(*self._told).set(0)  # in shared files nothing can be taken away
        self._as_of.labels(*told).set(datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC).timestamp())
        self._told = told

    def reaching(self, store: bool) -> None:
        """Tell whether this worker reaches the store."""
        self._unreachable.set(not store)

    def text(self, now_s: float, stale_after_s: float) -> bytes:
        """Return the figures of all workers in Prometheus's text format."""
        return generate_latest(_Told(list(self._families(now_s, stale_after_s))))

    def _families(self, now_s: float, stale_after_s: float) -> Iterator[Metric]:
        shared = os.environ.get(FOLDER_VARIABLE)
        collector: Collector = MultiProcessCollector(None, shared) if shared else self._registry  # type: ignore[no-untyped-call]
        served: list[float] = []
        for family in collector.collect():
            if family.name == _AS_OF:
                family.samples = [sample for sample in family.samples if sample.value]  # 0: served no more
                served = [sample.value for sample in family.samples]
            yield family
        if served:
            age_s = now_s - min(served)
            yield GaugeMetricFamily("menagerie_snapshot_age_seconds", "Time since the as-of date served.", age_s)
            stale = age_s >= stale_after_s
            yield GaugeMetricFamily("menagerie_snapshot_stale", "1 when answers say that they are stale.", stale)


class _Told(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families

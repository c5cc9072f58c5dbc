"""The route of the metrics."""

from collections.abc import Callable

from flask import Response

from service.answers.answering import fresh
from service.answers.documented import documented
from service.common.settings import Settings
from service.metrics.metrics import CONTENT_TYPE, Metrics


class MetricsView:
    """The figures of all workers; `clock` gives the seconds since 1970."""

    def __init__(self, metrics: Metrics, settings: Settings, clock: Callable[[], float]) -> None:
        self._metrics = metrics
        self._stale_after_s = settings.stale_after_s
        self._clock = clock

    @documented(None, others={CONTENT_TYPE: {"schema": {"type": "string"}}})
    def metrics(self) -> Response:
        """Tell Prometheus what was counted, by all workers."""
        return fresh(self._metrics.text(self._clock(), self._stale_after_s), CONTENT_TYPE)

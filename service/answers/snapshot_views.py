"""The routes about the snapshot as a whole, and those that say how the service is."""

from flask import Response

from service.answers.answer_schemas import DatedPersona, Health, Personas, Served
from service.answers.answering import HTML, Answering, fresh
from service.answers.documented import NAME, PAGE, documented
from service.common.headers import CONTENT_SECURITY_POLICY


class SnapshotViews:
    """What is served."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    @documented(Personas, problems=(503,), kept=True)
    def personas(self) -> Response:
        """Tell what the seven are."""
        snapshot = self._answering.snapshot()
        return self._answering.dated(snapshot, {"personas": list(snapshot.personas)})

    @documented(DatedPersona, problems=(404, 503), parameters=(NAME,), kept=True)
    def persona(self, name: str) -> Response:
        """Tell what one persona is."""
        snapshot = self._answering.snapshot()
        return self._answering.dated(snapshot, snapshot.personas[snapshot.place(name)])

    @documented(Served, problems=(503,), kept=True)
    def snapshot(self) -> Response:
        """Tell which snapshot is served."""
        snapshot = self._answering.snapshot()
        age_days = self._answering.age_days(snapshot)
        manifest = snapshot.manifest
        answer = {"id": snapshot.id, "created_at": manifest["created_at"], "age_days": age_days}
        answer["store_reachable"] = self._answering.store_is_reachable()
        answer |= {"counts": manifest["counts"], "metrics": snapshot.metrics}
        variant = f"+{age_days}{'' if answer['store_reachable'] else '+unreachable'}"
        return self._answering.dated(snapshot, answer, variant)

    @documented(None, others=PAGE, problems=(503,), kept=True)
    def report(self) -> Response:
        """Show the run on one page."""
        snapshot = self._answering.snapshot()
        response = self._answering.packed(snapshot.report, snapshot.id, HTML)
        response.headers[CONTENT_SECURITY_POLICY] = snapshot.report_policy
        return response

    @documented(Health)
    def healthz(self) -> Response:
        """Tell that the process is alive."""
        return fresh(b'{"status":"alive"}')

    @documented(Health, problems=(503,))
    def readyz(self) -> Response:
        """Tell whether there is a snapshot to answer from."""
        return fresh(b'{"status":"ready","snapshot":"%b"}' % self._answering.snapshot().id.encode())

"""Pages for people."""

from hashlib import sha256
from html import escape

from service.answers import Snapshot

_HOME = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Menagerie</title>
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 100 100'%3E\
%3Ctext y='.9em' font-size='90'%3E🦊%3C/text%3E%3C/svg%3E">
<h1>Menagerie</h1>
<p>Who is this customer? Seven personas, from what each customer did in the shop.</p>
<p>{state}</p>
<ul>
<li><a href="/personas">/personas</a>: the seven, with their sizes and rules</li>
<li>/segment/&lt;user_id&gt;: the persona of one client; add ?include=features,reasons for more</li>
<li><a href="/report">/report</a>: the run on one page</li>
<li><a href="/snapshot">/snapshot</a>: what is served</li>
<li><a href="/docs">/docs</a>: every route, to try; the contract is <a href="/openapi.json">/openapi.json</a></li>
</ul>
</html>
"""

DOCS = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Menagerie: the routes</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<main id="routes"></main>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""

START_DOCS = b"""SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#routes", presets: [SwaggerUIBundle.presets.apis], deepLinking: true,
  validatorUrl: null,
});
"""

NOTHING_TO_SERVE = "There is no snapshot to answer from yet."
ASK_WITH_A_KEY = "Customers are told of to those who send an API key."


def state(snapshot: Snapshot, stale_age_days: int | None) -> str:
    """Return what is served, as HTML; `stale_age_days` is its age if it is stale."""
    clients = snapshot.manifest["counts"]["clients"]
    told = f"Snapshot {escape(snapshot.id)}: {clients:,} clients as of {snapshot.as_of}."
    if stale_age_days is None:
        return told
    return f"{told} <strong>Its answers are stale: it is {stale_age_days} days old.</strong>"


def home(state: str) -> bytes:
    """Return the page at `/`: what this is, what is served, and links."""
    return _HOME.format(state=state).encode()


def version_of(body: bytes) -> str:
    """Return what tells a body from the one of another version."""
    return sha256(body).hexdigest()[:16]

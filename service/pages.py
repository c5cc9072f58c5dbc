"""Pages for people."""

from html import escape

from service.answers import Snapshot

_HOME = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Menagerie</title>
<h1>Menagerie</h1>
<p>Who is this customer? Seven personas, from what each customer did in the shop.</p>
<p>{state}</p>
<ul>
<li><a href="/personas">/personas</a>: the seven, with their sizes and rules</li>
<li>/segment/&lt;user_id&gt;: the persona of one client; add ?include=features,reasons for more</li>
<li><a href="/report">/report</a>: the run in pictures</li>
<li><a href="/snapshot">/snapshot</a>: what is served</li>
</ul>
</html>
"""


def home(snapshot: Snapshot | None) -> bytes:
    """Return the page at `/`: what this is, and links."""
    if snapshot is None:
        state = "There is no snapshot to answer from yet."
    else:
        clients = snapshot.manifest["counts"]["clients"]
        state = f"Snapshot {escape(snapshot.id)}: {clients:,} clients as of {snapshot.as_of}."
    return _HOME.format(state=state).encode()

"""What the server relies on in gunicorn beyond its documented settings, hooks and base application."""

import ast
import hashlib
import inspect
from pathlib import Path
from typing import Any

import gunicorn.http
import gunicorn.util
import pytest
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.http.parser import Parser
from gunicorn.http.unreader import IterUnreader
from gunicorn.workers.base import Worker
from gunicorn.workers.gthread import TConn, ThreadWorker

SERVER = Path(__file__).parents[1] / "service" / "server"
RELIED_ON: dict[Any, dict[str, str]] = {
    Arbiter: {
        "__init__": "53b20d75",  # app, WORKERS
        "murder_workers": "3f8fbfdf",
        "run": "1ddfab9d",
    },
    Worker: {
        "__init__": "e0f1de2d",  # alive, cfg, log
        "handle_error": "75426448",
        "init_signals": "65442e06",
        "load_wsgi": "18b02fc3",  # wsgi
    },
    ThreadWorker: {
        "__init__": "5681b8b5",  # nr_conns, pending_conns, worker_connections
        "_cap_keepalive": "745c8ac3",
        "_keepalive_after": "4ebdbbc8",
        "accept": "f8dcead3",
        "enqueue_req": "c9f42895",
        "finish_request": "616e7bb1",
        "get_thread_pool": "003f3549",
        "handle": "ca85c9be",
        "handle_request": "6d0de5b9",
        "init_process": "e4fc63a1",  # poller
        "murder_pending": "7bf11f46",
        "on_pending_socket_readable": "2475f708",
        "run": "f92c7394",
    },
    TConn: {
        "__init__": "c8763d7c",  # cfg, client, data_ready, parser, sock, timeout
        "close": "6d1c334e",
        "init": "5ff3d4ba",
    },
    Parser: {"finish_body": "54c5d0d2"},
    IterUnreader: {"chunk": "4aebaa16"},
    Logger: {"setup": "17c79acd"},  # error_log
    gunicorn.http: {"get_parser": "b7d8dcde"},
    gunicorn.util: {"close": "ce55cfa9"},
}
"""What ours replaces, extends, calls or is called by, and the digest of its source."""


def digest(of: Any) -> str:
    return hashlib.sha256(inspect.getsource(of).encode()).hexdigest()[:8]


def test_what_the_server_relies_on_is_as_it_was_read() -> None:
    """After an upgrade: read what is named here, see that `service/server/` does what it says, note the new digest."""
    now = {owner: {name: digest(getattr(owner, name)) for name in names} for owner, names in RELIED_ON.items()}
    changed = [
        f"{owner.__name__}.{name}: {now[owner][name]}"
        for owner, names in RELIED_ON.items()
        for name in names
        if names[name] != now[owner][name]
    ]
    assert not changed, changed


@pytest.mark.parametrize("module", sorted(path.name for path in SERVER.glob("*.py")))
def test_all_that_the_server_uses_of_gunicorns_classes_is_named(module: str) -> None:
    used = {
        node.attr if isinstance(node, ast.Attribute) else node.name
        for node in ast.walk(ast.parse((SERVER / module).read_text()))
        if isinstance(node, ast.Attribute | ast.FunctionDef)
    }
    owners = (ThreadWorker, TConn)
    of_gunicorn = {name for owner in owners for name in used if inspect.isfunction(getattr(owner, name, None))}
    named = {name for names in RELIED_ON.values() for name in names}
    assert of_gunicorn <= named

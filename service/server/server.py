"""The server: gunicorn, started from here with our settings."""

import gc
import os
import socket
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from service.app import App, create_app
from service.common.log import JsonLog
from service.common.settings import BadSettingError, Settings, StartError
from service.keys.keys import Keys
from service.metrics.metrics import Metrics
from service.metrics.shared_metrics import leave_place, share_metrics
from service.server.worker import (
    ServerLogger,
    Worker,
    heed_signals,
    hold_signals,
)
from service.snapshots.opening import open_source
from service.snapshots.provider import Provider

_KEEP_ALIVE_S = 75
"""Longer than the 60 s after which an AWS load balancer drops an idle connection, so that it closes first."""

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 (gunicorn's heartbeat files must not wait for a disk)


class _Master(Arbiter):  # type: ignore[misc]
    def murder_workers(self) -> None:
        """Do, about once a second, what the master does besides looking after workers."""
        super().murder_workers()
        self.app.look_around()

    def _refuse(self) -> None:
        self.log.warning("This signal changes nothing here: snapshots and keys are followed, for the rest start anew.")

    handle_hup = handle_usr2 = handle_ttin = handle_ttou = _refuse


class Server(BaseApplication):  # type: ignore[misc]
    """Gunicorn, answering at a socket that is bound already with the application that `load_app` makes."""

    def __init__(self, settings: Settings, listener: socket.socket, load_app: Callable[[], Flask]) -> None:
        self._settings = settings
        self._descriptor = listener.detach()
        self._load_app = load_app
        self._app: Flask | None = None
        super().__init__()

    def load_config(self) -> None:
        """Tell gunicorn our settings."""
        settings = self._settings
        config: dict[str, Any] = {
            "bind": f"fd://{self._descriptor}",
            "workers": settings.workers,
            "threads": settings.threads,
            "worker_class": Worker,
            "logger_class": ServerLogger,
            "loglevel": settings.log_level,
            "preload_app": True,  # verified once, shared by all workers
            "keepalive": _KEEP_ALIVE_S,
            "graceful_timeout": settings.grace_s,
            "control_socket_disable": True,
            "forwarded_allow_ips": "",  # what proxies say is the application's to judge
            "secure_scheme_headers": {},
            "child_exit": lambda _, worker: leave_place(worker.place),
            "worker_tmp_dir": str(_SHARED_MEMORY) if _SHARED_MEMORY.is_dir() else None,
        }
        for name, value in config.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Make the application, in the master process."""
        self._app = self._load_app()
        gc.freeze()  # what is here now stays: no worker's collector looks through it, or unshares its memory
        gc.enable()
        return self._app

    def run(self) -> None:
        """Be the master process, until stopped."""
        _Master(self).run()

    def look_around(self) -> None:
        """Keep up with the workers."""
        if isinstance(self._app, App):
            self._app.watch.adopt()


def bind(settings: Settings) -> socket.socket:
    """Take the address to listen at, or say why not."""
    try:
        family, *_, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise BadSettingError(f"--host {settings.host!r} is no address of this machine.") from error
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise StartError(f"Cannot listen at {settings.host} port {settings.port}: {error.strerror}.") from error
    return listener


def _check_who_may_ask(settings: Settings, keys: Keys, listener: socket.socket) -> None:
    here_only = ip_address(listener.getsockname()[0]).is_loopback
    if not (keys or here_only or settings.allow_anyone):
        raise BadSettingError(
            f"--host {settings.host!r} can be reached from elsewhere, and no API keys are configured: "
            "configure some, or say --allow-anyone true."
        )


def serve(settings: Settings) -> None:
    """Answer until stopped; the process ends here."""
    # A worker asked to stop before it listens for signals would never hear of it: they wait until it does.
    os.register_at_fork(before=hold_signals, after_in_parent=heed_signals)
    source = open_source(settings)
    listener = bind(settings)
    log = JsonLog(settings.log_level)
    _check_who_may_ask(settings, Keys(settings, log), listener)

    def load_app() -> Flask:
        share_metrics()
        provider = Provider(source, log, Metrics())
        provider.load()
        return create_app(provider, settings, log)

    Server(settings, listener, load_app).run()

"""The process that the panel is started in: it binds the port, forks the worker, and waits."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import resource
import signal
import sys
from typing import Any, ClassVar

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from app import Panel, create_app
from app.access import SIGN_IN_PATH, Access
from app.api.waiting import CALLS_WAITING, STREAMS_FOLLOWED
from app.configuration import Configuration
from app.live.door import UNKNOWN_CLIENTS
from app.panel import DRAIN_SECONDS
from app.serving.worker import Lifeline, PanelWorker
from app.store import StoreError, find_panel
from socketdeck.address import Address
from socketdeck.collector import leave_out_what_is_loaded
from socketdeck.errors import AddressUnavailable

FREE_THREADS = 32
"""Threads beyond those that live links, streams and waiting calls can hold."""

CONNECTIONS_MAXIMUM = 4096
BACKLOG = 1024
END_SECONDS = 5.0
"""What the end of the panel takes at most beyond its drain; then the worker is killed."""


class PanelApplication(BaseApplication):
    """What the worker serves. `load` is called in the worker, and makes the panel."""

    def __init__(self, configuration: Configuration, listening: int) -> None:
        self.configuration = configuration
        self.lifeline = Lifeline(*os.pipe())
        self._listening = listening
        self._panel: Panel | None = None
        self._access: Access | None = None
        super().__init__()

    def load_config(self) -> None:
        """Settle gunicorn's settings; nothing of the environment or of a file goes into them."""
        settings = {
            "bind": f"fd://{self._listening}",
            "worker_class": PanelWorker,
            "workers": 1,
            "threads": self.configuration.live_clients
            + UNKNOWN_CLIENTS
            + STREAMS_FOLLOWED
            + CALLS_WAITING
            + FREE_THREADS,
            "worker_connections": CONNECTIONS_MAXIMUM,
            "timeout": 0,  # a busy interpreter must not be taken for a dead one
            "graceful_timeout": int(DRAIN_SECONDS + END_SECONDS),
            "control_socket_disable": True,
            "loglevel": "critical",  # of the arbiter; the worker sets its own
            "proc_name": "socketdeck",
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The application with its panel; ends the process with a sentence where it cannot be."""
        try:
            app = create_app(self.configuration)
        except StoreError as error:
            print(f"The panel cannot start: {error}.", file=sys.stderr)
            raise SystemExit(Arbiter.WORKER_BOOT_ERROR) from None
        self._panel = app.extensions["panel"]
        self._access = app.extensions["access"]
        return app

    def serving(self) -> None:
        """Requests are answered from now on: start what ran, and say where the panel is."""
        assert self._panel is not None
        assert self._access is not None
        leave_out_what_is_loaded()
        self._panel.autostart()
        url = self.configuration.url
        code = self._access.make_sign_in_code()
        print(f"Socketdeck serves {url}")
        print(f"Sign in, once: {url.rstrip('/')}{SIGN_IN_PATH}?code={code}")
        sys.stdout.flush()

    def hasten(self) -> None:
        """Wait for no connection any more."""
        if self._panel is not None:
            self._panel.hasten()

    def close(self, *, drain: bool) -> None:
        """Close the panel; says what it waits for, and what could not be ended."""
        if self._panel is not None:
            if drain:
                _tell_waiting(*self._panel.waits_for())
            for complaint in self._panel.close(DRAIN_SECONDS if drain else 0.0):
                print(complaint, file=sys.stderr)


class PanelArbiter(Arbiter):
    """gunicorn's arbiter for one worker that is never replaced, as its services would be lost."""

    SIGNALS: ClassVar = [signal.SIGHUP, signal.SIGQUIT, signal.SIGINT, signal.SIGTERM]

    def handle_hup(self) -> None:
        """The terminal is gone: end."""
        self.handle_term()

    def manage_workers(self) -> None:
        """Start the worker; once it has ended, end."""
        if self.worker_age and not self.WORKERS:
            print("The panel has ended, and its services with it.", file=sys.stderr)
            raise HaltServer("the worker has ended", 1)
        super().manage_workers()


def serve(configuration: Configuration) -> int:
    """Serve the panel until a signal ends it; returns the exit status.

    Blocks. To be called in a process without threads, as it forks.
    """
    raise_descriptor_limit()
    address = Address("tcp", configuration.host, configuration.port)
    try:
        listening = address.bind(backlog=BACKLOG)
    except AddressUnavailable as error:
        print(f"The panel cannot be served: {_why_not(configuration, error)}.", file=sys.stderr)
        return 1
    configuration = dataclasses.replace(configuration, port=listening.getsockname()[1])
    application = PanelApplication(configuration, listening.detach())
    try:
        PanelArbiter(application).run()
    except SystemExit as error:
        return 1 if error.code else 0
    return 0


def raise_descriptor_limit() -> None:
    """Allow as many open files as may be: a connection is one, and the usual limit is 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _why_not(configuration: Configuration, error: AddressUnavailable) -> str:
    """Why the panel's address cannot be bound; most often since this very panel runs already."""
    running = find_panel(configuration.data)
    if running is not None:
        return (
            f"it runs already, {running}, on the data folder {configuration.data}; "
            "for another one set SOCKETDECK_PORT and SOCKETDECK_DATA"
        )
    cause = error.__cause__
    is_port = isinstance(cause, OSError) and cause.errno in (errno.EADDRINUSE, errno.EACCES)
    return f"{error}; choose another in SOCKETDECK_{'PORT' if is_port else 'HOST'}"


def _tell_waiting(count: int, seconds: float) -> None:
    """Say that the end waits; not by a buffer, which a terminal that is gone would leave full."""
    if count:
        connections, them = ("connection", "it") if count == 1 else ("connections", "them")
        text = (
            f"Waiting for {count} open {connections}, {seconds:g} s at most; "
            f"Ctrl-C again closes {them}.\n"
        )
        with contextlib.suppress(OSError):
            os.write(sys.stdout.fileno(), text.encode("ascii"))

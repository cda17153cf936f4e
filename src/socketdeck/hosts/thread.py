"""`ThreadHost`: a server in a background thread of this process."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from socketdeck import output
from socketdeck.hosts.host import Leftover, Run
from socketdeck.loading import resolve
from socketdeck.managed import Plan, build_server
from socketdeck.watch import Watch


class ThreadHost:
    """Runs a server's loop in a thread named after the service. See `Host`."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._server: Any = None
        self._watch: Watch | None = None
        self._thread: threading.Thread | None = None
        self._stopping = False

    @property
    def pids(self) -> list[int]:
        return [os.getpid()]

    @property
    def threads(self) -> int:
        return len(self._watch.threads) if self._watch else 0

    @property
    def queue(self) -> int:
        return getattr(self._server, "waiting", 0)

    @property
    def requests_handled(self) -> int:
        return getattr(self._server, "requests_handled", 0)

    def start(self) -> None:
        run = self._run
        definition, address = run.definition, run.listener.address
        handler = resolve(
            definition.handler,
            address.transport,
            definition.options,
            folder=run.folder,
            concurrency=definition.concurrency,
        )
        output.capture()
        fixed = address.is_unix or address.host not in ("", "0.0.0.0", "::")
        watch = self._watch = Watch(
            table=run.table,
            tally=run.tally,
            service=definition.name,
            transport=address.transport,
            generation=run.generation,
            level=definition.capture.level,
            prefix=definition.capture.bytes,
            local=str(address).partition("://")[2] if fixed else None,
        )
        self._server = build_server(
            Plan.of(definition), run.listener.duplicate(), handler, watch
        )
        self._thread = threading.Thread(target=self._serve, name=definition.name, daemon=True)
        self._thread.start()

    def stop_accepting(self) -> None:
        self._stopping = True
        self._server.request_shutdown()

    def wait_idle(self, deadline: Callable[[], float]) -> bool:
        watch = self._watch
        assert watch is not None
        if self._run.listener.address.is_stream:
            return self._run.tally.wait_idle(deadline)
        for thread in list(watch.threads):
            while thread in watch.threads and time.monotonic() < deadline():
                thread.join(min(0.02, max(0.0, deadline() - time.monotonic())))
        return not watch.threads

    def close_connections(self, reason: str) -> None:
        assert self._watch is not None
        for connection in list(self._run.tally.open.values()):
            if connection.control is self._watch:
                connection.close(reason=reason)

    def close(self, deadline: float) -> list[Leftover]:
        watch, server, serving = self._watch, self._server, self._thread
        assert watch is not None and serving is not None
        pooled = server.end_threads() if hasattr(server, "end_threads") else []
        handling = list(watch.threads)
        for thread in (serving, *pooled, *handling, *watch.finished):
            thread.join(max(0.0, deadline - time.monotonic()))
        server.server_close()
        watch.finished.clear()
        alive = {thread: None for thread in (serving, *pooled, *handling) if thread.is_alive()}
        return [_leftover(thread) for thread in alive]

    def _serve(self) -> None:
        run, server = self._run, self._server
        error: BaseException | None = None
        try:
            if run.requests is None:
                server.serve_forever()
            else:
                server.timeout = run.timeout
                for turn in range(run.requests):
                    server.handle_request()
                    if self._stopping or server.requests_handled <= turn:
                        break
        except BaseException as raised:
            error = raised
        if not self._stopping:
            run.ended(error)


def _leftover(thread: threading.Thread) -> Leftover:
    frame = sys._current_frames().get(thread.ident or 0)
    return Leftover(thread.name, "".join(traceback.format_stack(frame)) if frame else "")

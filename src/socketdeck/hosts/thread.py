"""`ThreadHost`: a server in background threads of this process.

One that hands its connections to threads has them accepted by the process's `Acceptor`; any other
has a thread that runs its loop.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from socketdeck import output
from socketdeck.building import Plan, build_server
from socketdeck.hosts import acceptor
from socketdeck.hosts.host import Leftover, Run
from socketdeck.loading import resolve
from socketdeck.watch import Watch

LEAVING_SECONDS = 1.0


class ThreadHost:
    """Runs a server in this process. See `Host`."""

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
            level=run.level,
            prefix=definition.capture.bytes,
            local=str(address).partition("://")[2] if fixed else None,
            by_kernel=True,
        )
        self._server = build_server(Plan.of(definition), run.listener.duplicate(), handler, watch)
        elsewhere = definition.concurrency in ("threading", "pool")
        if address.is_stream and elsewhere and run.requests is None:
            acceptor.shared.add(self._server, self._ended)
        else:
            self._server.ensure_waker()  # what hinders it is known now, and not when it stops
            self._thread = threading.Thread(target=self._serve, name=definition.name, daemon=True)
            self._thread.start()

    def set_level(self, level: str, prefix: int, *, each: bool = False) -> None:
        if self._watch is not None:
            self._watch.set_level(level, prefix, each=each)

    def recount(self) -> bool:
        return self._watch is not None and self._watch.recount_all()

    def stop_accepting(self) -> None:
        self._stopping = True
        if self._thread is None:
            acceptor.shared.remove(self._server)
        else:
            self._server.request_shutdown()

    def wait_idle(self, deadline: Callable[[], float]) -> bool:
        watch = self._watch
        assert watch is not None
        streams = self._run.listener.address.is_stream
        return self._run.tally.wait_idle(deadline, None if streams else lambda: watch.threads)

    def close_connections(self, reason: str) -> None:
        assert self._watch is not None
        for connection in list(self._run.tally.open.values()):
            if connection.control is self._watch:
                connection.close(reason=reason)

    def close(self, deadline: float) -> list[Leftover]:
        watch, server = self._watch, self._server
        assert watch is not None
        threads = [self._thread] if self._thread is not None else []
        threads += server.end_threads() if hasattr(server, "end_threads") else []
        threads += watch.threads
        for thread in (*threads, *watch.finished):
            left = deadline - time.monotonic()
            # One that is in no handler is on its way out, and needs a moment whatever the deadline.
            thread.join(max(left, 0.0 if thread in watch.threads else LEAVING_SECONDS))
        server.server_close()
        alive = {thread: None for thread in threads if thread.is_alive()}
        return [_leftover(thread) for thread in alive]

    def _ended(self, error: BaseException | None) -> None:
        """The server has ended by itself: as its loop would have, where the acceptor serves it."""
        if not self._stopping:
            self._run.ended(error)

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
        self._ended(error)


def _leftover(thread: threading.Thread) -> Leftover:
    frame = sys._current_frames().get(thread.ident or 0)
    return Leftover(thread.name, "".join(traceback.format_stack(frame)) if frame else "")

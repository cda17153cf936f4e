"""The child process that serves for the panel: `python -m socketdeck.hosts.worker WIRE LISTENER`.

It is made by exec, not by fork, and ends with its lifeline. For a server that forks a child for
each datagram it has one thread only, since a fork copies the locks that other threads hold: then
everything, the panel's orders included, is done in the server's own loop, and what is recorded is
written at once. Otherwise the server's loop is the main thread, orders are read by another, and the
journal's drainer writes. A forking server of streams has a worker of its own (`forking`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from socketdeck import output
from socketdeck.building import Plan, build_server
from socketdeck.collector import leave_out_what_is_loaded
from socketdeck.errors import SocketdeckError
from socketdeck.failure import failure_of
from socketdeck.hosts import wire
from socketdeck.hosts.worker_watch import (
    ForkingWatch,
    WireJournal,
    WireTally,
    WorkerTable,
    WorkerWatch,
)


class Worker:
    """Serves as it is told over the wire, and ends with it."""

    def __init__(self, end: socket.socket, order: dict[str, Any]) -> None:
        self._end = end
        self._order = order
        self._plan = Plan(*order["plan"])
        self._forking = self._plan.concurrency == "forking"
        self.journal = WireJournal(end, direct=self._forking)
        self._table = WorkerTable(self.journal)
        self._tally = WireTally()
        self._server: Any = None
        self._stopping = False

    def open(self, listening: socket.socket) -> None:
        """Load the handler and build the server; what hinders it is raised."""
        order = self._order
        handler = _load(order)
        output.capture()
        self.watch = (ForkingWatch if self._forking else WorkerWatch)(
            table=self._table,
            tally=self._tally,
            service=self._plan.name,
            transport=self._plan.transport,
            generation=order["generation"],
            level=order["level"],
            prefix=order["prefix"],
            local=order["local"],
        )
        self.watch.journal = self.journal
        self._server = build_server(self._plan, listening, handler, self.watch)

    def serve(self) -> None:
        """Serve until told to stop or until the requests are used up; blocks."""
        server, requests = self._server, self._order["requests"]
        leave_out_what_is_loaded()
        if self._forking:
            server.poll_also(self._end.fileno(), self._obey)
        else:
            threading.Thread(target=self._listen, name="socketdeck-orders", daemon=True).start()
        failure = None
        handled = 0
        try:
            if requests is None:
                server.serve_forever()
            else:
                handled = self._handle(requests)
        except BaseException as error:
            failure = failure_of(error)
        if not self._stopping:
            self.journal.tell(wire.ENDED, {"failure": failure, "handled": handled})
        self.journal.tell(wire.SETTLED)
        self._wait_for_the_end()

    def _handle(self, requests: int) -> int:
        server = self._server
        server.timeout = self._order["timeout"]
        for turn in range(requests):
            server.handle_request()
            if self._stopping or server.requests_handled <= turn:
                break
        return int(server.requests_handled)

    def _wait_for_the_end(self) -> None:
        """Handlers go on; the panel ends the process when they are done or their time is up."""
        if self._forking:
            self._server.accept_no_more()
            self._server.serve_forever()
        else:
            self._server.socket.close()
            threading.Event().wait()

    def _listen(self) -> None:
        while True:
            self._obey()

    def _obey(self) -> None:
        """Take one packet of orders; the end of the wire ends the whole group of processes."""
        try:
            packet = self._end.recv(wire.ORDER_BYTES)
        except OSError:
            packet = b""
        if not packet:
            os.killpg(0, signal.SIGKILL)
        name, *details = wire.unpack_order(packet)
        self._carry_out(name, details)

    def _carry_out(self, name: str, details: list[Any]) -> None:
        if name == "stop_accepting":
            self._stopping = True
            if self._forking:
                self._server.accept_no_more()
                self.journal.tell(wire.SETTLED)
            else:
                self._server.request_shutdown()
        elif name == "close":
            key, how = details
            with contextlib.suppress(Exception):
                self._table.get(key).close(how)
        elif name == "level":
            self.watch.set_level(*details)
        elif name == "ask":
            self._answer(*details)
        elif name == "close_all":
            for connection in self._table.open():
                connection.close()
        elif name == "quit":
            self.journal.finish()
            os._exit(0)

    def _answer(self, number: int, deadline: float, what: str, key: int, data: bytes) -> None:
        """Say what is asked of a connection, or why not; nothing once nobody waits for it."""
        if time.monotonic() > deadline:
            return
        try:
            connection = self._table.get(key)
            if what == wire.STACK:
                answer = self.watch.stack(connection).as_answer()
            else:
                answer = {"sent": connection.send(data)}
        except SocketdeckError as error:
            answer = {"refused": str(error)}
        except Exception as error:
            answer = {"refused": f"{type(error).__name__}: {error}"}
        self.journal.tell(wire.ANSWERED, {"question": number, **answer})


def _load(order: dict[str, Any]) -> Any:
    from socketdeck.loading import resolve

    folder = order["folder"]
    return resolve(
        order["handler"],
        order["plan"][1],
        order["options"],
        folder=Path(folder) if folder else None,
        concurrency=order["plan"][2],
        checked=False,
    )


def main(arguments: list[str]) -> None:
    """Take the wire and the socket by their descriptors, and serve."""
    descriptors = [int(argument) for argument in arguments]
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)  # a handler's programs are not to hold them
    end, listening = (socket.socket(fileno=descriptor) for descriptor in descriptors)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _, order = wire.unpack_order(end.recv(wire.ORDER_BYTES))
    except (OSError, ValueError, EOFError):
        return  # the panel went before it said what to do
    core = order["core"]
    if core is not None and hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {core})
    worker = Worker(end, order)
    try:
        worker.open(listening)
    except BaseException as error:
        worker.journal.tell(wire.FAILED, failure_of(error))
        return
    worker.journal.tell(wire.READY, {"pid": os.getpid()})
    worker.serve()


if __name__ == "__main__":
    main(sys.argv[1:])

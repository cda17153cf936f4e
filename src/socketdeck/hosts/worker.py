"""The child process that serves for the panel: `python -m socketdeck.hosts.worker WIRE LISTENER`.

It is made by exec, not by fork, and ends with its lifeline. For a forking server it has one thread
only, since a fork copies the locks that other threads hold: then everything, the panel's orders
included, is done in the server's own loop, and what is recorded is written at once. Otherwise the
server's loop is the main thread, orders are read by another, and the journal's drainer writes.

It loads as little as it can: each megabyte makes a fork slower.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from socketdeck import output
from socketdeck.connections import Connection
from socketdeck.hosts import wire
from socketdeck.hosts.worker_watch import (
    DATAGRAMS,
    ForkingTable,
    ForkingWatch,
    WireJournal,
    WireTally,
    WorkerTable,
    WorkerWatch,
    opening,
)
from socketdeck.managed import Plan, build_server
from socketdeck.watch import failure_of

PACKET_MAXIMUM_BYTES = 1 << 20


class Worker:
    """Serves as it is told over the wire, and ends with it."""

    def __init__(self, end: socket.socket, order: dict[str, Any]) -> None:
        self._end = end
        self._order = order
        self._plan = Plan(*order["plan"])
        self._forking = self._plan.concurrency == "forking"
        self._writer = wire.Writer(end)
        self.journal = WireJournal(self._writer, direct=self._forking)
        own = self._forking and self._plan.transport not in DATAGRAMS
        self._table = (ForkingTable if own else WorkerTable)(self.journal)
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
            prefix=min(order["prefix"] or wire.PAYLOAD_BYTES, wire.PAYLOAD_BYTES),
            local=order["local"],
        )
        self.watch.journal = self.journal
        self._server = build_server(self._plan, listening, handler, self.watch)

    def serve(self) -> None:
        """Serve until told to stop or until the requests are used up; blocks."""
        server, requests = self._server, self._order["requests"]
        if self._forking:
            server.poll_also(self._end.fileno(), self._obey)
            _freeze()
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
        self.journal.flush()
        if not self._stopping:
            data = {"failure": failure, "handled": handled}
            self._tell(wire.ENDED, data)
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
            packet = self._end.recv(PACKET_MAXIMUM_BYTES)
        except OSError:
            packet = b""
        if not packet:
            os.killpg(0, signal.SIGKILL)
        for name, *details in wire.decode(packet):
            self._carry_out(name, details)

    def _carry_out(self, name: str, details: list[Any]) -> None:
        if name == "stop_accepting":
            self._stopping = True
            if self._forking:
                self._server.accept_no_more()
                self._tell_who_is_served()
            else:
                self._server.request_shutdown()
        elif name == "close":
            key, how = details
            with contextlib.suppress(Exception):
                self._close(self._table.get(key), how)
        elif name == "close_all":
            for connection in self._table.open():
                self._close(connection, "close")
        elif name == "quit":
            if self._forking:
                for pid in self._server.child_pids:  # what they have to say is said at their end
                    os.waitpid(pid, 0)
            self.journal.flush()
            os._exit(0)

    def _tell_who_is_served(self) -> None:
        """Children tell of their connections late, and a stop must know of all that are open."""
        if self._plan.transport not in DATAGRAMS:
            for connection in self._table.open():
                data = {**opening(connection), "pid": connection.pid, "thread": "MainThread"}
                self.journal.record(connection.origin, "connection.opened", data)
        self._tell(wire.STOPPED, None)

    def _close(self, connection: Connection, how: str) -> None:
        own = self._forking and self._plan.transport not in DATAGRAMS
        if own and connection.pid not in (None, os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(connection.pid or 0, signal.SIGUSR1 if how == "reset" else signal.SIGTERM)
        else:
            connection.close(how)

    def _tell(self, kind: str, data: Any) -> None:
        self.journal.flush()
        with contextlib.suppress(ConnectionError):
            self._writer.write([[kind, 0, None, data]])


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


def _freeze() -> None:
    """Keep the collector's hands off what all children share: each page it writes is copied."""
    import gc

    gc.collect()
    gc.freeze()


def main(arguments: list[str]) -> None:
    """Take the wire and the socket by their descriptors, and serve."""
    end = socket.socket(fileno=int(arguments[0]))
    listening = socket.socket(fileno=int(arguments[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        (order,) = wire.decode(end.recv(PACKET_MAXIMUM_BYTES))
    except (OSError, ValueError):
        return  # the panel went before it said what to do
    core = order[1].get("core")
    if core is not None and hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {core})
    worker = Worker(end, order[1])
    try:
        worker.open(listening)
    except BaseException as error:
        worker._tell(wire.FAILED, failure_of(error))
        return
    worker._tell(wire.READY, {"pid": os.getpid()})
    worker.serve()


if __name__ == "__main__":
    main(sys.argv[1:])

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
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from socketdeck import output
from socketdeck.connections import Connection, ConnectionTable, Tally
from socketdeck.hosts import wire
from socketdeck.journal import Draft, Journal
from socketdeck.managed import Plan, build_server
from socketdeck.watch import Watch, failure_of, reset

PACKET_MAXIMUM_BYTES = 1 << 20


class WireJournal(Journal):
    """A journal whose events go over the wire, to be given their place in the panel's.

    `direct`: without a drainer; what is recorded is written by whoever recorded it.
    """

    def __init__(self, writer: wire.Writer, *, direct: bool) -> None:
        super().__init__(source=f"process {os.getpid()}")
        self._writer = writer
        self._direct = direct
        self.asleep = direct

    def wake(self) -> None:
        if self._direct:
            self.flush()
        else:
            super().wake()

    def _publish(self, drafts: Iterable[Draft]) -> None:
        self._write([[kind, when, key, data] for when, _, key, kind, data in drafts])

    def _tell_loss(self, count: int, source: str) -> None:
        self._write([[wire.LOST, 0, None, {"count": count}]])

    def _write(self, messages: list[wire.Message]) -> None:
        with contextlib.suppress(ConnectionError):  # the lifeline's end is seen elsewhere
            self._writer.write(messages)


class WireTally(Tally):
    """Counts are added up in the panel: they go there in the order of the events."""

    def account(self, connection: Connection, more: list[int], now: float) -> None:
        record = (connection.number(), now, connection.origin, wire.COUNTED, 0, more)
        connection.append(record)


class WorkerTable(ConnectionTable):
    """Says of each connection what the panel needs to show it."""

    def opened(self, connection: Connection) -> None:
        self.show(connection)
        data = {
            "client_address": _portable(connection.client_address),
            "local": connection.local,
            "peer_credentials": connection.peer_credentials,
            "pid": os.getpid(),
        }
        self.journal.record(connection.origin, "connection.opened", data)

    def closed(self, connection: Connection, reason: str | None = None) -> None:
        ending = self.hide(connection, reason)
        if ending is not None:
            self.journal.record(connection.origin, "connection.closed", ending)


class WorkerWatch(Watch):
    """Also tells the panel which thread or child handles what."""

    forked_from: int | None = None
    """In a child that was forked for one request: the worker's pid."""

    def begin(self, connection: Connection | None) -> None:
        super().begin(connection)
        if connection is not None:
            data = {"thread": connection.thread, "pid": connection.pid}
            self.table.journal.record(connection.origin, wire.BEGUN, data)

    def finish(self, connection: Connection | None) -> None:
        since = connection.handling_since if connection is not None else None
        super().finish(connection)
        if connection is not None and since is not None:
            self.table.journal.record(connection.origin, wire.FINISHED, {})

    def forked(self, connection: Connection, pid: int) -> None:
        """In the worker: a child was forked for this connection, which is its own from now on."""
        connection.pid = pid

    def ended(self, connection: Connection) -> None:
        if connection.pid is None or connection.pid == os.getpid():
            super().ended(connection)

    def in_child(self, connection: Connection) -> None:
        """In the forked child: the panel ends it by signals, whose default would lose the ending."""
        self.forked_from = os.getppid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, lambda *_: self.close(connection, "close"))
        signal.signal(signal.SIGUSR1, lambda *_: self.close(connection, "reset"))

    def leave_child(self) -> None:
        """In the forked child, at its end."""
        self.table.journal.flush()

    def reaped(self, connection: Connection, pid: int, status: int) -> None:
        """In the worker: the child is gone, by `status` of waitpid(2)."""
        if self.transport in ("tcp", "unix"):
            self.table.hide(connection)
        data = {"pid": pid, "status": os.waitstatus_to_exitcode(status)}
        self.table.journal.record(connection.origin, wire.REAPED, data)


class Worker:
    """Serves as it is told over the wire, and ends with it."""

    def __init__(self, end: socket.socket, order: dict[str, Any]) -> None:
        self._end = end
        self._order = order
        self._plan = Plan(*order["plan"])
        self._forking = self._plan.concurrency == "forking"
        self._writer = wire.Writer(end)
        self.journal = WireJournal(self._writer, direct=self._forking)
        self._table = WorkerTable(self.journal)
        self._tally = WireTally()
        self._server: Any = None
        self._stopping = False

    def open(self, listening: socket.socket) -> None:
        """Load the handler and build the server; what hinders it is raised."""
        order = self._order
        handler = _load(order)
        output.capture()
        self.watch = WorkerWatch(
            table=self._table,
            tally=self._tally,
            service=self._plan.name,
            transport=self._plan.transport,
            generation=order["generation"],
            level=order["level"],
            prefix=order["prefix"],
            local=order["local"],
        )
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
            self.journal.flush()
            os._exit(0)

    def _close(self, connection: Connection, how: str) -> None:
        streams = self._plan.transport in ("tcp", "unix")
        if self._forking and streams and connection.pid not in (None, os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(connection.pid or 0, signal.SIGUSR1 if how == "reset" else signal.SIGTERM)
        else:
            connection.close(how)

    def _tell(self, kind: str, data: Any) -> None:
        self.journal.flush()
        with contextlib.suppress(ConnectionError):
            self._writer.write([[kind, 0, None, data]])


def _portable(client_address: Any) -> Any:
    """A client address in JSON: pairs as lists, abstract Unix names as the text of their bytes."""
    if isinstance(client_address, bytes):
        return {"abstract": client_address.decode("latin-1")}
    return client_address


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

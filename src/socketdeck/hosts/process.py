"""`ProcessHost`: a server in a child process of its own, made by exec, ended with the panel.

The panel passes the listening socket on, and mirrors what the child says of its connections: each
has a `Connection` here like any other, whose far side is the child. One thread reads the wire.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from socketdeck.connections import Connection, opening_of
from socketdeck.errors import LoadError, SocketdeckError
from socketdeck.hosts import wire
from socketdeck.hosts.host import Leftover, Run
from socketdeck.journal import Draft
from socketdeck.managed import Plan

START_SECONDS = 20.0
"""How long a handler's module may take to load in the child."""

STOPPED_SECONDS = 1.0
"""How long a forking child may take to say whom it still serves."""

OUTPUT_BYTES = 8_192
ENDED_KEPT = 4_096
"""Connections of forked children that have ended and may be told of once more by a stop."""

_PACKAGES = Path(__file__).resolve().parents[2]
_cores = itertools.count()


class ChildEnded(SocketdeckError):
    """A child process that ended by itself."""


def next_core() -> int | None:
    """The core that the next pinned child gets: in turn, of those that this process may use."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[next(_cores) % len(allowed)]


class ProcessHost:
    """Runs a server in a child process. See `Host`.

    What the child says is applied by the reading thread alone; `_connections`, by the child's own
    numbers, is that thread's.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._forking = run.definition.concurrency == "forking"
        self._child: subprocess.Popen[bytes] | None = None
        self._end: socket.socket | None = None
        self._output: int = -1
        self._unfinished = b""
        self._reader: threading.Thread | None = None
        self._ready = threading.Event()
        self._stopped = threading.Event()
        self._ended_keys: deque[int] = deque(maxlen=ENDED_KEPT)
        self._start_failure: dict[str, Any] | None = None
        self._connections: dict[int, Connection] = {}
        self._far_side = _FarSide(self)
        self._handling = 0
        self._stopping = False
        self._ended_told = False
        self.requests_handled = 0

    @property
    def pids(self) -> list[int]:
        if self._child is None:
            return []
        children = {
            connection.pid for connection in self._mine() if connection.handling_since is not None
        }
        return [self._child.pid, *sorted(pid for pid in children - {self._child.pid} if pid)]

    @property
    def threads(self) -> int:
        return self._handling

    @property
    def queue(self) -> int:
        waiting = (found.handling_since is None for found in self._mine())
        return sum(waiting) if self._run.definition.concurrency == "pool" else 0

    # -- what its service asks ----------------------------------------------------------------

    def start(self) -> None:
        ours, theirs = wire.pair()
        output, output_end = os.pipe2(os.O_CLOEXEC)
        listening = self._run.listener.socket
        command = [sys.executable, "-P", "-m", "socketdeck.hosts.worker"]
        command += [str(theirs.fileno()), str(listening.fileno())]
        known = os.environ.get("PYTHONPATH")
        path = os.pathsep.join([str(_PACKAGES), *([known] if known else [])])
        try:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output_end,
                stderr=output_end,
                pass_fds=(theirs.fileno(), listening.fileno()),
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
            )
        except BaseException:
            ours.close()
            os.close(output)
            raise
        finally:
            theirs.close()
            os.close(output_end)
        self._end, self._output = ours, output
        self.order("serve", self._what_to_serve())
        self._reader = threading.Thread(
            target=self._read, name=f"{self._run.definition.name}-wire", daemon=True
        )
        self._reader.start()
        if not self._ready.wait(START_SECONDS):
            self._start_failure = {
                "type": "TimeoutError",
                "message": f"the handler took more than {START_SECONDS:g} s to load",
                "traceback": None,
            }
        if self._start_failure is not None:
            self._stopping = True
            self.close(time.monotonic())
            failure = self._start_failure
            raise LoadError(f"{failure['type']}: {failure['message']}", failure["traceback"])

    def stop_accepting(self) -> None:
        self._stopping = True
        self.order("stop_accepting")
        if self._forking:
            self._stopped.wait(STOPPED_SECONDS)

    def wait_idle(self, deadline: Callable[[], float]) -> bool:
        if self._run.listener.address.is_stream:
            return self._run.tally.wait_idle(deadline)
        return self._run.tally.wait_idle(deadline, busy=lambda: self._handling)

    def close_connections(self, reason: str) -> None:
        datagrams = not self._run.listener.address.is_stream
        for connection in self._mine():
            connection.wish = connection.wish or reason
            if datagrams:
                self._run.table.closed(connection)
        self.order("close_all")

    def close(self, deadline: float) -> list[Leftover]:
        child, reader, end = self._child, self._reader, self._end
        assert child is not None
        assert end is not None
        self.order("quit")
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(max(0.0, min(deadline, time.monotonic() + 1.0) - time.monotonic()))
        self._kill_group()
        child.wait()
        if reader is not None and reader is not threading.current_thread():
            reader.join(timeout=5)
        end.close()
        if self._output >= 0:
            os.close(self._output)
            self._output = -1
        return []

    # -- the wire -----------------------------------------------------------------------------

    def order(self, *message: Any) -> None:
        """Tell the child to do something; nothing where it is gone."""
        if self._end is not None:
            with contextlib.suppress(OSError):
                self._end.send(f"[{wire.encode(list(message))}]".encode(), socket.MSG_NOSIGNAL)

    def _what_to_serve(self) -> dict[str, Any]:
        run = self._run
        definition, address = run.definition, run.listener.address
        fixed = address.is_unix or address.host not in ("", "0.0.0.0", "::")
        pinned = definition.affinity and not self._forking
        return {
            "plan": Plan.of(definition),
            "handler": definition.handler,
            "options": definition.options,
            "folder": str(run.folder) if run.folder else None,
            "generation": run.generation,
            "level": definition.capture.level,
            "prefix": definition.capture.bytes,
            "local": str(address).partition("://")[2] if fixed else None,
            "requests": run.requests,
            "timeout": run.timeout,
            "core": next_core() if pinned else None,
        }

    def _read(self) -> None:
        """Read the wire, and beside it the child's own output, until the wire has ended."""
        assert self._end is not None
        poll = select.poll()
        poll.register(self._end, select.POLLIN)
        poll.register(self._output, select.POLLIN)
        connected = True
        while connected:
            for descriptor, _ in poll.poll():
                if descriptor != self._output:
                    connected = self._take_packets()
                elif not self._take_output():
                    poll.unregister(descriptor)
        self._note_end()

    def _take_packets(self) -> bool:
        assert self._end is not None
        drafts: list[Draft] = []
        alive = True
        for _ in range(64):
            try:
                packet = self._end.recv(wire.RECEIVED_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except OSError:
                packet = b""
            if not packet:
                alive = False
                break
            for kind, when, key, data in wire.decode(packet):
                self._apply(kind, when, key, data, drafts)
        self._publish(drafts)
        self._run.tally.tell_idle()
        return alive

    def _publish(self, drafts: list[Draft]) -> None:
        """At level `off` the tables follow what the child says, and nothing is recorded."""
        if drafts and self._run.definition.capture.level != "off":
            self._run.table.journal.publish(drafts)

    def _take_output(self) -> bool:
        """What was printed outside a handler, line by line; false at its end."""
        read = os.read(self._output, OUTPUT_BYTES)
        *lines, rest = (self._unfinished + read).split(b"\n")
        if rest and (not read or len(rest) > OUTPUT_BYTES):
            lines, rest = [*lines, rest], b""
        self._unfinished = rest
        service = self._run.definition.name
        for line in lines:
            data = {"stream": "process", "text": line.decode("utf-8", "replace")}
            self._run.table.journal.record((service, None), "service.log", data)
        return bool(read)

    def _apply(
        self, kind: str, when: float, key: int | None, data: Any, drafts: list[Draft]
    ) -> None:
        """One message of the child: the tables here follow, and an event may come of it."""
        connection = self._connections.get(key) if key is not None else None
        if kind == "connection.opened":
            if connection is None and key not in self._ended_keys:
                self._opened(key or 0, data, drafts)
        elif kind == "connection.closed":
            if connection is not None:
                self._closed(connection, data, when, drafts)
        elif kind == wire.COUNTED:
            if connection is not None:
                connection.add_counted(data, when)
        elif kind == wire.BEGUN:
            self._begun(connection, data, when)
        elif kind == wire.FINISHED:
            self._finished(connection)
        elif kind == wire.REAPED:
            self._reaped(key or 0, data, when, drafts)
        elif kind == wire.STOPPED:
            self._stopped.set()
        elif kind == wire.READY:
            self._ready.set()
        elif kind == wire.FAILED:
            self._start_failure = data
            self._ready.set()
        elif kind == wire.ENDED:
            self.requests_handled = data["handled"]
            self._end_by_itself(data["failure"])
        elif kind == wire.LOST:
            pid = self._child.pid if self._child else 0
            self._publish(drafts)
            drafts.clear()
            self._run.table.journal.publish_loss(data["count"], f"process {pid}")
        else:
            self._event(kind, when, connection, data, drafts)

    def _event(
        self, kind: str, when: float, connection: Connection | None, data: Any, drafts: list[Draft]
    ) -> None:
        tally = self._run.tally
        if kind == "connection.data":
            data["data"] = wire.payload(data["data"])
        elif kind == "connection.error":
            if connection is not None:
                connection.error = data
            with tally.lock:
                tally.errors += 1
        elif kind == "connection.rejected":
            with tally.lock:
                tally.rejected += 1
        number = connection.id if connection is not None else None
        drafts.append(Draft(when, self._run.definition.name, number, kind, data))

    def _opened(self, key: int, data: dict[str, Any], drafts: list[Draft]) -> Connection:
        """A connection here for one of the child's; one forked for it is in its handler already."""
        run = self._run
        address = data["client_address"]
        if isinstance(address, dict):
            address = address["abstract"].encode("latin-1")
        connection = Connection(
            run.table,
            run.tally,
            run.definition.name,
            run.listener.address.transport,
            run.generation,
            tuple(address) if isinstance(address, list) else address,
            self._far_side,
            run.definition.capture.bytes,
        )
        connection.worker_key = key
        opened_at = connection.opened_at = connection.last_activity = data["opened_at"]
        connection.local = data["local"]
        connection.pid = data["pid"]
        if data["peer_credentials"] is not None:
            connection.peer_credentials = tuple(data["peer_credentials"])
        self._connections[key] = connection
        run.table.show(connection)
        kind = "connection.opened"
        drafts.append(
            Draft(opened_at, connection.service, connection.id, kind, opening_of(connection))
        )
        if "thread" in data:
            self._begun(connection, data, opened_at)
        return connection

    def _begun(self, connection: Connection | None, data: dict[str, Any], when: float) -> None:
        self._handling += 1
        if connection is not None:
            connection.thread, connection.pid = data["thread"], data["pid"]
            connection.handling_since = time.monotonic() - max(0.0, time.time() - when)

    def _closed(
        self, connection: Connection, data: dict[str, Any], when: float, drafts: list[Draft]
    ) -> None:
        """The child said so; the totals of one forked for it hold what it had not told of."""
        if self._forking and self._run.listener.address.is_stream:
            ends = [data[what][way] for what in ("bytes", "messages") for way in ("in", "out")]
            more = [end - told for end, told in zip(ends, connection.counted, strict=True)]
            connection.add_counted(more, when)
            self._finished(connection)
        self._end_of(connection, data["reason"], when, drafts)

    def _end_of(
        self, connection: Connection, reason: str, when: float, drafts: list[Draft]
    ) -> None:
        assert connection.worker_key is not None
        if connection.worker_key in self._connections:
            del self._connections[connection.worker_key]
            self._ended_keys.append(connection.worker_key)
        ending = self._run.table.hide(connection, connection.wish or reason, when)
        if ending is not None:
            kind = "connection.closed"
            drafts.append(Draft(when, connection.service, connection.id, kind, ending))

    def _finished(self, connection: Connection | None) -> None:
        self._handling = max(0, self._handling - 1)
        if connection is not None and connection.handling_since is not None:
            self._run.tally.handled(time.monotonic() - connection.handling_since)
            connection.handling_since = None

    def _reaped(self, key: int, data: dict[str, Any], when: float, drafts: list[Draft]) -> None:
        """A forked child is gone that did not say so: what it left unsaid is said for it."""
        connection = self._connections.get(key)
        if connection is None:
            connection = self._opened(key, {**data, "thread": "MainThread"}, drafts)
        self._finished(connection)
        status = data["status"]
        if connection.wish is None and connection.error is None:
            ending = f"ended by {signal.Signals(-status).name}" if status < 0 else "ended"
            message = f"the child process {data['pid']} was {ending} in its handler"
            if status >= 0:
                message = f"the child process {data['pid']} left with status {status}"
            failure = {"type": "ChildEnded", "message": message, "traceback": None}
            self._event("connection.error", when, connection, failure, drafts)
        if self._run.listener.address.is_stream:
            reason = "child_signalled" if status < 0 else "child_exited"
            self._end_of(connection, reason, when, drafts)

    # -- its end ------------------------------------------------------------------------------

    def _note_end(self) -> None:
        """The wire has ended, and so has the child or its last descendant."""
        assert self._child is not None
        self._kill_group()
        self._stopped.set()
        status = self._child.wait()
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        while poll.poll(0) and self._take_output():
            pass
        drafts: list[Draft] = []
        for connection in list(self._connections.values()):
            reason = "child_signalled" if status < 0 else "child_exited"
            self._end_of(connection, reason, time.time(), drafts)
        self._publish(drafts)
        self._handling = 0
        self._run.tally.tell_idle()
        if not self._ready.is_set():
            self._start_failure = {
                "type": "ChildEnded",
                "message": _how(status) + " while it loaded the handler",
                "traceback": None,
            }
            self._ready.set()
        elif not self._stopping:
            self._end_by_itself({"type": "ChildEnded", "message": _how(status), "traceback": None})

    def _end_by_itself(self, failure: dict[str, Any] | None) -> None:
        if self._stopping or self._ended_told:
            return
        self._ended_told = True
        error = None if failure is None else ChildEnded(f"{failure['message']}")
        self._run.ended(error)

    def _kill_group(self) -> None:
        """The child leads a process group of its own, which all it forked is in."""
        assert self._child is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)

    def _mine(self) -> list[Connection]:
        with self._run.tally.lock:
            return list(self._run.tally.open.values())


class _FarSide:
    """The control of a mirrored connection: orders to the child that has its socket."""

    def __init__(self, host: ProcessHost) -> None:
        self._host = host

    def close(self, connection: Connection, how: str) -> None:
        """Have the child end it, or forget it where it is a flow."""
        datagram = connection.transport in ("udp", "unixgram")
        self._host.order("close", connection.worker_key, how)
        if datagram:
            connection.table.closed(connection)

    def ended(self, connection: Connection) -> None:
        """Told by the child, not by a socket here."""

    def detached(self, connection: Connection, descriptor: int) -> None:
        """Seen by the child alone."""

    def kernel(self, connection: Connection) -> dict[str, Any] | None:
        """The socket is the child's."""
        return None


def _how(status: int) -> str:
    if status < 0:
        return f"the child process was ended by {signal.Signals(-status).name}"
    return f"the child process left with status {status}"

"""What the panel shows of a child process: its tables follow what the child says.

Each of the child's connections has a `Connection` here like any other, whose far side is the child.
`Mirror` is for a worker whose threads, or itself, serve; `ForkedMirror` for one that forks a child
for each connection. A host's reading thread alone has them told; what comes of a batch of messages
is given to the journal at once.
"""

from __future__ import annotations

import math
import signal
import struct
import time
from collections.abc import Callable
from typing import Any

from socketdeck.connections import Connection, Control, opening_of, serving_of
from socketdeck.event import Draft, data_detail
from socketdeck.hosts import wire
from socketdeck.hosts.host import Run
from socketdeck.peer import peer_text

Take = Callable[[float, int, Any], None]
"""Takes a message: its time, the child's number of its connection (0: none), its data."""

_TEXTS: dict[str, tuple[str, ...]] = {
    "connection.data": (),
    "connection.error": ("type", "message"),
    "connection.rejected": ("reason",),
    "service.log": ("stream", "text"),
}
"""The events that a child may tell, and what each has to say as text to be one: the child runs code
of its user's."""

COUNT_MAXIMUM = 1 << 53
"""No child counts so far; and it is where JSON's numbers are no longer whole."""

LOST_MAXIMUM = 1 << 30
"""Events that a child may lose at a time: each takes a place in the order."""


class Mirror:
    """Follows one run's child. `handling` is how many requests are in a handler."""

    def __init__(self, run: Run, far_side: Control) -> None:
        self._run = run
        self._far_side = far_side
        self._service = run.definition.name
        self.recorded = run.level != "off"
        """Whether what it says is recorded; `record` changes it."""
        self._connections: dict[int, Connection] = {}  # by the child's own numbers
        self._drafts: list[Draft] = []
        self._takes: dict[str, Take] = {
            "connection.opened": self._opened,
            "connection.served": self._served,
            "connection.closed": self._closed,
            wire.COUNTED: self._counted,
            wire.BEGUN: self._begun,
            wire.FINISHED: self._finished,
            wire.REAPED: self._reaped,
            wire.LOST: self._lost,
        }
        self.source = "process"
        self.handling = 0
        self.ending: str | None = None
        """Why all that is open was told to end, once it was."""

    def take(self, kind: str, when: float, key: int | None, data: Any) -> None:
        """One message of the child."""
        take = self._takes.get(kind)
        if take is not None:
            take(when, key or 0, data)
        else:
            self._event(kind, when, self._connections.get(key or 0), data)

    def record(self, recorded: bool) -> None:
        """Record what the child says from now on, or not; may be called by any thread.

        Once the journal knows of a connection, it is told the end as well.
        """
        self.recorded = recorded
        if recorded:
            for connection in list(self._connections.values()):
                connection.recorded = True

    def publish(self) -> None:
        """Give the events of what was taken their place."""
        drafts, self._drafts = self._drafts, []
        if drafts:
            journal = self._run.table.journal
            try:
                journal.publish(drafts)
            except Exception:  # something passed for an event that a handler wrote to the wire
                journal.publish_loss(len(drafts), self.source)
        self._run.tally.tell_idle()

    def end_all(self, reason: str) -> None:
        """The child is gone, and with it all its connections."""
        now = time.time()
        for connection in list(self._connections.values()):
            self._end(connection, reason, now)
        self.handling = 0
        self.publish()

    # -- connections --------------------------------------------------------------------------

    def _show(
        self,
        key: int,
        opened_at: float,
        client_address: Any,
        local: str | None,
        credentials: tuple[int, int, int] | None,
        *,
        waits: bool = False,
        forked: int | None = None,
    ) -> Connection:
        """A connection here for one of the child's; `forked`: the process that serves it alone."""
        run = self._run
        wire.moment_of(opened_at)
        if not isinstance(local, str | None):
            raise TypeError("an address of this end is text")
        connection = Connection(
            run.table,
            run.tally,
            self._service,
            run.listener.address.transport,
            run.generation,
            wire.address_of(client_address),
            self._far_side,
            run.definition.capture.bytes,
        )
        connection.worker_key = key
        connection.opened_at = connection.last_activity = opened_at
        connection.local = local
        connection.peer_credentials = credentials
        connection.recorded = False
        self._connections[key] = connection
        if self.recorded:  # asked once `record` finds it: it is missed by neither
            connection.recorded = True
        run.table.show(connection)
        connection.waits = waits
        opening = opening_of(connection)
        if forked is not None:
            connection.pid = opening["pid"] = forked
        self._draft(opened_at, connection, "connection.opened", opening)
        return connection

    def _end(self, connection: Connection, reason: str | None, when: float) -> None:
        """It ended at `when`, by our own wish or else for this reason; `None`: what it shows."""
        assert connection.worker_key is not None
        self._connections.pop(connection.worker_key, None)
        ending = self._run.table.hide(connection, connection.wish or reason, when)
        if ending is not None:
            self._draft(when, connection, "connection.closed", ending)

    def _draft(
        self, when: float, connection: Connection | None, kind: str, data: dict[str, Any]
    ) -> None:
        if connection is None:
            if self.recorded:
                self._drafts.append(Draft(when, self._service, None, kind, data))
        elif connection.recorded:
            self._drafts.append(Draft(when, self._service, connection.id, kind, data))

    # -- messages -----------------------------------------------------------------------------

    def _opened(self, when: float, key: int, data: Any) -> None:
        credentials, pid = data["peer_credentials"], data["pid"]
        if not (_is_whole(pid) and (credentials is None or _are_whole(credentials, 3))):
            raise TypeError("connection.opened tells of a process, and who is at the other end")
        connection = self._show(
            key,
            data["opened_at"],
            data["client_address"],
            data["local"],
            tuple(credentials) if credentials is not None else None,
            waits=data["waiting"] is True,
        )
        connection.pid = pid

    def _served(self, when: float, key: int, data: Any) -> None:
        """One that waited has its thread."""
        waited, thread, pid = float(data["waited"]), data["thread"], data["pid"]
        if not (0 <= waited < math.inf and isinstance(thread, str) and isinstance(pid, int)):
            raise TypeError("connection.served tells how long it waited, a thread and a process")
        connection = self._connections.get(key)
        if connection is not None and connection.waits:
            connection.waits = False
            connection.waited, connection.thread, connection.pid = waited, thread, pid
            self._draft(when, connection, "connection.served", serving_of(connection))

    def _closed(self, when: float, key: int, data: Any) -> None:
        """The child said so, having told of all it counted."""
        connection = self._connections.get(key)
        if not isinstance(data["reason"], str | None):
            raise TypeError("connection.closed tells its reason as text")
        if connection is not None:
            if data["reason"] == "killed":  # perhaps with all others, before it was known here
                connection.wish = connection.wish or self.ending
            self._end(connection, data["reason"], when)

    def _counted(self, when: float, key: int, data: Any) -> None:
        connection = self._connections.get(key)
        if not _are_whole(data, 5):
            raise TypeError("what was counted is five numbers")
        if connection is not None:
            connection.add_counted(data, when)

    def _begun(self, when: float, key: int, data: Any) -> None:
        thread, pid = data["thread"], data["pid"]
        if not (isinstance(thread, str | None) and (pid is None or _is_whole(pid))):
            raise TypeError("what has begun is told of with a thread and a process")
        self.handling += 1
        connection = self._connections.get(key)
        if connection is not None:
            connection.thread, connection.pid = thread, pid
            connection.handling_since = _monotonic_of(when)

    def _finished(self, when: float, key: int, data: Any) -> None:
        self.handling = max(0, self.handling - 1)
        connection = self._connections.get(key)
        if connection is not None and connection.handling_since is not None:
            self._run.tally.handled(_monotonic_of(when) - connection.handling_since)
            connection.handling_since = None

    def _reaped(self, when: float, key: int, data: Any) -> None:
        """A forked child that handled a datagram is gone, and could not tell its end."""
        self._finished(when, key, None)
        self._event("connection.error", when, self._connections.get(key), _loss_of(data))
        self.lose(None, f"process {data['pid']}")

    def _lost(self, when: float, key: int, data: Any) -> None:
        self.lose(data["count"], self.source)

    def lose(self, count: int | None, source: str) -> None:
        """Say that so many events were lost here; `None`: those that an abrupt end left untold."""
        if not (count is None or (_is_whole(count) and 0 < count < LOST_MAXIMUM)):
            raise TypeError("what was lost is counted, or not known")
        self.publish()
        self._run.table.journal.publish_loss(count, source)

    def _event(self, kind: str, when: float, connection: Connection | None, data: Any) -> None:
        texts = _TEXTS.get(kind)
        if texts is None or not isinstance(data, dict):
            raise TypeError("an event is one of those that a child tells, and has data")
        if not all(isinstance(data.get(name), str) for name in texts):
            raise TypeError(f"{kind} tells {', '.join(texts)} as text")
        tally = self._run.tally
        if kind == "connection.data":
            data["data"] = wire.payload(data["data"])
            _check_detail(data)
        elif kind == "connection.error":
            if not isinstance(data.get("traceback"), str | None):
                raise TypeError("connection.error tells its traceback as text, or none")
            if connection is not None:
                connection.error = data
            with tally.lock:
                tally.errors += 1
                tally.stir()
            if not self.recorded:  # counted alone, as anywhere at level `off`
                return
        elif kind == "connection.rejected":
            with tally.lock:
                tally.rejected += 1
        self._draft(when, connection, kind, data)


class ForkedMirror(Mirror):
    """Of a worker that forks a child for each stream connection: what each child says of its own.

    Their times are in microseconds. The panel knows what the worker listens on as `local`; where
    that is every address, each child says which it was.
    """

    def __init__(self, run: Run, far_side: Control, local: str | None) -> None:
        super().__init__(run, far_side)
        self._local = local
        self._takes = {
            wire.LIVED: self._lived,
            wire.REAPED: self._reaped,
            wire.LOST: self._lost,
        }

    def _lived(self, when: float, key: int, data: Any) -> None:
        moment, opening, events, counted, end = data
        when = wire.moment_of(moment / 1e6)
        connection = self._connections.get(key)
        if connection is None:
            if opening is None:  # that was lost, and so is what depends on it
                count = len(events) + (0 if end is None else 1 + end[-1])
                if count:
                    self.lose(count, self.source)
                return
            connection = self._open(key, opening)
        for moment, what, *details in events:
            at = wire.moment_of(moment / 1e6)
            if what.__class__ is str:
                self._event(what, at, connection, *details)
            else:
                length, digits, *count = details
                detail = data_detail(what, length, wire.payload(digits), *count)
                _check_detail(detail)
                self._draft(at, connection, "connection.data", detail)
        _count_to(connection, counted)
        if end is None:
            connection.settle(when)
            return
        *marks, told_to_end, lost = end
        connection.reset, connection.io_failed, connection.peer_ended = map(bool, marks)
        # Where it ended before it was told to, its own cause came first.
        connection.wish = (connection.wish or self.ending) if told_to_end else None
        self._leave(connection, None, when)
        if lost:
            self._lost(when, key, {"count": lost})

    def _reaped(self, when: float, key: int, data: Any) -> None:
        """A child is gone that did not say so: what it left unsaid is said for it."""
        connection = self._connections.get(key)
        if connection is None:
            connection = self._open(key, data["opening"])
        status = data["status"]
        if status in (-signal.SIGTERM, -signal.SIGUSR1):  # of a program in the child's place
            connection.wish = connection.wish or self.ending
        if data["failure"] is not None:
            self._event("connection.error", when, connection, data["failure"])
        elif connection.wish is None and connection.error is None:
            loss = _loss_of({"pid": connection.pid, "status": status})
            self._event("connection.error", when, connection, loss)
            self.lose(None, f"process {connection.pid}")
        reason = "child_signalled" if status is not None and status < 0 else "child_exited"
        self._leave(connection, None if status is None else reason, when)

    def _open(self, key: int, opening: Any) -> Connection:
        """It is in its handler already."""
        pid, moment, client_address, local, credentials = opening
        if not _is_whole(pid):
            raise TypeError("an opening tells of its process")
        opened_at = wire.moment_of(moment / 1e6)
        connection = self._show(
            key,
            opened_at,
            client_address,
            self._local or peer_text(wire.address_of(local)),
            struct.unpack("3i", bytes.fromhex(credentials)) if credentials else None,
            forked=pid,
        )
        connection.thread = "MainThread"
        connection.handling_since = _monotonic_of(opened_at)
        self.handling += 1
        return connection

    def _leave(self, connection: Connection, reason: str | None, when: float) -> None:
        self.handling -= 1
        connection.handling_since = None
        self._run.tally.handled(max(0.0, when - connection.opened_at))
        self._end(connection, reason, when)


def _count_to(connection: Connection, totals: list[int]) -> None:
    """What was counted in all; it is accounted for when the connection is settled or hidden."""
    if not _are_whole(totals, 5):
        raise TypeError("what was counted is five numbers")
    (
        connection.bytes_in,
        connection.bytes_out,
        connection.messages_in,
        connection.messages_out,
        connection.unseen,
    ) = totals


def _is_whole(value: Any) -> bool:
    """Whether it is an integer as a child has them: JSON's `true` is none."""
    return value.__class__ is int and -COUNT_MAXIMUM < value < COUNT_MAXIMUM


def _are_whole(values: Any, count: int) -> bool:
    return isinstance(values, list) and len(values) == count and all(map(_is_whole, values))


def _check_detail(detail: dict[str, Any]) -> None:
    """`TypeError` where it is not the data of a `connection.data`; its payload is bytes by now."""
    count = detail.get("count", 1)
    if not (
        detail.get("direction") in ("in", "out")
        and _is_whole(detail.get("length"))
        and detail["length"] >= 0
        and isinstance(detail.get("truncated"), bool)
        and _is_whole(count)
        and count >= 1
    ):
        raise TypeError("connection.data tells direction, length and count of what was seen")


def _monotonic_of(when: float) -> float:
    return time.monotonic() - max(0.0, time.time() - when)


def _loss_of(data: dict[str, Any]) -> dict[str, Any]:
    """A failure: the child process ended in its handler."""
    pid, status = data["pid"], data["status"]
    message = f"the child process {pid} left with status {status}"
    if status < 0:
        message = f"the child process {pid} was ended by {signal_name(-status)} in its handler"
    return {"type": "ChildEnded", "message": message, "traceback": None}


def signal_name(number: int) -> str:
    """As in signal(7), where it has a name at all."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

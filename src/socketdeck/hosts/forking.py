"""The worker of a forking stream service: a clean process that forks a child for each connection.

It is made by exec (`forking_entry`) and has one thread, since a fork copies the locks that other
threads hold. It ends with its lifeline. What its children do is in `forked`.

What a connection costs here is pages. After a fork, a page is copied for whichever process writes
to it first, and CPython writes wherever it looks, for each look counts a reference: some 2 us a
page, and stock touches 100 of them in the parent and 230 in the child. To be quicker than stock and
tell of everything as well, all of this holds together:

- Between two forks the worker only accepts, forks and closes. The socket, its connection and its
  events are the child's.
- What is alike in all children is made before the first (`forked.Child`).
- It is *rehearsed* (`rehearsal`). The interpreter fits code to what it meets when it runs, and
  keeps what it looked up in types; unrehearsed, each child would do so anew, on 40 more pages.
- `threading` puts itself right in every forked child, on 130 pages. Where there is one thread,
  there is nothing to put right, and it does not (`forking_entry`).
- The panel starts it with LD_BIND_NOW (ld.so(8)): unbound, the linker would look up in each child
  what no parent ever calls.
- It loads little, since every page makes the fork itself slower: all of the engine would take a
  sixth of stock's time. The largest stay away altogether, `typing`, `json`, `re`, `pathlib` and
  `datetime` among them. What it is made of imports those for type checking alone, by a
  `TYPE_CHECKING` of its own, or where they are used.
- The collector leaves alone what was there before the first fork.

Tried and rejected: to bind the pages of the program's text to the parent, so that children inherit
them (the fork becomes dearer by as much); malloc in place of Python's own allocator; epoll.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import select
import signal
import socket
import socketserver
from functools import partial
from time import monotonic, time

from socketdeck import output
from socketdeck.failure import failure_of
from socketdeck.hosts import wire
from socketdeck.hosts.errands import Errands
from socketdeck.hosts.forked import LATE_SECONDS, NUDGE, Child
from socketdeck.hosts.rehearsal import rehearse
from socketdeck.seating import seat

TYPE_CHECKING = False  # not from `typing`: see above
if TYPE_CHECKING:
    from typing import Any, NoReturn

EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
EXHAUSTED_PAUSE_SECONDS = 1.0
SAID_ALL_STATUS = wire.SAID_ALL << 8


class ForkingWorker:
    """Accepts and forks; reaps and nudges its children; obeys the panel. One loop does it all.

    `_children` are by pidfd. `_due` says when the next nudge of a child is due (monotonic), and has
    those alone that need one: in order, since each is put there `LATE_SECONDS` ahead. `_nudged`
    says when the last was.
    """

    def __init__(self, end: socket.socket, listening: socket.socket, order: dict[str, Any]) -> None:
        self._end = end
        self._listening = listening
        self._accept = listening._accept  # type: ignore[attr-defined]
        self._server = _server(listening, order)
        self._errands = Errands()
        self._make_child = partial(
            Child,
            self._server,
            errands=self._errands,
            level=order["level"],
            prefix=order["prefix"],
            local_known=order["local"] is not None,
        )
        self._bell, bell = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._child = self._make_child(listening, end, bell)
        self._serve = self._child.serve
        self._poll = select.poll()
        self._children: dict[int, tuple[int, int, Any, float]] = {}  # pid, key, address, opened_at
        self._due: dict[int, float] = {}
        self._nudged: dict[int, float] = {}
        self.accepted = 0
        self._open = True  # whether it accepts at all
        self._listens = False  # whether it does at the moment
        self._rests_until: float | None = None
        self._told_exhausted = False
        self._stopping = self._ending = False
        self._requests: int | None = order["requests"]
        self._timeout: float | None = order["timeout"]
        self._gives_up_at: float | None = None

    def serve(self) -> NoReturn:
        """Serve until the panel or the end of the wire ends this process."""
        self._child.prepare()
        gc.collect()
        rehearse(self._make_child)
        gc.freeze()
        poll, children = self._poll, self._children
        callbacks = {self._end.fileno(): self._obey, self._bell.fileno(): self._answer_bell}
        for descriptor in callbacks:
            poll.register(descriptor, select.POLLIN)
        callbacks[self._listening.fileno()] = self._fork
        self._await_request()
        self._listen()
        while True:
            for descriptor, _ in poll.poll(self._keep_time()):
                if descriptor in children:
                    self._reap(descriptor)
                else:
                    callbacks[descriptor]()

    # -- children -----------------------------------------------------------------------------

    def _fork(self) -> None:
        """Accept a connection, and fork a child for it."""
        try:
            descriptor, client_address = self._accept()
        except OSError as error:
            if error.errno in EXHAUSTED:
                self._rest(f"cannot accept: {error.strerror}")
            return  # else its client has gone again, or the panel has shut the listener down
        self.accepted = key = self.accepted + 1
        opened_at = time()
        serve = self._serve
        try:
            pid = os.fork()
        except OSError as error:
            os.close(descriptor)
            news = {"status": None, "failure": failure_of(error)}
            self._tell_for(os.getpid(), key, client_address, opened_at, news)
            self._rest(f"cannot fork: {error.strerror}")
            return
        if not pid:
            serve(descriptor, client_address, key, opened_at)
        os.close(descriptor)
        pidfd = os.pidfd_open(pid)
        self._children[pidfd] = (pid, key, client_address, opened_at)
        self._poll.register(pidfd, select.POLLIN)
        self._due[pid] = monotonic() + LATE_SECONDS
        if self._requests is not None:
            self._await_request()
        if len(self._children) >= self._server.max_children:
            self._listen()

    def _reap(self, pidfd: int) -> None:
        """A child has ended. If it could not tell all, what is known here is told for it."""
        pid, key, client_address, opened_at = self._children.pop(pidfd)
        self._poll.unregister(pidfd)
        os.close(pidfd)
        try:
            status = os.waitpid(pid, 0)[1]
        except ChildProcessError:  # the handler's module ignores SIGCHLD
            status = SAID_ALL_STATUS
        self._due.pop(pid, None)
        self._nudged.pop(pid, None)
        if status != SAID_ALL_STATUS:
            news = {"status": os.waitstatus_to_exitcode(status), "failure": None}
            self._tell_for(pid, key, client_address, opened_at, news)
        if not self._listens:
            self._listen()

    def _tell_for(
        self, pid: int, key: int, client_address: Any, opened_at: float, news: dict[str, Any]
    ) -> None:
        """Tell of a connection in its child's place."""
        opening = [pid, opened_at * 1e6, wire.plain_address(client_address), None, None]
        self._tell(wire.REAPED, {"opening": opening, **news}, key)

    # -- the time -----------------------------------------------------------------------------

    def _keep_time(self) -> float | None:
        """Do what is due; how long until the next is, in milliseconds, or `None` for ever."""
        due = self._due
        until = None
        now = monotonic()
        while due:
            pid = next(iter(due))
            if due[pid] > now:
                until = due[pid]
                break
            del due[pid]
            self._nudge(pid, now)
        if self._rests_until is not None:
            until = self._rests_until if until is None else min(until, self._rests_until)
            if self._rests_until <= now:
                self._listen()
        if self._gives_up_at is not None:
            until = self._gives_up_at if until is None else min(until, self._gives_up_at)
            if self._gives_up_at <= now:
                self._finish(None)
        return None if until is None else max(0.0, until - now) * 1000

    def _nudge(self, pid: int, now: float) -> None:
        """Have a child tell what it has, or end where all do."""
        self._nudged[pid] = now
        os.kill(pid, signal.SIGTERM if self._ending else NUDGE)

    def _nudge_all(self) -> None:
        """Now, and once more: one that was forked a moment ago does not hear the first."""
        now = monotonic()
        for pid, *_ in self._children.values():
            self._nudge(pid, now)
            self._due[pid] = now + LATE_SECONDS

    def _answer_bell(self) -> None:
        """A child has something to tell: at once where it was quiet, else when that is due."""
        try:
            pid = int(self._bell.recv(32))
        except ValueError:  # from a handler that found the bell
            return
        last = self._nudged.get(pid)
        if last is None or pid in self._due:
            return
        now = monotonic()
        if now - last >= LATE_SECONDS:
            self._nudge(pid, now)
        else:
            self._due[pid] = now + LATE_SECONDS

    # -- accepting ----------------------------------------------------------------------------

    def _listen(self) -> None:
        """Listen or not, as things stand; and say so where nobody is served any more."""
        if self._rests_until is not None and self._rests_until <= monotonic():
            self._rests_until = None
        full = len(self._children) >= self._server.max_children
        wanted = self._open and not full and self._rests_until is None
        if wanted and not self._listens:
            self._poll.register(self._listening, select.POLLIN)
        elif self._listens and not wanted:
            self._poll.unregister(self._listening)
        self._listens = wanted
        if not self._open and not self._children:
            self._tell(wire.SETTLED)

    def _rest(self, why: str) -> None:
        """Accept nobody for a while, so that others give back what is short."""
        if not self._told_exhausted:
            self._told_exhausted = True
            text = f"{why}; trying again each second"
            self._tell("service.log", {"stream": "stderr", "text": text})
        self._rests_until = monotonic() + EXHAUSTED_PAUSE_SECONDS
        self._listen()

    def _await_request(self) -> None:
        """Of a service for so many requests: finish after the last, or where none comes in time."""
        if self._requests is not None and self.accepted >= self._requests:
            self._finish(None)
        elif self._timeout is not None:
            self._gives_up_at = monotonic() + self._timeout

    def _finish(self, failure: dict[str, Any] | None) -> None:
        """Accept no more, by itself."""
        self._close()
        if not self._stopping:
            self._tell(wire.ENDED, {"failure": failure, "handled": self.accepted})

    def _close(self) -> None:
        """Give up the port; children go on."""
        self._open = False
        self._gives_up_at = None
        self._listen()
        self._listening.close()

    # -- the panel ----------------------------------------------------------------------------

    def _obey(self) -> None:
        """Take an order; the end of the wire ends the whole group of processes."""
        try:
            packet = self._end.recv(wire.ORDER_BYTES)
        except OSError:
            packet = b""
        if not packet:
            os.killpg(0, signal.SIGKILL)
        name, *details = wire.unpack_order(packet)
        if name == "stop_accepting":
            self._stopping = True
            self._close()
            self._nudge_all()  # the panel is to know of whom it waits for
        elif name == "close":
            self._end_connection(*details)
        elif name == "ask":
            self._ask(*details)
        elif name == "level":
            self._child.look(*details)
            self._nudge_all()  # those that live learn of it by this
        elif name == "close_all":
            self._ending = True
            self._nudge_all()
        elif name == "quit":
            os._exit(0)

    def _end_connection(self, wanted: int, how: str) -> None:
        for pid, key, *_ in self._children.values():
            if key == wanted:
                os.kill(pid, signal.SIGUSR1 if how == "reset" else signal.SIGTERM)

    def _ask(self, number: int, deadline: float, what: str, wanted: int, data: bytes) -> None:
        """Have a child do what is asked of it, and say so; nothing where it has ended."""
        for pid, key, *_ in self._children.values():
            if key == wanted:
                if self._errands.leave(pid, key, number, deadline, what, data):
                    now = monotonic()
                    self._nudge(pid, now)
                    self._due.setdefault(pid, now + LATE_SECONDS)  # in case that it is telling now
                else:
                    refused = "too many of its kind are being asked at the moment; try again"
                    self._tell(wire.ANSWERED, {"question": number, "refused": refused})

    def _tell(self, kind: str, data: Any = None, key: int | None = None) -> None:
        _tell(self._end, kind, data, key)


def _tell(end: socket.socket, kind: str, data: Any = None, key: int | None = None) -> None:
    """Write to the panel. It reads in the end, or is gone, which is seen elsewhere."""
    packet = wire.packet_of(wire.json_text([[kind, time(), key, data]]))
    with contextlib.suppress(OSError):
        end.send(packet, socket.MSG_NOSIGNAL)


def _server(listening: socket.socket, order: dict[str, Any]) -> Any:
    """What its handler gets as `server`: socketserver's own, on the service's socket."""
    from socketdeck.loading import resolve

    _, transport, concurrency, _, backlog, _ = order["plan"]
    handler = resolve(
        order["handler"],
        transport,
        order["options"],
        folder=order["folder"],
        concurrency=concurrency,
        checked=False,
    )
    output.capture()
    base = socketserver.TCPServer if transport == "tcp" else socketserver.UnixStreamServer
    made = type(f"Forking{base.__name__}", (socketserver.ForkingMixIn, base), {})
    server = made(None, handler, False)
    seat(server, listening)
    server.request_queue_size = backlog
    return server


def run(end: socket.socket, listening: socket.socket) -> None:
    """Be told what to serve, and serve."""
    try:
        _, order = wire.unpack_order(end.recv(wire.ORDER_BYTES))
    except (OSError, ValueError, EOFError):
        return  # the panel went before it said what to do
    try:
        worker = ForkingWorker(end, listening, order)
    except BaseException as error:
        _tell(end, wire.FAILED, failure_of(error))
        return
    _tell(end, wire.READY)
    try:
        worker.serve()
    except BaseException as error:
        _tell(end, wire.ENDED, {"failure": failure_of(error), "handled": worker.accepted})

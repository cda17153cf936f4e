"""The worker: gunicorn's threaded one, with deadlines and bounds on what a client may hold.

gunicorn gives a connection to a thread as soon as it is accepted, and reads the request there: a
client that sends half a head holds the thread, and a few hundred of them hold all. Its main loop,
on the other hand, closes connections itself and waits up to 2 s for each client to do the same. So
here

- the head is read by the main loop, without blocking, within `HEAD_SECONDS`; a thread is used for
  whole heads only, and parses from memory;
- the body is read by a thread, within `BODY_SECONDS`: the main loop then shuts the receiving side,
  which ends the read, while the answer can still be sent;
- an answer that is not taken within `SEND_SECONDS` is given up;
- a connection that is closed is drained by the main loop, without blocking, for `LINGER_SECONDS`;
- one address has at most `WAITING_PER_ADDRESS` connections whose head, and `READING_PER_ADDRESS`
  whose body is waited for; beyond that its oldest makes way, so that whoever sends whole requests
  is served all the same.

The loop has no interval: it sleeps until something happens or a deadline comes.

What belongs to whom: `_heads`, `_idle`, `_lingering` and `_buffers` are the main loop's, which runs
on the main thread; `_bodies` is added to there and discarded from by the thread that serves, and
`_readers` is those threads', guarded by `_reading`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from selectors import EVENT_READ
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import TConn, ThreadWorker

from app.problems import MEDIA_TYPE, problem_members
from app.serving import BODY_READ
from app.serving.patience import Patience

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HEAD_SECONDS = 10.0
IDLE_SECONDS = 15.0
"""How long a connection is kept for a next request."""

BODY_SECONDS = 20.0
SEND_SECONDS = 30.0
LINGER_SECONDS = 2.0
HEAD_BYTES = 64 << 10
WAITING_PER_ADDRESS = 256
READING_PER_ADDRESS = 32
LINGERING_MAXIMUM = 512
ANSWERING_SECONDS = 0.5
"""What answers under way are given once the panel is closed."""

RECEIVED_BYTES = 64 << 10


class Lifeline(NamedTuple):
    """A pipe that ends with the arbiter: `ours` is its end, `theirs` the worker's."""

    theirs: int
    ours: int


class Served(Protocol):
    """What the worker needs of gunicorn's application beside the WSGI one."""

    lifeline: Lifeline

    def serving(self) -> None:
        """Requests are answered from now on."""

    def hasten(self) -> None:
        """Wait for no connection any more."""

    def close(self, *, drain: bool) -> None:
        """Close the panel; blocks. `drain`: whether open connections are waited for."""


class PanelWorker(ThreadWorker):
    """The process in which the panel lives. `app` is a `PanelApplication`."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._served = cast(Served, self.app)
        self._heads: Patience[TConn] = Patience(HEAD_SECONDS)
        self._idle: Patience[TConn] = Patience(IDLE_SECONDS)
        self._lingering: Patience[TConn] = Patience(LINGER_SECONDS)
        self._bodies: Patience[socket.socket] = Patience(BODY_SECONDS)
        self._buffers: dict[TConn, bytearray] = {}
        self._waiting: Counter[str] = Counter()
        self._reading = threading.Lock()
        self._readers: dict[socket.socket, str] = {}
        self._signals: Counter[int] = Counter()
        self._ended = False
        self._orphaned = False

    # -- life ---------------------------------------------------------------------------------

    def init_signals(self) -> None:
        """End on any of the signals that ask for it; the same one again ends drains at once.

        A terminal sends SIGINT to the arbiter and to this process; the arbiter then sends SIGQUIT.
        """
        for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self.handle_exit)
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH):
            signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGABRT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal that asks for the end; on the main thread, between two of its steps."""
        self._signals[sig] += 1
        self.alive = False
        if self.method_queue.fileno() is not None:
            self.method_queue.defer(self._hasten if self._signals[sig] > 1 else _nothing)

    handle_quit = handle_exit

    def init_process(self) -> None:
        """Make the panel and serve it; does not return, so that nothing left behind delays the end.

        What cannot be made is told in one sentence, and the process ends with `WORKER_BOOT_ERROR`.
        """
        self.log.error_log.setLevel("WARNING")
        status = 1
        try:
            os.close(self._served.lifeline.ours)
            super().init_process()
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        except Exception:
            self.log.exception("the panel ended on a fault of its own")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def run(self) -> None:
        """Serve until asked to end, then close the panel while answers under way are finished."""
        queue = self.method_queue
        self.poller.register(cast(int, queue.fileno()), EVENT_READ, queue.run_callbacks)
        self.poller.register(self._served.lifeline.theirs, EVENT_READ, self._parent_ended)
        self.wsgi: Any = self._bounded(cast(Any, self.wsgi))
        self.set_accept_enabled(True)
        if self.alive:
            self._served.serving()
        while self.alive:
            self._step(float("inf"))
            self._balance_accepting()
        self._end()

    def _end(self) -> None:
        self.set_accept_enabled(False)
        for listener in self.sockets:
            listener.close()
        for conn in [*self._heads, *self._idle]:
            self._give_up(conn)
        closing = threading.Thread(target=self._close_panel, name="panel-closing", daemon=True)
        closing.start()
        while not self._ended:
            self._step(float("inf"))
        deadline = time.monotonic() + ANSWERING_SECONDS
        while self.nr_conns > len(self._lingering) and time.monotonic() < deadline:
            self._step(deadline)

    def _close_panel(self) -> None:
        try:
            self._served.close(drain=not self._orphaned)
        except Exception:
            self.log.exception("the panel was not closed in full")

        def ended() -> None:
            self._ended = True

        self.method_queue.defer(ended)

    def _hasten(self) -> None:
        self._served.hasten()

    def _parent_ended(self, descriptor: int) -> None:
        """It was killed: whoever did wants all of this gone, and perhaps another in its place."""
        self.poller.unregister(descriptor)
        self._orphaned = True
        self.alive = False

    # -- the loop -----------------------------------------------------------------------------

    def _step(self, deadline: float) -> None:
        """Wait for the next thing to happen, until the deadline (monotonic) at the latest."""
        patiences = (self._heads, self._idle, self._lingering, self._bodies)
        first = min(deadline, *(patience.next_deadline() for patience in patiences))
        left = None if first == float("inf") else max(0.0, first - time.monotonic())
        self.wait_for_and_dispatch_events(left)
        now = time.monotonic()
        for conn in (*self._heads.take_due(now), *self._idle.take_due(now)):
            self._give_up(conn)
        for conn in self._lingering.take_due(now):
            self._drop(conn)
        for reader in self._bodies.take_due(now):
            _end_reads(reader)

    def _balance_accepting(self) -> None:
        self.set_accept_enabled(self.nr_conns < self.worker_connections)

    def accept(self, listener: socket.socket) -> None:
        """Take one connection and wait for its head."""
        try:
            accepted, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            # No descriptors left (accept(2)): those that are waited for longest make way.
            self.log.warning("a connection was not accepted: %s", error)
            self._make_way(None)
            return
        self.nr_conns += 1
        conn = TConn(self.cfg, accepted, address, listener.getsockname())
        self._await_head(conn, b"")

    def finish_request(self, conn: TConn, fs: Future[bool]) -> None:
        """A thread is done with a request; on the main thread."""
        self._end_reading(conn.sock)
        again = not fs.cancelled() and fs.exception() is None and fs.result() and self.alive
        if not again or not isinstance(conn.parser, RequestParser):
            self._linger(conn)
            return
        conn.sock.setblocking(False)
        self._await_head(conn, conn.parser.unreader.take_buffered(), is_next=True)

    # -- heads --------------------------------------------------------------------------------

    def _await_head(self, conn: TConn, begun: bytes, *, is_next: bool = False) -> None:
        address = _address_of(conn)
        if self._waiting[address] >= WAITING_PER_ADDRESS:
            self._make_way(address)
        self._waiting[address] += 1
        self._buffers[conn] = bytearray(begun)
        patience = self._idle if is_next and not begun else self._heads
        patience.add(conn, time.monotonic())
        self.poller.register(conn.sock, EVENT_READ, partial(self._read_head, conn))
        self._look_at_head(conn)

    def _read_head(self, conn: TConn, _socket: socket.socket) -> None:
        if conn not in self._buffers:
            return  # it made way for another, earlier in this step
        try:
            received = conn.sock.recv(RECEIVED_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            received = b""
        if not received:
            self._stop_waiting(conn)
            self._drop(conn)
            return
        if self._idle.discard(conn):
            self._heads.add(conn, time.monotonic())
        self._buffers[conn] += received
        self._look_at_head(conn)

    def _look_at_head(self, conn: TConn) -> None:
        head = self._buffers[conn]
        if b"\r\n\r\n" in head:
            self._stop_waiting(conn)
            self._serve(conn, bytes(head))
        elif len(head) > HEAD_BYTES:
            self._stop_waiting(conn)
            self._refuse(conn, 431, f"the head is larger than {HEAD_BYTES} bytes")

    def _serve(self, conn: TConn, head: bytes) -> None:
        parser = conn.parser
        if not isinstance(parser, RequestParser):
            parser = conn.parser = RequestParser(self.cfg, conn.sock, conn.client)
        parser.unreader.unread(head)
        conn.data_ready = True
        self._bodies.add(conn.sock, time.monotonic())
        self.enqueue_req(conn)

    def _stop_waiting(self, conn: TConn) -> None:
        self._heads.discard(conn)
        self._idle.discard(conn)
        self._forget(conn)

    def _forget(self, conn: TConn) -> None:
        self.poller.unregister(conn.sock)
        del self._buffers[conn]
        address = _address_of(conn)
        self._waiting[address] -= 1
        if not self._waiting[address]:
            del self._waiting[address]

    def _make_way(self, address: str | None) -> None:
        """Close the one that is waited for longest, of an address or, for `None`, of all."""
        for conn in (*self._idle, *self._heads):
            if address is None or _address_of(conn) == address:
                self._stop_waiting(conn)
                self._drop(conn)
                return

    # -- ends ---------------------------------------------------------------------------------

    def _give_up(self, conn: TConn) -> None:
        """Close one that was waited for: with what was wrong, where it had begun a request."""
        has_begun = bool(self._buffers[conn])
        self._stop_waiting(conn)
        if has_begun:
            self._refuse(conn, 408, f"the head did not come within {HEAD_SECONDS:g} s")
        else:
            self._drop(conn)

    def _refuse(self, conn: TConn, status: int, detail: str) -> None:
        with contextlib.suppress(OSError):
            conn.sock.send(problem_response(status, detail))
        self._linger(conn)

    def _linger(self, conn: TConn) -> None:
        """Close the sending side, and the whole once the client has (RFC 9112, 9.6)."""
        if len(self._lingering) >= LINGERING_MAXIMUM:
            oldest = next(iter(self._lingering))
            self._lingering.discard(oldest)
            self._drop(oldest)
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, EVENT_READ, partial(self._drain, conn))
        except (OSError, ValueError, KeyError):
            self._drop(conn)
            return
        self._lingering.add(conn, time.monotonic())

    def _drain(self, conn: TConn, _socket: socket.socket) -> None:
        try:
            received = conn.sock.recv(RECEIVED_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            received = b""
        if not received and self._lingering.discard(conn):
            self._drop(conn)

    def _drop(self, conn: TConn) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    # -- on the threads -----------------------------------------------------------------------

    def handle_request(self, req: Any, conn: TConn) -> bool:
        """Serve a request whose head is there."""
        try:
            return super().handle_request(req, conn)
        except TimeoutError:
            # Neither an error of ours nor worth a line of log: the client does not take its answer.
            return False

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answer what is no HTTP, or what went wrong before the application could answer it."""
        status, detail = 500, "this is a fault of the panel; its log has it"
        if isinstance(exc, LimitRequestLine):
            status, detail = 414, "the request line is too long"
        elif isinstance(exc, LimitRequestHeaders):
            status, detail = 431, "the head has too many fields, or one that is too long"
        elif isinstance(exc, ParseException):
            status, detail = 400, f"this is no request of HTTP/1.1: {exc}"
        else:
            self.log.exception("a request could not be answered")
        with contextlib.suppress(OSError):
            client.sendall(problem_response(status, detail))

    def _bounded(self, application: WSGIApplication) -> WSGIApplication:
        """The application, with a time to send its answer in, and told when a body was read."""

        def bounded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            sock: socket.socket = environ["gunicorn.socket"]
            sock.settimeout(SEND_SECONDS)
            if not _has_body(environ):
                self._bodies.discard(sock)
                return application(environ, start_response)
            self._begin_reading(sock, str(environ.get("REMOTE_ADDR")))
            body_read = environ[BODY_READ] = partial(self._end_reading, sock)

            def start(*arguments: Any) -> Callable[[bytes], object]:
                body_read()
                return start_response(*arguments)

            return application(environ, start)

        return bounded

    def _begin_reading(self, sock: socket.socket, address: str) -> None:
        with self._reading:
            others = [reader for reader, known in self._readers.items() if known == address]
            if len(others) >= READING_PER_ADDRESS:
                _end_reads(others[0])
                del self._readers[others[0]]
            self._readers[sock] = address

    def _end_reading(self, sock: socket.socket) -> None:
        self._bodies.discard(sock)
        with self._reading:
            self._readers.pop(sock, None)


def problem_response(status: int, detail: str) -> bytes:
    """A whole HTTP response that is a problem (RFC 9457) and the last one of its connection."""
    body = json.dumps(problem_members(status, detail=detail)).encode("ascii")
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"Content-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


def _address_of(conn: TConn) -> str:
    client = conn.client
    return str(client[0]) if isinstance(client, tuple) else str(client)


def _has_body(environ: WSGIEnvironment) -> bool:
    return environ.get("CONTENT_LENGTH", "") not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ


def _end_reads(sock: socket.socket) -> None:
    """Have a read of what is not there yet end; what was received, and answers, are not touched."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RD)


def _nothing() -> None:
    """What is deferred to wake the loop."""

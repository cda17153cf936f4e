"""`managed`: the class that the engine runs for a socketserver class.

It is the class it was given with one mix-in in front, whose overrides of `BaseServer`'s hooks are
where a connection is born and ends. Used without a supervisor it behaves as the class it was given;
only its `serve_forever` waits on a waker instead of a timeout, so that `shutdown` takes
microseconds and an idle server costs nothing.
"""

from __future__ import annotations

import errno
import select
import socket
import socketserver
import sys
import threading
import time
import weakref
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from socketdeck.concurrency import ReapingForkingMixIn
from socketdeck.connections import ConnectionTable
from socketdeck.journal import Journal
from socketdeck.tally import Tally
from socketdeck.tap import TappedSocket
from socketdeck.tap_listening import tap_listener
from socketdeck.waker import Waker
from socketdeck.watch import Watch

ACCEPTED_AT_ONCE = 32
"""Accepted in one go before the waker and the children are looked at again."""

EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
EXHAUSTED_PAUSE_SECONDS = 1.0

ServerClass = TypeVar("ServerClass", bound=type[socketserver.BaseServer])


class ManagedMixIn(socketserver.BaseServer):
    """In front of a server class: looks at what it does, and ends its wait when asked to.

    The flags are written by any thread and read by the serving one, each a single assignment; the
    waker follows each write, so none is missed.
    """

    if TYPE_CHECKING:  # what every server of socketserver has, though BaseServer does not

        def fileno(self) -> int: ...

    watch: Watch | None = None
    thread_prefix = "socketdeck"
    accepting_paused = False
    _accepts_no_more = False
    _stop_asked = False
    _closed = False
    _serving: threading.Event | None = None
    _waker: Waker | None = None
    _nothing_left = False
    exhausted = False
    acceptor: Any = None
    _told_exhausted = False
    requests_handled = 0
    never_blocks = False
    _poll: Any = None
    _callbacks: dict[int, Callable[[], None]] | None = None

    def look_through(self, watch: Watch) -> None:
        """Let `watch` see all that this server's socket does from now on."""
        self.watch = watch
        watch.listening = weakref.ref(self.socket)  # type: ignore[attr-defined]
        tap_listener(self.socket, watch)  # type: ignore[attr-defined]

    # -- serving ------------------------------------------------------------------------------

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Handle requests until `shutdown`. `poll_interval` matters to `service_actions` alone."""
        over = self._serving = threading.Event()
        try:
            self.serve(poll_interval if self._acts_between_requests() else None)
        finally:
            self._stop_asked = False
            self._serving = None
            if self._closed and self._waker is not None:
                self._waker.close()
            over.set()

    def serve(self, interval: float | None) -> None:
        """The loop itself: wait for a request, a wake-up, or at most `interval` seconds."""
        waker, callbacks, poll = self._prepare_poll()
        listening = self.fileno()
        accepting = False
        batch = ACCEPTED_AT_ONCE if self.never_blocks else 1
        while self.keep_serving():
            wanted = not (self.accepting_paused or self.exhausted or self._accepts_no_more)
            if wanted != accepting:
                accepting = wanted
                if wanted:
                    poll.register(listening, select.POLLIN)
                else:
                    poll.unregister(listening)
            wait = EXHAUSTED_PAUSE_SECONDS if self.exhausted else interval
            ready = poll.poll(None if wait is None else wait * 1000)
            self.exhausted = False
            for descriptor, events in ready:
                if descriptor == listening:
                    if events & select.POLLNVAL:
                        raise _closed_under_us()
                    self.handle_ready(batch)
                    if self.fileno() != listening and not self._stop_asked:
                        raise _closed_under_us()  # its number may be another's by now
                elif descriptor in callbacks:
                    callbacks[descriptor]()
                elif not self._stop_asked:
                    waker.clear()
            if not self._stop_asked:
                self.service_actions()

    def keep_serving(self) -> bool:
        """Whether the loop goes on."""
        return not self._stop_asked

    def handle_request(self) -> None:
        """Handle one request, or `handle_timeout` after `timeout` seconds, or none if shut down."""
        own = self.socket.gettimeout() or None  # type: ignore[attr-defined]
        limits = [limit for limit in (own, self.timeout) if limit is not None]
        waker, callbacks, poll = self._prepare_poll()
        give_up = time.monotonic() + min(limits) if limits else None
        accepting = False
        while not (self._stop_asked or self._accepts_no_more):
            if accepting == self.accepting_paused:
                accepting = not accepting
                if accepting:
                    poll.register(self.fileno(), select.POLLIN)
                else:
                    poll.unregister(self.fileno())
            wait = None if give_up is None else max(0.0, give_up - time.monotonic())
            ready = poll.poll(None if wait is None else wait * 1000)
            if not ready:
                return self.handle_timeout()
            for descriptor, _ in ready:
                if descriptor in callbacks:
                    callbacks[descriptor]()
                elif descriptor == waker.fileno():
                    waker.clear()
                elif not self._accepts_no_more and self._handle_one():
                    return None
        return None

    def request_shutdown(self) -> None:
        """Have the loop end; does not wait for it."""
        self._stop_asked = True
        self.ensure_waker().set()

    def shutdown(self) -> None:
        """Have the loop end, and wait until it has; returns at once where none runs."""
        if self.acceptor is not None:
            self.acceptor.end(self, None)
            return
        serving = self._serving
        self.request_shutdown()
        if serving is not None:
            serving.wait()

    def server_close(self) -> None:
        """Close the socket, and the waker with it."""
        if self.acceptor is not None:
            self.acceptor.end(self, _closed_under_us())
        super().server_close()
        self._closed = True
        if self._waker is not None and self._serving is None:
            self._waker.close()

    def pause_accepting(self) -> None:
        """Let who connects wait in the kernel's backlog; for the serving thread."""
        self.accepting_paused = True

    def resume_accepting(self) -> None:
        """Accept again; from any thread."""
        if self.acceptor is not None:
            self.acceptor.resume(self)
        else:
            self.accepting_paused = False
            self.ensure_waker().set()

    def poll_also(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Have the loop call `callback` when a descriptor is readable; for the serving thread."""
        if self._callbacks is None:
            self._callbacks = {}
        self._callbacks[descriptor] = callback
        if self._poll is not None:
            self._poll.register(descriptor, select.POLLIN)

    def poll_no_more(self, descriptor: int) -> None:
        """Take a descriptor out again."""
        if self._callbacks is not None and self._callbacks.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def accept_no_more(self) -> None:
        """Give up the port, and go on with what else the loop does; for the serving thread."""
        self._accepts_no_more = True
        self.socket.close()  # type: ignore[attr-defined]

    def _prepare_poll(self) -> tuple[Waker, dict[int, Callable[[], None]], Any]:
        waker = self.ensure_waker()
        callbacks = self._callbacks = {} if self._callbacks is None else self._callbacks
        poll = self._poll = select.poll()
        for descriptor in (waker.fileno(), *callbacks):
            poll.register(descriptor, select.POLLIN)
        return waker, callbacks, poll

    def _handle_one(self) -> bool:
        """Handle the request that is there; false where it was gone."""
        self._nothing_left = False
        self._handle_request_noblock()  # type: ignore[attr-defined]
        if self._nothing_left and self.never_blocks:
            return False
        self.requests_handled += 1
        return True

    def handle_ready(self, batch: int) -> None:
        """Take up to `batch` requests that wait; for the serving thread."""
        self._nothing_left = False
        for _ in range(batch):
            self._handle_request_noblock()  # type: ignore[attr-defined]
            if self._nothing_left or self.accepting_paused or not self.keep_serving():
                return

    def ensure_waker(self) -> Waker:
        """What ends the loop's wait, made when it is first needed."""
        waker = self._waker
        if waker is None:
            made = Waker()
            # The serving thread and one that stops it may come here at once: one waker is taken.
            waker = self.__dict__.setdefault("_waker", made)
            if waker is not made:
                made.close()
        return waker

    def _acts_between_requests(self) -> bool:
        """Whether the class has something to do at intervals, as ForkingMixIn's reaping."""
        stock = (socketserver.BaseServer.service_actions, _reaps_by_pidfd)
        return type(self).service_actions not in stock and not isinstance(self, ReapingForkingMixIn)

    # -- the hooks ----------------------------------------------------------------------------

    def get_request(self) -> Any:
        try:
            return super().get_request()
        except OSError as error:
            self._nothing_left = True
            if error.errno in EXHAUSTED:
                self.exhausted = True
                self._tell_exhausted(error)
            raise

    def verify_request(self, request: Any, client_address: Any) -> bool:
        verified = super().verify_request(request, client_address)
        if not verified and self.watch is not None:
            connection = self._connection_of(request)
            self.watch.refuse(connection, client_address, "rejected_handler")
        return verified

    def process_request(self, request: Any, client_address: Any) -> None:
        connection = self._connection_of(request)
        if connection is not None and self.watch is not None:
            self.watch.admit(connection, waits=getattr(self, "is_busy", False))
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        watch = self.watch
        if watch is None:
            return super().finish_request(request, client_address)
        connection = watch.find(request, client_address)
        watch.begin(connection)
        try:
            super().finish_request(request, client_address)
        except SystemExit as error:
            # In a thread of its own it would end that thread alone; so it does everywhere.
            watch.raised(connection, error)
        except BaseException as error:
            watch.raised(connection, error)
            raise
        finally:
            watch.finish(connection)
        return None

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Of the mix-ins that serve in threads; what was told of is not for stderr as well."""
        try:
            super().process_request_thread(request, client_address)  # type: ignore[misc]
        except BaseException:
            if self.watch is None:
                raise

    def handle_error(self, request: Any, client_address: Any) -> None:
        watch, error = self.watch, sys.exception()
        if watch is not None and error is not None:
            watch.raised(watch.find(request, client_address), error)
            behind = _next_in_line(cast(Any, type(self)), "handle_error")
            if behind is socketserver.BaseServer.handle_error:
                return  # it would print to stderr what the journal has
        super().handle_error(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        connection = self._connection_of(request)
        if connection is not None and connection.is_open and connection.socket is None:
            connection.table.closed(connection)  # detached: nobody else sees its end

    def _connection_of(self, request: Any) -> Any:
        return getattr(request, "_connection", None) if isinstance(request, TappedSocket) else None

    def _tell_exhausted(self, error: OSError) -> None:
        if not self._told_exhausted and self.watch is not None:
            self._told_exhausted = True
            text = f"cannot accept: {error.strerror}; trying again each second"
            self.watch.say("stderr", text)


def _closed_under_us() -> OSError:
    return OSError(errno.EBADF, "the listening socket was closed")


_reaps_by_pidfd = ReapingForkingMixIn.service_actions


@cache
def _next_in_line(server_class: Any, name: str) -> Any:
    """What the class has under `name` behind the mix-in."""
    line = server_class.__mro__
    for behind in line[line.index(ManagedMixIn) + 1 :]:
        if name in vars(behind):
            return vars(behind)[name]
    return None


@cache
def _managed_class(server_class: Any) -> Any:
    if issubclass(server_class, ManagedMixIn):
        return server_class
    name = server_class.__name__
    return type(name, (ManagedMixIn, server_class), {"__module__": server_class.__module__})


def managed(server_class: ServerClass, *, journal: Journal | None = None) -> ServerClass:
    """The class that the engine would run for any `BaseServer` subclass.

    It takes the same arguments and behaves as the class it was given. With a `journal`, what
    happens on its sockets is recorded there; the caller closes the journal.
    """
    made = _managed_class(cast(Any, server_class))
    if journal is None:
        return made  # type: ignore[no-any-return]

    def activate(self: Any) -> None:
        super(watched, self).server_activate()
        table = ConnectionTable(journal)
        transport = _transport_of(self)
        self.look_through(Watch(table=table, tally=Tally(), service=None, transport=transport))

    watched: Any = type(made.__name__, (made,), {"server_activate": activate})
    return watched  # type: ignore[no-any-return]


def _transport_of(server: Any) -> str:
    unix = server.socket.family == socket.AF_UNIX
    if server.socket.type == socket.SOCK_STREAM:
        return "unix" if unix else "tcp"
    return "unixgram" if unix else "udp"

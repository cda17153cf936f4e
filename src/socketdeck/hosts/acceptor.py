"""`Acceptor`: one thread that accepts for all services whose handlers run elsewhere.

A thread for each service would cost 17 KB and a wake-up each. Only servers that hand each
connection to a thread of its own or to a pool are served: a synchronous handler would hold up
everybody.
"""

from __future__ import annotations

import contextlib
import errno
import select
import threading
import time
from collections.abc import Callable
from typing import Any

from socketdeck.managed import ACCEPTED_AT_ONCE, EXHAUSTED_PAUSE_SECONDS
from socketdeck.waker import Waker

Ended = Callable[[BaseException | None], None]
"""Told that a server has ended by itself: by what its loop would have raised, or by a shutdown."""


class Acceptor:
    """Accepts for any number of servers, on one thread that starts with the first.

    `_servers` is changed by any thread, in single operations. Whoever takes a server out needs to
    know that the thread is not in it any more: it takes it out first and looks at `_at` then, the
    thread sets `_at` first and looks whether it is still in then, so that one of them sees the
    other. `_pausing` guards the two moves that must not cross: a pool that is full and one that has
    room.
    """

    def __init__(self) -> None:
        self._poll: Any = None
        self._waker: Waker | None = None
        self._servers: dict[int, tuple[Any, Ended]] = {}
        self._at: Any = None
        self._passed = threading.Condition()
        self._pausing = threading.Lock()
        self._resting: dict[int, float] = {}  # out of descriptors, until when; the thread's alone

    def add(self, server: Any, ended: Ended) -> None:
        """Accept for a server from now on."""
        with self._passed:
            if self._poll is None:
                self._poll, self._waker = select.epoll(), Waker()
                self._poll.register(self._waker.fileno(), select.EPOLLIN)
                threading.Thread(target=self._run, name="socketdeck-acceptor", daemon=True).start()
        server.acceptor = self
        descriptor = server.fileno()
        self._servers[descriptor] = (server, ended)
        self._poll.register(descriptor, select.EPOLLIN)

    def remove(self, server: Any) -> Ended | None:
        """Accept for it no more; once this returns, the thread is not in it and will not be.

        Returns whom to tell that it has ended, where nobody has taken it out before.
        """
        descriptor = server.fileno()
        _, ended = self._servers.pop(descriptor, (None, None))
        if ended is None:
            return None
        with contextlib.suppress(OSError):
            self._poll.unregister(descriptor)
        if self._at is server and threading.current_thread().name != "socketdeck-acceptor":
            with self._passed:
                self._passed.wait_for(lambda: self._at is not server)
        return ended

    def end(self, server: Any, error: BaseException | None) -> None:
        """The server is ended from its own side, as a handler may: what serves it is told."""
        ended = self.remove(server)
        if ended is not None:
            ended(error)

    def resume(self, server: Any) -> None:
        """The server accepts again."""
        with self._pausing:
            server.accepting_paused = False
            self._listen_to(server.fileno())

    def _run(self) -> None:
        assert self._waker is not None
        waker = self._waker.fileno()
        while True:
            rest = min(self._resting.values(), default=None)
            wait = None if rest is None else max(0.0, rest - time.monotonic())
            for descriptor, _ in self._poll.poll(wait):
                if descriptor == waker:
                    self._waker.clear()
                else:
                    self._accept(descriptor)
            if self._resting:
                self._end_rests(time.monotonic())

    def _accept(self, descriptor: int) -> None:
        server, ended = self._servers.get(descriptor, (None, None))
        if server is None or ended is None:
            return
        self._at = server
        try:
            if server.fileno() != descriptor:
                raise OSError(errno.EBADF, "the listening socket was closed")
            if descriptor in self._servers:
                server.handle_ready(ACCEPTED_AT_ONCE)
                self._pause(descriptor, server)
        except BaseException as error:
            self._servers.pop(descriptor, None)
            with contextlib.suppress(OSError):
                self._poll.unregister(descriptor)
            ended(error)
        finally:
            self._at = None
        with self._passed:
            self._passed.notify_all()

    def _pause(self, descriptor: int, server: Any) -> None:
        """Leave out a server whose pool is full, or that has run out of descriptors."""
        if server.exhausted:
            server.exhausted = False
            self._resting[descriptor] = time.monotonic() + EXHAUSTED_PAUSE_SECONDS
            self._ignore(descriptor)
        elif server.accepting_paused:
            with self._pausing:
                if server.accepting_paused:
                    self._ignore(descriptor)

    def _end_rests(self, now: float) -> None:
        for descriptor, until in list(self._resting.items()):
            if until <= now:
                del self._resting[descriptor]
                self._listen_to(descriptor)

    def _ignore(self, descriptor: int) -> None:
        with contextlib.suppress(OSError):
            self._poll.modify(descriptor, 0)

    def _listen_to(self, descriptor: int) -> None:
        if descriptor in self._servers:
            with contextlib.suppress(OSError):
                self._poll.modify(descriptor, select.EPOLLIN)


shared = Acceptor()
"""The process's own."""

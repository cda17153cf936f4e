"""What a forked child does: it serves one connection, tells the panel of it, and ends.

Everything here is made once, in the worker, and each child works on its copy (`forking` says why,
and why so little is called here that could be written out). What it has to tell is in its
`account.Account`.

A child says nothing until its handler is done, and then all in one packet. One that lives longer is
nudged by the worker, by a signal: after 50 ms, and from then on when it has something new to tell,
but not more often. The worker keeps the time, so that a handler has SIGALRM and its timer to
itself, and an idle child sleeps. All packets are made by the main thread, in the signal's handler
or at the end, so that they need no lock: what is interrupted may hold any.
"""

from __future__ import annotations

import _socket
import contextlib
import mmap
import os
import signal
import socket
from time import time

from socketdeck import ends, output
from socketdeck.failure import failure_of
from socketdeck.hosts import wire
from socketdeck.hosts.account import Account
from socketdeck.hosts.errands import Errands, run_errands
from socketdeck.tap_levels import SOCKET_CLASSES

TYPE_CHECKING = False  # not from `typing`: see `forking`
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LATE_SECONDS = 0.05
"""As long as the panel's own journal waits: what a live page is shown is no older."""

BELATED_SECONDS = LATE_SECONDS / 2
"""A child that begins so late may have had its first nudge before it could hear one."""

LEVELS = ("off", "counters", "events", "payload")
PREFIX_BYTES = 4

NUDGE = signal.SIGURG
"""A signal that means nothing where it is not expected: a program that a handler puts in its own
place by exec ignores it."""


class Child:
    """A forked child's conduct. The worker makes it; `serve` is the child's whole life.

    `listening` is the service's socket, `end` the wire, and `bell` wakes the worker.
    """

    def __init__(
        self,
        server: Any,
        listening: socket.socket,
        end: socket.socket,
        bell: socket.socket,
        *,
        errands: Errands,
        level: str,
        prefix: int,
        local_known: bool,
    ) -> None:
        self.server = server
        self.handler = server.RequestHandlerClass
        self.exit: Callable[[int], Any] = os._exit
        self._listening = listening
        self._family, self._kind = int(listening.family), int(listening.type)
        self._end = end
        self._bell = bell
        self._asks_local = not local_known
        self._unix = listening.family == socket.AF_UNIX
        self._worker_pid = os.getpid()
        self._telling = False
        self._unsent: list[bytes] = []
        self._errands = errands
        self._wanted = mmap.mmap(-1, 1 + PREFIX_BYTES)  # shared by the worker and all its children
        self.account = account = Account(
            ipv4=listening.family == socket.AF_INET,
            recorded=level != "off",
            prefix=prefix,
            touch=self._ring,
        )
        # Without a descriptor until there is one.
        self.request = SOCKET_CLASSES[level](listening.family, listening.type)
        _socket.socket.close(self.request)
        self.request._connection = account  # type: ignore[assignment]
        self.look(level, prefix)

    def look(self, level: str, prefix: int) -> None:
        """In the worker: have all children look as closely as that, the living ones when nudged."""
        self._wanted[:] = bytes([LEVELS.index(level)]) + prefix.to_bytes(PREFIX_BYTES, "little")
        self._obey()

    def _obey(self) -> None:
        """Look as closely as is wanted now."""
        wanted = self._wanted[:]
        socket_class = SOCKET_CLASSES[LEVELS[wanted[0]]]
        account = self.account
        account.prefix = int.from_bytes(wanted[1:], "little")
        account.recorded = account.recorded or wanted[0] > 0
        self.request.__class__ = socket_class
        for twin in account.twins:
            found = twin()
            if found is not None:
                found.__class__ = socket_class

    def serve(self, descriptor: int, client_address: Any, key: int, opened_at: float) -> None:
        """Handle the connection that was accepted as `descriptor`, tell all, and exit."""
        status = 1
        try:
            account, request = self.account, self.request
            account.pid = os.getpid()
            account.key = key
            account.client_address = client_address
            account.opened_at = opened_at
            _close(self._listening)  # first of all: a stopped service's port is to be free
            _open(request, self._family, self._kind, 0, descriptor)
            if self._asks_local:
                account.local = request.getsockname()
            if self._unix:
                account.credentials = _credentials(request)
            if account.told_to_end:
                ends.end(request, None, "close")
            elif time() - opened_at > BELATED_SECONDS:
                self._ring(account)
            try:
                self.handler(request, client_address, self.server)
            except BaseException as error:
                account.raised = type(error).__name__
                account.record("connection.error", failure_of(error))
            status = self._leave()
        finally:
            self.exit(status)

    def _leave(self) -> int:
        """Tell all; returns the status to exit with."""
        account, request = self.account, self.request
        if os.getpid() != account.pid:
            return 0  # a process that the handler has forked, and that came out of it as well
        self._telling = True  # a nudge comes too late from now on
        if output.unfinished:
            output.finish()
        if not account.recorded:
            seen = ends.seen_by_kernel(request.fileno(), account.raised)
            if seen is not None:
                account.reset, account.peer_ended = seen
        try:  # noqa: SIM105 - a context manager would be three calls more
            _shutdown(request, socket.SHUT_WR)
        except OSError:
            pass
        packets = account.packets(time())
        if self._unsent:
            packets = [*self._unsent, *packets]
        try:
            for packet in packets:
                self._end.send(packet, socket.MSG_NOSIGNAL)
        except OSError:
            return 1
        return wire.SAID_ALL

    # -- from outside -------------------------------------------------------------------------

    def prepare(self) -> None:
        """In the worker: what its children do when they print, are nudged, or told to end.

        A signal that the handler's module has taken for itself is left to it.
        """
        output.begin(self.account)  # type: ignore[arg-type]
        for number, heard in (
            (NUDGE, self._nudged),
            (signal.SIGTERM, self._told_to_end),
            (signal.SIGUSR1, self._told_to_end),
        ):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, heard)

    def _ring(self, account: Account) -> None:
        """Have the worker send a nudge: there is something to tell. May be called by any thread."""
        with contextlib.suppress(OSError):
            self._bell.send(b"%d" % account.pid, socket.MSG_DONTWAIT)

    def _nudged(self, number: int, frame: Any) -> None:
        """Tell what there is. Its handler is interrupted, somewhere; nothing here blocks it."""
        account = self.account
        if self._telling or os.getpid() != account.pid:
            return
        self._telling = True
        self._obey()
        try:
            answers = run_errands(self._errands, account, self.request, frame)
            if not self._unsent:
                self._unsent = account.packets()
            self._unsent += answers  # behind what they are about
            while self._unsent:
                self._end.send(self._unsent[0], socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)
                del self._unsent[0]
        except BlockingIOError:
            self._ring(account)  # the panel is slow to read
        except OSError:
            self._unsent = []
        finally:
            self._telling = False

    def _told_to_end(self, number: int, frame: Any) -> None:
        """End the connection: its handler's next call sees it."""
        account, pid = self.account, os.getpid()
        if pid == self._worker_pid or (account.pid and pid != account.pid):
            # The worker itself, or what a handler has forked: to them it is a signal as any other.
            signal.signal(number, signal.SIG_DFL)
            os.kill(pid, number)
            return
        account.told_to_end = True
        how = "reset" if number == signal.SIGUSR1 else "close"
        ends.end(self.request, account.elsewhere, how)


# The C class's own: Python's socket does more beside, and the process ends in any case.
_open = _socket.socket.__init__
_close = _socket.socket.close
_shutdown = _socket.socket.shutdown


def _credentials(request: socket.socket) -> bytes | None:
    try:
        return request.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    except (AttributeError, OSError):
        return None

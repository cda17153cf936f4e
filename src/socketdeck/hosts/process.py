"""`ProcessHost`: a server in a child process of its own, made by exec, ended with the panel.

The panel passes the listening socket on, and mirrors what the child says of its connections: each
has a `Connection` here like any other, whose far side is the child. One thread reads the wire.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from socketdeck.building import Plan
from socketdeck.connections import Connection
from socketdeck.errors import LoadError, SocketdeckError
from socketdeck.hosts import wire
from socketdeck.hosts.asking import Asking
from socketdeck.hosts.far_side import FarSide
from socketdeck.hosts.host import Leftover, Run
from socketdeck.hosts.mirror import ForkedMirror, Mirror, signal_name

START_SECONDS = 20.0
"""How long a handler's module may take to load in the child."""

TOGETHER_SECONDS = 0.025
"""What forked children say within this time is taken together: a wake-up for each would cost more
than all else that the panel does for it. The first after a pause does not wait, and nobody does
once it is being stopped."""

ORDER_SECONDS = 1
"""How long an order waits for a child that reads none; whoever gives it may hold locks."""

QUIT_SECONDS = 1.0
"""How long a child has for its last words."""

PACKETS_AT_ONCE = 64
OUTPUT_BYTES = 8_192
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

    What the child says is taken by the reading thread alone, which ends with the child: a wire
    whose other end is still held by somebody would not tell. `_settled` says that the child, told
    to accept no more, has accepted nobody who is not known here.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._forking = run.definition.concurrency == "forking"
        self._forks_streams = self._forking and run.listener.address.is_stream
        self._child: subprocess.Popen[bytes] | None = None
        self._end: socket.socket | None = None
        self._output = self._pidfd = -1
        self._held = contextlib.ExitStack()  # closes these three
        self._reaping = threading.Lock()  # between the child's last signal and its wait
        self._unfinished = b""
        self._reader: threading.Thread | None = None
        self._ready = threading.Event()
        self._start_failure: dict[str, Any] | None = None
        self._asking = Asking(self._post)
        self._mirror = self._make_mirror()
        self._settled = False
        self._caught_up = True
        self._hurry = threading.Event()
        self._stopping = False
        self._ended_told = False
        self._levelling = threading.Lock()  # guards _untold_level, and the order of orders for it
        self._untold_level: tuple[str, int] | None = None
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
        return self._mirror.handling

    @property
    def queue(self) -> int:
        waiting = (found.handling_since is None for found in self._mine())
        return sum(waiting) if self._run.definition.concurrency == "pool" else 0

    # -- what its service asks ----------------------------------------------------------------

    def start(self) -> None:
        try:
            self._spawn()
            self.order("serve", self._what_to_serve())
            reader = threading.Thread(
                target=self._read, name=f"{self._run.definition.name}-wire", daemon=True
            )
            reader.start()
            self._reader = reader
            if not self._ready.wait(START_SECONDS):
                raise LoadError(f"the handler took more than {START_SECONDS:g} s to load", None)
            failure = self._start_failure
            if failure is not None:
                raise LoadError(f"{failure['type']}: {failure['message']}", failure["traceback"])
        except BaseException:
            self._stopping = True
            self.close(time.monotonic())
            raise

    def set_level(self, level: str, prefix: int, *, each: bool = False) -> None:
        self._mirror.record(level != "off")
        wanted = (level, _prefix(prefix))
        with self._levelling:
            self._untold_level = None if self.order("level", *wanted) else wanted

    def recount(self) -> bool:
        self._tell_level_again()
        return False  # the child does, and tells

    def stop_accepting(self) -> None:
        self._stopping = True
        self.order("stop_accepting")
        self._hurry.set()

    def wait_idle(self, deadline: Callable[[], float]) -> bool:
        tally, mirror = self._run.tally, self._mirror
        if self._run.listener.address.is_stream:
            return tally.wait_idle(deadline, lambda: not self._settled or tally.open)
        return tally.wait_idle(deadline, lambda: not self._settled or mirror.handling)

    def close_connections(self, reason: str) -> None:
        datagrams = not self._run.listener.address.is_stream
        self._mirror.ending = reason
        for connection in self._mine():
            connection.wish = connection.wish or reason
            if datagrams:
                self._run.table.closed(connection)
        self.order("close_all")

    def close(self, deadline: float) -> list[Leftover]:
        reader = self._reader
        self.order("quit")
        if self._pidfd >= 0:
            poll = select.poll()
            poll.register(self._pidfd, select.POLLIN)
            poll.poll(max(0.0, min(deadline - time.monotonic(), QUIT_SECONDS)) * 1000)
        if self._child is not None:
            self._end_group(self._child)
        self._shut_wire()
        if reader is not None and reader is not threading.current_thread():
            reader.join(timeout=5)
        self._held.close()
        return []

    # -- the wire -----------------------------------------------------------------------------

    def order(self, name: str, *details: Any) -> bool:
        """Tell the child to do something; nothing where it is gone, or reads no orders.

        Blocks for `ORDER_SECONDS` at most; whether the child has it before it.
        """
        return self._send(socket.MSG_NOSIGNAL, name, *details)

    def _post(self, name: str, *details: Any) -> bool:
        """Tell the child to do something, if it takes that at once."""
        return self._send(socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT, name, *details)

    def _send(self, flags: int, name: str, *details: Any) -> bool:
        if self._end is None:
            return False
        try:
            self._end.send(wire.pack_order(name, *details), flags)
        except OSError:
            return False
        return True

    def _tell_level_again(self) -> None:
        """Where the child took no orders when its level was changed: try again, without waiting."""
        if self._untold_level is None or not self._levelling.acquire(blocking=False):
            return
        try:
            if self._untold_level is not None and self._post("level", *self._untold_level):
                self._untold_level = None
        finally:
            self._levelling.release()

    def _spawn(self) -> None:
        """Start the child, on the other end of the wire."""
        ours, theirs = wire.pair()
        self._end = self._held.enter_context(ours)
        # Sending alone gives up by this, socket(7); a timeout of Python's would be for both.
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", ORDER_SECONDS, 0))
        with theirs:
            self._output, output_end = os.pipe2(os.O_CLOEXEC)
            self._held.callback(os.close, self._output)
            handed = (theirs.fileno(), self._run.listener.socket.fileno())
            known = os.environ.get("PYTHONPATH")
            path = os.pathsep.join([str(_PACKAGES), *([known] if known else [])])
            try:
                self._child = child = subprocess.Popen(
                    [sys.executable, "-P", *self._how_to_run(), *map(str, handed)],
                    stdin=subprocess.DEVNULL,
                    stdout=output_end,
                    stderr=output_end,
                    pass_fds=handed,
                    start_new_session=True,
                    env={
                        **os.environ,
                        "PYTHONPATH": path,
                        "PYTHONUNBUFFERED": "1",
                        **({"LD_BIND_NOW": "1"} if self._forks_streams else {}),
                    },
                )
            finally:
                os.close(output_end)
        self._pidfd = os.pidfd_open(child.pid)
        self._held.callback(os.close, self._pidfd)
        self._mirror.source = f"process {child.pid}"

    def _how_to_run(self) -> list[str]:
        if self._forks_streams:  # what -m needs would stay in it
            return ["-c", "from socketdeck.hosts.forking_entry import main; main()"]
        return ["-m", "socketdeck.hosts.worker"]

    def _what_to_serve(self) -> dict[str, Any]:
        run = self._run
        definition = run.definition
        pinned = definition.affinity and not self._forking
        return {
            "plan": tuple(Plan.of(definition)),
            "handler": definition.handler,
            "options": json.loads(json.dumps(definition.options, default=str)),
            "folder": str(run.folder) if run.folder else None,
            "generation": run.generation,
            "level": self._run.level,
            "prefix": _prefix(definition.capture.bytes),
            "local": self._local(),
            "requests": run.requests,
            "timeout": run.timeout,
            "core": next_core() if pinned else None,
        }

    def _make_mirror(self) -> Mirror:
        far_side = FarSide(self.order, self._asking)
        if self._forks_streams:
            return ForkedMirror(self._run, far_side, self._local())
        return Mirror(self._run, far_side)

    def _local(self) -> str | None:
        """The address that all its connections have at this end, where there is only one."""
        address = self._run.listener.address
        fixed = address.is_unix or address.host not in ("", "0.0.0.0", "::")
        return str(address).partition("://")[2] if fixed else None

    def _read(self) -> None:
        """Read the wire, and beside it the child's own output, until the wire or child has ended.

        The children of a forking worker have its end of the wire as well, and may outlive it.
        """
        assert self._end is not None
        poll = select.poll()
        for descriptor in (self._end.fileno(), self._output, self._pidfd):
            poll.register(descriptor, select.POLLIN)
        alive = True
        while alive:
            for descriptor, _ in poll.poll():
                if descriptor == self._pidfd:
                    alive = False
                elif descriptor != self._output:
                    alive = self._take_packets() and alive
                elif not self._take_output():
                    poll.unregister(descriptor)
            if self._forks_streams and self._caught_up:
                self._hurry.wait(TOGETHER_SECONDS)
        self._note_end()

    def _take_packets(self) -> bool:
        """Take what has come, up to a bound; false where the wire has ended."""
        assert self._end is not None
        alive = True
        self._caught_up = False
        for _ in range(PACKETS_AT_ONCE):
            try:
                packet = self._end.recv(wire.RECEIVED_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                self._caught_up = True
                break
            except OSError:
                packet = b""
            if not packet:
                alive = False
                break
            self._take_packet(packet)
        self._mirror.publish()
        self._tell_level_again()
        return alive

    def _take_packet(self, packet: bytes) -> None:
        """Its messages; one that is none came from a handler that found the wire, and is lost."""
        garbled = 0
        try:
            messages = wire.decode(packet)
        except ValueError:
            messages, garbled = [], 1
        for message in messages:
            try:
                self._take(*wire.parts_of(message))
            except Exception:
                garbled += 1
        if garbled:
            self._mirror.lose(garbled, self._mirror.source)

    def _take(self, kind: str, when: float, key: int | None, data: Any) -> None:
        """One message: of the process itself, or else of its connections."""
        if kind == wire.READY:
            self._ready.set()
        elif kind == wire.FAILED:
            self._start_failure = data
            self._ready.set()
        elif kind == wire.ENDED:
            self.requests_handled = data["handled"]
            self._end_by_itself(data["failure"])
        elif kind == wire.SETTLED:
            self._settled = True
        elif kind == wire.ANSWERED:
            self._asking.take(data)
        else:
            self._mirror.take(kind, when, key, data)

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

    # -- its end ------------------------------------------------------------------------------

    def _note_end(self) -> None:
        """The child has ended, or has let go of the wire; what it forked ends with it."""
        assert self._child is not None
        status = self._end_group(self._child)
        self._shut_wire()
        while self._take_packets():
            pass
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        while poll.poll(0) and self._take_output():
            pass
        self._settled = True
        if status:
            self._mirror.lose(None, self._mirror.source)
        self._mirror.end_all("child_signalled" if status < 0 else "child_exited")
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

    def _end_group(self, child: subprocess.Popen[bytes]) -> int:
        """End the child and all that it forked, which is in its process group; its status.

        Only until it is waited for is the group's number surely its own.
        """
        with self._reaping:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.pid, signal.SIGKILL)
            return child.wait()

    def _shut_wire(self) -> None:
        """Let nothing more be said, by whoever holds the other end; what was can still be read."""
        if self._end is not None:
            with contextlib.suppress(OSError):
                self._end.shutdown(socket.SHUT_RDWR)

    def _mine(self) -> list[Connection]:
        with self._run.tally.lock:
            return list(self._run.tally.open.values())


def _prefix(wanted: int) -> int:
    """How many bytes of a message a child keeps; 0 asks for all, of which it has room for some."""
    return min(wanted or wire.PAYLOAD_BYTES, wire.PAYLOAD_BYTES)


def _how(status: int) -> str:
    if status < 0:
        return f"the child process was ended by {signal_name(-status)}"
    return f"the child process left with status {status}"

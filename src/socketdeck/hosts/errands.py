"""Errands: what a forking worker's children are asked to do in the midst of their handlers.

A child listens to nobody while its handler runs, but hears signals. So the worker leaves it a note
in a file in memory that all of them share (memfd_create(2)), and sends the signal that nudges it
anyway; the child reads the note in the signal's handler, in its only thread, between two steps of
its own handler. It answers over the wire, to the panel. A handler in a system call is interrupted
and goes on with it (PEP 475); one that computes in C, and lets no signal through, does not answer.

A note says until when it holds: nobody does late what is not waited for any more. Its owner is
written last, and looked at again once it is read, so that a note is never taken for another.
"""

from __future__ import annotations

import os
import socket
import struct
from time import monotonic

from socketdeck.errors import SocketdeckError, Unreachable
from socketdeck.hosts import wire
from socketdeck.injection import SEND_BYTES, TAKEN_APART, injected, send_into
from socketdeck.stack import HANDLING, Standing, places_of
from socketdeck.tap import OffSocket

TYPE_CHECKING = False  # not from `typing`: see `hosts.forking`
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from socketdeck.hosts.account import Account

NOTES = 128
"""Errands under way at a time; whoever wants more is told so."""

GRACE_SECONDS = 1.0
"""After its time a note stays for so long, in case that somebody is just reading it."""

_NOBODY = 0
_OWNERS = struct.Struct(f"={NOTES}i")  # the process that each note is for
_NOTE = struct.Struct("=qqd16sI")  # connection, question, deadline, what, length of the data
_NOTE_BYTES = _NOTE.size + SEND_BYTES


class Errands:
    """The notes. The worker writes them, its children cross them out; whoever made it closes it."""

    def __init__(self) -> None:
        self._file = os.memfd_create("socketdeck-errands")
        status = os.fstat(self._file)
        self._identity = (status.st_dev, status.st_ino)
        os.truncate(self._file, _OWNERS.size + NOTES * _NOTE_BYTES)

    def close(self) -> None:
        """Give the file back; the worker never does, since it ends with its children."""
        os.close(self._file)

    def leave(
        self, pid: int, key: int, number: int, deadline: float, what: str, data: bytes
    ) -> bool:
        """In the worker: leave a note for a child; false where there is no room for it."""
        for place, owner in enumerate(self._owners()):
            if owner == _NOBODY or self._is_over(place):
                break
        else:
            return False
        self._set_owner(place, _NOBODY)
        note = _NOTE.pack(key, number, deadline, what.encode("ascii"), len(data))
        os.pwrite(self._file, note + data[:SEND_BYTES], _at(place))
        self._set_owner(place, pid)
        return True

    def take(self, pid: int, key: int) -> list[tuple[int, str, bytes]]:
        """In a child: its notes that still hold, crossed out: the question, what, and data.

        Nothing is raised: it is called in the midst of a handler.
        """
        found: list[tuple[int, str, bytes]] = []
        try:
            if self._is_there():
                self._take(pid, key, found)
        except (OSError, ValueError, struct.error):  # another thread of its handler was quicker
            pass
        return found

    def _is_there(self) -> bool:
        """Whether the descriptor is the file's still: a handler may have closed all that it does
        not know, and have opened another by that number."""
        status = os.fstat(self._file)
        return (status.st_dev, status.st_ino) == self._identity

    def _take(self, pid: int, key: int, found: list[tuple[int, str, bytes]]) -> None:
        owners = self._owners()
        if pid not in owners:
            return
        for place, owner in enumerate(owners):
            if owner != pid:
                continue
            head = os.pread(self._file, _NOTE.size, _at(place))
            connection, number, deadline, what, length = _NOTE.unpack(head)
            data = os.pread(self._file, min(length, SEND_BYTES), _at(place) + _NOTE.size)
            if self._owners()[place] != pid or os.pread(self._file, _NOTE.size, _at(place)) != head:
                continue
            self._set_owner(place, _NOBODY)
            if connection == key and monotonic() <= deadline:
                found.append((number, what.rstrip(b"\0").decode("ascii"), data))

    def _owners(self) -> tuple[int, ...]:
        return _OWNERS.unpack(os.pread(self._file, _OWNERS.size, 0))

    def _set_owner(self, place: int, pid: int) -> None:
        os.pwrite(self._file, pid.to_bytes(4, "little", signed=True), place * 4)

    def _is_over(self, place: int) -> bool:
        _, _, deadline, _, _ = _NOTE.unpack(os.pread(self._file, _NOTE.size, _at(place)))
        return bool(monotonic() > deadline + GRACE_SECONDS)


def _at(place: int) -> int:
    return _OWNERS.size + place * _NOTE_BYTES


def run_errands(
    errands: Errands, account: Account, request: socket.socket, frame: FrameType | None
) -> list[bytes]:
    """In a child: do what is asked of it, and make the packets that tell of it.

    `frame` is where the signal came.
    """
    packets = []
    for number, what, data in errands.take(account.pid, account.key):
        try:
            if what == wire.STACK:
                answer = _stack(account, frame)
            else:
                answer = {"sent": _send(account, request, data)}
        except SocketdeckError as error:
            answer = {"refused": str(error)}
        except Exception as error:
            answer = {"refused": f"{type(error).__name__}: {error}"}
        message = [wire.ANSWERED, 0, None, {"question": number, **answer}]
        packets.append(wire.packet_of(wire.json_text([message])))
    return packets


def _stack(account: Account, frame: FrameType | None) -> dict[str, Any]:
    places, cut = places_of(frame)
    return Standing(HANDLING, account.pid, "MainThread", places, cut, 0).as_answer()


def _send(account: Account, request: socket.socket, data: bytes) -> int:
    if request.fileno() < 0:
        raise Unreachable(TAKEN_APART)
    counted = not isinstance(request, OffSocket)
    sent = send_into(request, account if counted else None, data)
    if sent and account.recorded:
        account.record("connection.data", injected(sent, data, account.prefix))
    return sent

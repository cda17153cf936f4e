"""A line chat among all the clients of a service: shared state under a lock.

Each client's handler runs in a thread of its own, and all of them meet in one `Room`. Two rules
keep that sound, and are what this example is for:

- Whoever looks at the members or changes them holds the room's lock, and does nothing under it that
  could wait: saying something is an append to every member's `Outbox`.
- Only a member's own writer thread sends to that member. A client that does not read fills its own
  outbox, which is bounded; then it is shown the door, and nobody else has waited for it.
"""

from __future__ import annotations

import itertools
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from socketserver import StreamRequestHandler
from typing import Any, ClassVar

from pydantic import Field

from socketdeck.catalogue.entry import Entry
from socketdeck.catalogue.options import HandlerOptions

NICK_MAXIMUM_CHARACTERS = 20
FAREWELL_SECONDS = 1.0
"""How long a leaving client's last lines may take: it has usually gone already."""

HELP = "/nick NAME, /who, /quit"


class ChatOptions(HandlerOptions):
    """The bounds of a room."""

    max_members: int = Field(
        1000, title="Members", description="Clients that the room holds", ge=1, le=100_000
    )
    max_line: int = Field(
        1024,
        title="Longest line",
        description="Bytes of a line; a longer one is refused",
        ge=16,
        le=65_536,
    )
    max_unread: int = Field(
        256,
        title="Unread lines",
        description="Lines that may wait for a client that does not read; one more, and it is "
        "disconnected",
        ge=1,
        le=65_536,
    )


class Outbox:
    """Lines on their way to one member: a queue with a bound, closed once."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lines: deque[str] = deque()
        self._closed = False
        self._changed = threading.Condition()

    def put(self, line: str) -> bool:
        """Add a line, without waiting; `False` where there is no room for it."""
        with self._changed:
            if self._closed or len(self._lines) >= self._capacity:
                return False
            self._lines.append(line)
            self._changed.notify()
            return True

    def __iter__(self) -> Iterator[str]:
        """The lines as they come: waits for each, and ends when the outbox is closed and empty."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines or self._closed)
                if not self._lines:
                    return
                line = self._lines.popleft()
            yield line

    def close(self) -> None:
        """Take no more; what is in it still goes out."""
        with self._changed:
            self._closed = True
            self._changed.notify()


@dataclass(eq=False)
class Member:
    """One client in the room."""

    request: socket.socket
    outbox: Outbox
    nick: str = ""


class Room:
    """Who is here. `_lock` guards the members and their nicks; nothing waits under it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._members: dict[str, Member] = {}
        self._numbers = itertools.count(1)

    def join(self, member: Member, max_members: int) -> bool:
        """Let a member in under a nick of its own; `False` where the room is full."""
        with self._lock:
            if len(self._members) >= max_members:
                return False
            member.nick = next(
                nick
                for nick in (f"guest-{number}" for number in self._numbers)
                if nick not in self._members
            )
            member.outbox.put(f"* you are {member.nick}; {HELP}")
            slow = self._tell(f"* {member.nick} joined")
            self._members[member.nick] = member
        hang_up(slow)
        return True

    def leave(self, member: Member) -> None:
        """Let a member go; one who was never let in is not missed."""
        with self._lock:
            if self._members.get(member.nick.casefold()) is not member:
                return
            del self._members[member.nick.casefold()]
            slow = self._tell(f"* {member.nick} left")
        hang_up(slow)

    def rename(self, member: Member, nick: str) -> bool:
        """Give a member another nick; `False` where somebody else has it."""
        with self._lock:
            if self._members.get(nick.casefold(), member) is not member:
                return False
            del self._members[member.nick.casefold()]
            self._members[nick.casefold()] = member
            was, member.nick = member.nick, nick
            slow = self._tell(f"* {was} is now {nick}")
        hang_up(slow)
        return True

    def say(self, member: Member, text: str) -> None:
        """Tell everybody else."""
        with self._lock:
            slow = self._tell(f"{member.nick}: {text}", but=member)
        hang_up(slow)

    def nicks(self) -> list[str]:
        """Who is here, in the order of their names."""
        with self._lock:
            return sorted(member.nick for member in self._members.values())

    def _tell(self, line: str, but: Member | None = None) -> list[Member]:
        """Append a line to all outboxes; those with no room for it. The lock is held."""
        return [
            member
            for member in self._members.values()
            if member is not but and not member.outbox.put(line)
        ]


def hang_up(members: list[Member]) -> None:
    """End connections, from whichever thread: their own then see the end and leave."""
    for member in members:
        with suppress(OSError):  # it has gone by itself
            member.request.shutdown(socket.SHUT_RDWR)


class Chat(StreamRequestHandler):
    """One client's side of the chat."""

    Options = ChatOptions
    options = ChatOptions()
    shares_state = True
    room: ClassVar[Room] = Room()

    def __init_subclass__(cls, **arguments: Any) -> None:
        """A class made for a service gets a room of its own: two services are two chats."""
        super().__init_subclass__(**arguments)
        cls.room = Room()

    def handle(self) -> None:
        member = Member(self.request, Outbox(self.options.max_unread))
        writer = threading.Thread(
            target=self._write, args=(member.outbox,), name="chat-writer", daemon=True
        )
        writer.start()
        try:
            if self.room.join(member, self.options.max_members):
                self._converse(member)
            else:
                member.outbox.put("* the room is full")
        except ConnectionError:
            pass  # a client that breaks off has left
        finally:
            self.room.leave(member)
            member.outbox.close()
            writer.join(FAREWELL_SECONDS)
            if writer.is_alive():
                hang_up([member])
                writer.join()

    def _write(self, outbox: Outbox) -> None:
        with suppress(OSError):
            for line in outbox:
                self.wfile.write(line.encode() + b"\n")

    def _converse(self, member: Member) -> None:
        for line in self._lines():
            if line == "/quit":
                return
            answer = self._answer(member, line)
            if answer and not member.outbox.put(f"* {answer}"):
                return

    def _answer(self, member: Member, line: str | None) -> str | None:
        """Do what a line says; what its writer alone is told of it."""
        if line is None:
            return f"that line was longer than {self.options.max_line} bytes"
        word, _, rest = line.partition(" ")
        match word:
            case "/who":
                return "here: " + ", ".join(self.room.nicks())
            case "/nick":
                return self._rename(member, rest.strip())
            case _ if word.startswith("/"):
                return f"there is no {word}; {HELP}"
        if line.strip():
            self.room.say(member, line)
        return None

    def _rename(self, member: Member, nick: str) -> str | None:
        if not nick or " " in nick or len(nick) > NICK_MAXIMUM_CHARACTERS:
            return f"a nick is one word of at most {NICK_MAXIMUM_CHARACTERS} characters"
        if not self.room.rename(member, nick):
            return f"somebody here is called {nick}"
        return None

    def _lines(self) -> Iterator[str | None]:
        """What the client writes, line by line; `None` for one that was too long.

        What does not print is left out: it could move another's cursor or colour its screen.
        """
        limit = self.options.max_line
        while line := self.rfile.readline(limit + len(b"\r\n")):
            text = line.rstrip(b"\r\n")
            if len(text) <= limit:
                yield "".join(filter(str.isprintable, text.decode("utf-8", "replace")))
                continue
            while line and not line.endswith(b"\n"):
                line = self.rfile.readline(limit)
            yield None


ENTRY = Entry(
    name="chat",
    title="Chat",
    description="A line chat among all clients of the service: what one writes, the others read. "
    "They meet in memory: threading or pool serve many at once, sync only one after the other, "
    "and forking cannot.",
    options=ChatOptions,
    stream=Chat,
)

"""Links: what one client is sent, one frame in flight at a time.

What comes for a client that has not acknowledged its frame yet waits as references to pieces that
all clients share. Where more than a frame waits, the pieces are folded into one: a client that is
slow, or gone without a word, costs a bounded amount of memory, and sees how much was folded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from app.access import Identity
from app.live.door import Visit
from app.live.pieces import FRAME_EVENTS, Piece, join
from app.live.statuses import Status
from app.live.topics import Topic
from app.live.websocket import LiveSocket

FRAME_SECONDS = 0.05
SUBSCRIPTIONS_MAXIMUM = 16
WAITING_PIECES = 40
"""Two seconds of frames: beyond, or beyond two frames' events, what waits is folded."""


class Frame(NamedTuple):
    """What a subscription is to be sent: a piece, and the status where it is another one."""

    piece: Piece
    status: Status | None


class Joined:
    """Pieces that were joined in one turn: clients that fell behind together get the same."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], Piece] = {}

    def of(self, pieces: list[Piece]) -> Piece:
        """One piece in place of several."""
        key = tuple(id(piece.events) for piece in pieces)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = join(pieces)
        return found


class Subscription:
    """One topic of one client. Guarded by the pump's lock."""

    def __init__(self, topic: Topic, after: int, joined_at: int, status: Status | None) -> None:
        self.topic = topic
        self.seq = after
        """Up to this number the client has been told, or is about to be."""
        self.joined_at = joined_at
        """From above this number it is given pieces; what is below it catches up with."""
        self.catching_up = after < joined_at
        self.not_before = 0.0
        self._past: deque[Piece] = deque()
        self._waiting: list[Piece] = []
        self._told_status = status

    def put(self, piece: Piece) -> None:
        """Have a piece wait for the client."""
        if piece.seq_from <= self.joined_at:
            events = [event for event in piece.events if event.seq > self.joined_at]
            if not events:
                return
            piece = piece._replace(events=events)
        self._waiting.append(piece)
        count = sum(len(waiting.events) for waiting in self._waiting)
        if count > 2 * FRAME_EVENTS or len(self._waiting) > WAITING_PIECES:
            self._waiting = [join(self._waiting)]

    def put_past(self, pieces: Iterable[Piece]) -> None:
        """Have what was missed wait, in front of what has come since."""
        self._past.extend(pieces)
        self.catching_up = False

    @property
    def has_events(self) -> bool:
        """Whether pieces wait."""
        return bool(self._past or self._waiting)

    def is_due(self, now: float, status: Status | None) -> bool:
        """Whether there is something to send, and it is time."""
        return now >= self.not_before and self.has_waiting(status)

    def has_waiting(self, status: Status | None) -> bool:
        """Whether there is something to send, now or soon."""
        return not self.catching_up and (self.has_events or self._is_news(status))

    def take(self, now: float, position: int, status: Status | None, joined: Joined) -> Frame:
        """The next frame. `position` is up to where the journal was looked at."""
        if self._past:
            piece = self._past.popleft()
        elif self._waiting:
            piece = self._waiting[0] if len(self._waiting) == 1 else joined.of(self._waiting)
            self._waiting = []
        else:
            piece = Piece(0, max(self.seq, position), [])
        # What a frame speaks for follows on what the last one did.
        piece = piece._replace(seq_from=self.seq + 1)
        news = status if self._is_news(status) else None
        if news is not None:
            self._told_status = news
        self.seq = piece.seq_to
        self.not_before = now + FRAME_SECONDS
        return Frame(piece, news)

    def _is_news(self, status: Status | None) -> bool:
        told = self._told_status
        return status is not None and (told is None or told.essence != status.essence)


class Link:
    """One client. Its fields are guarded by the pump's lock, but for those that never change."""

    def __init__(self, sid: str, identity: Identity, visit: Visit, live_socket: LiveSocket) -> None:
        self.sid = sid
        self.identity = identity
        self.visit = visit
        self.socket = live_socket
        self.number = 0
        """Of the last frame that it was sent; the pump's thread alone changes it."""
        self.subscriptions: dict[object, Subscription] = {}
        self.unacknowledged_since: float | None = None

    def next_number(self) -> int:
        """A number for the next frame, by which it is acknowledged."""
        self.number += 1
        return self.number

    def next_due(self, now: float, statuses: dict[Topic, Status | None]) -> Subscription | None:
        """The subscription that is to be sent a frame now; each in its turn."""
        if self.unacknowledged_since is not None:
            return None
        for key, subscription in list(self.subscriptions.items()):
            if subscription.is_due(now, statuses.get(subscription.topic)):
                self.subscriptions[key] = self.subscriptions.pop(key)  # to the end of the turn
                return subscription
        return None

"""The pump: the one thread that takes events from the journal and sends frames to the clients.

It sleeps until there is an event, an acknowledgement, a new subscription, or something that was to
be done at a certain time; with nobody looking it has nothing to do. Its lock guards the links and
their subscriptions; nothing is encoded or sent under it.

A subscription joins at a number: what was before is read from history on the client's own thread,
where it is asked for; what comes after is given to it, and waits meanwhile. So there is no gap and
no repeat.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from app.live.attention import Attention
from app.live.links import FRAME_SECONDS, SUBSCRIPTIONS_MAXIMUM, Frame, Joined, Link, Subscription
from app.live.pieces import Piece, encode, frame_text, make_piece, split
from app.live.statuses import Status, Statuses, take_status
from app.live.topics import BadSubscription, Topic, choose
from app.panel import Panel
from app.store.events import LIMIT_MAXIMUM
from socketdeck import Event
from socketdeck.event import dropped_event

QUEUE_EVENTS = 50_000
ACKNOWLEDGED_SECONDS = 30.0
LOOK_SECONDS = 0.25
LOOK_SHARE = 0.05
"""Looking at statuses takes at most this part of the pump's time, however many there are."""

LIST_BYTES_A_SECOND = 1 << 20
"""The list of all services is sent less often the longer it is."""

CATCH_UP_EVENTS = 2_000
"""A client that missed more is told of a gap: a page shows a few thousand events."""

TURN_SECONDS = 0.04
TURN_SECONDS_A_CLIENT = 2e-4
"""Between two turns: two hundred acknowledge ten frames a second each, and not at the same time."""

CATCHING_UP_AT_ONCE = 4
FAULT_PAUSE_SECONDS = 1.0
"""A fault of our own that repeats itself must not fill the log."""

ENCODED_KEPT = 4_096

log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """What a client gets for a subscription: the status as JSON, and the `seq` it is of."""

    snapshot: str
    seq: int


class Pump:
    """Sends frames. Its maker starts it, and closes it.

    `send(link, text)` hands a frame to a client, and `cut(link)` ends its connection; neither
    blocks, and both are called on the pump's thread.
    """

    def __init__(
        self, panel: Panel, send: Callable[[Link, bytes], None], cut: Callable[[Link], None]
    ) -> None:
        self._panel = panel
        self._send = send
        self._cut = cut
        self._lock = threading.Lock()
        self._links: dict[str, Link] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []  # a heap
        self._numbers = itertools.count()
        self._catching_up = threading.BoundedSemaphore(CATCHING_UP_AT_ONCE)
        # The thread's own:
        self._statuses = Statuses(panel)
        self._attention = Attention(panel)
        self._held: list[Event] = []
        self._touched: set[str] = set()
        self._pieces_not_before = 0.0
        self._turned_at = 0.0
        self._look_not_before = 0.0
        self._look_again_at = 0.0
        self._list_not_before = 0.0
        self._encoded: dict[int, str] = {}
        self._source = panel.journal.subscribe("live", QUEUE_EVENTS)
        panel.journal.flush()
        self._position = panel.journal.last_seq
        """Up to this number events have been given to the subscriptions; changed under the lock."""
        self._thread = threading.Thread(target=self._run, name="socketdeck-live", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End the thread. What is in flight is not waited for."""
        self._source.close()
        if self._thread.ident is not None:
            self._thread.join(timeout=5)

    # -- what clients' threads call -----------------------------------------------------------

    def add(self, link: Link, most: int) -> bool:
        """Take on a client; false where there are `most` already."""
        with self._lock:
            if len(self._links) >= most:
                return False
            self._links[link.sid] = link
        return True

    def remove(self, sid: str) -> Link | None:
        """Forget a client."""
        with self._lock:
            return self._links.pop(sid, None)

    def links(self) -> list[Link]:
        """All clients."""
        with self._lock:
            return list(self._links.values())

    def subscribe(self, sid: str, topic: Topic, after: int | None) -> Answer:
        """Have a client sent a topic's frames, from `after` or from now on.

        Blocks for the history where there is something to catch up. `BadSubscription`, or
        `SocketdeckError` where there is no such service or connection.
        """
        status = take_status(self._panel, topic)
        self._panel.journal.flush()
        seq = self._panel.journal.last_seq
        start = seq if after is None else min(after, seq)
        with self._lock:
            link = self._links.get(sid)
            if link is None:
                raise BadSubscription("the link has ended")
            if topic.key not in link.subscriptions and (
                len(link.subscriptions) >= SUBSCRIPTIONS_MAXIMUM
            ):
                raise BadSubscription(f"a link has at most {SUBSCRIPTIONS_MAXIMUM} subscriptions")
            subscription = Subscription(topic, start, seq, status)
            link.subscriptions[topic.key] = subscription
        if subscription.catching_up:
            with self._catching_up:
                past = self._missed(topic, start, seq)
            with self._lock:
                subscription.put_past(past)
        self._source.wake()
        return Answer("null" if status is None else status.text, seq)

    def unsubscribe(self, sid: str, topic: Topic) -> None:
        """Have a client sent a topic's frames no more."""
        with self._lock:
            link = self._links.get(sid)
            if link is not None:
                link.subscriptions.pop(topic.key, None)

    def acknowledge(self, link: Link) -> None:
        """A client has taken its frame."""
        with self._lock:
            link.unacknowledged_since = None
        self._source.wake()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Have something done on the pump's thread after a while; it must not block."""
        with self._lock:
            when = time.monotonic() + seconds
            heapq.heappush(self._timers, (when, next(self._numbers), action))
        self._source.wake()

    # -- the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._source.closed:
            try:
                self._turn()
            except Exception:
                log.exception("a turn of the live link's pump failed")
                time.sleep(FAULT_PAUSE_SECONDS)

    def _turn(self) -> None:
        self._held += self._source.take(self._pause(time.monotonic()))
        self._rest()
        now = time.monotonic()
        self._do_timely(now)
        if self._held and now >= self._pieces_not_before:
            self._hand_out()
            self._pieces_not_before = now + FRAME_SECONDS
        self._look(now)
        self._send_due(now)

    def _rest(self) -> None:
        """Where there are many clients, let what they say gather: each turn looks at them all."""
        with self._lock:
            clients = len(self._links)
        ahead = self._turned_at + min(TURN_SECONDS, clients * TURN_SECONDS_A_CLIENT)
        left = ahead - time.monotonic()
        if left > 0:
            time.sleep(left)
            self._held += self._source.take(0)
        self._turned_at = time.monotonic()

    def _pause(self, now: float) -> float | None:
        """How long there is nothing to do, if nothing comes; `None`: for ever."""
        moments = []
        if self._held:
            moments.append(self._pieces_not_before)
        with self._lock:
            if self._timers:
                moments.append(self._timers[0][0])
            topics = self._topics()
            for link in self._links.values():
                if link.unacknowledged_since is not None:
                    moments.append(link.unacknowledged_since + ACKNOWLEDGED_SECONDS)
                    continue
                for subscription in link.subscriptions.values():
                    status = self._statuses.of(subscription.topic)
                    if subscription.has_waiting(status):
                        first = subscription.not_before
                        if subscription.topic.name == "overview" and not subscription.has_events:
                            first = max(first, self._list_not_before)
                        moments.append(first)
        if topics and self._touched:
            moments.append(self._look_not_before)
        renew_at = self._attention.due()
        if renew_at is not None:
            moments.append(renew_at)
        if topics and self._statuses.may_change:
            moments.append(max(self._look_again_at, self._look_not_before))
        return max(0.0, min(moments) - now) if moments else None

    def _topics(self) -> set[Topic]:
        """What is looked at. The lock is held."""
        return {
            subscription.topic
            for link in self._links.values()
            for subscription in link.subscriptions.values()
        }

    def _do_timely(self, now: float) -> None:
        """What was to be done by now; and clients that do not acknowledge are given up."""
        with self._lock:
            due = []
            while self._timers and self._timers[0][0] <= now:
                due.append(heapq.heappop(self._timers)[2])
            silent = [
                link
                for link in self._links.values()
                if link.unacknowledged_since is not None
                and now - link.unacknowledged_since >= ACKNOWLEDGED_SECONDS
            ]
            for link in silent:
                link.unacknowledged_since = None
                link.subscriptions.clear()
        for link in silent:
            self._cut(link)
        for action in due:
            action()

    def _hand_out(self) -> None:
        """Give the held events to the subscriptions, a piece for each topic."""
        events, self._held = self._held, []
        with self._lock:
            topics = self._topics()
        first, last = self._position + 1, max(self._position, events[-1].seq)
        peers_of = self._panel.history.peers_of.at_hand
        chosen = {topic: choose(topic, events, peers_of) for topic in topics}
        pieces = {topic: make_piece(first, last, found) for topic, found in chosen.items() if found}
        self._touched |= {event.service for event in events if event.service is not None}
        with self._lock:
            self._position = last
            for link in self._links.values():
                for subscription in link.subscriptions.values():
                    piece = pieces.get(subscription.topic)
                    if piece is not None:
                        subscription.put(piece)

    def _look(self, now: float) -> None:
        """Look at the statuses that may have changed, if it is time."""
        with self._lock:
            topics = self._topics()
        self._attention.renew(topics, now)
        if not topics:
            self._touched.clear()
            self._statuses.look((), set(), lively=False)
            return
        if now < self._look_not_before:
            return
        is_round = self._statuses.may_change and now >= self._look_again_at
        is_new = any(
            topic.name != "events" and self._statuses.of(topic) is None for topic in topics
        )
        if not (self._touched or is_round or is_new):
            return
        self._statuses.look(topics, self._touched, lively=is_round)
        self._touched.clear()
        spent = time.monotonic() - now
        self._look_not_before = now + spent / LOOK_SHARE
        if is_round or self._look_again_at <= now:
            self._look_again_at = now + LOOK_SECONDS

    def _send_due(self, now: float) -> None:
        """Send each client that is ready its next frame, the same text to all that get the same."""
        texts: dict[object, bytes] = {}
        for link, subscription, frame in self._take_due(now):
            key = (subscription.topic, frame.piece.seq_from, id(frame.piece.events), frame.status)
            text = texts.get(key)
            if text is None:
                text = texts[key] = self._text(subscription.topic, frame).encode()
            try:
                self._send(link, text)
            except Exception:
                log.exception("a frame could not be sent")
                self._cut(link)
        if len(self._encoded) > ENCODED_KEPT:
            self._encoded.clear()

    def _take_due(self, now: float) -> list[tuple[Link, Subscription, Frame]]:
        due = []
        joined = Joined()
        with self._lock:
            shown = {topic: self._shown(topic, now) for topic in self._topics()}
            for link in self._links.values():
                subscription = link.next_due(now, shown)
                if subscription is not None:
                    status = shown[subscription.topic]
                    frame = subscription.take(now, self._position, status, joined)
                    link.unacknowledged_since = now
                    due.append((link, subscription, frame))
        for _, subscription, frame in due:
            if subscription.topic.name == "overview" and frame.status is not None:
                pause = len(frame.status.text) / LIST_BYTES_A_SECOND
                self._list_not_before = now + pause
        return due

    def _shown(self, topic: Topic, now: float) -> Status | None:
        if topic.name == "overview" and now < self._list_not_before:
            return None
        return self._statuses.of(topic)

    def _text(self, topic: Topic, frame: Frame) -> str:
        status = None if frame.status is None else frame.status.text
        texts = [self._encode(event) for event in frame.piece.events]
        return frame_text(topic.members, frame.piece, texts, status)

    def _encode(self, event: Event) -> str:
        if event.kind == "events.dropped" or event.data.get("count"):
            return encode(event)  # made of others: not the one event of that number
        text = self._encoded.get(event.seq)
        if text is None:
            text = self._encoded[event.seq] = encode(event)
        return text

    # -- catching up --------------------------------------------------------------------------

    def _missed(self, topic: Topic, after: int, seq: int) -> list[Piece]:
        """The events of a topic above `after` up to `seq`; where there are too many, the newest.

        On the client's thread. Where history fails, that is a gap that is told.
        """
        try:
            events = self._read_back(topic, after, seq)
        except Exception:
            log.exception("what a live client missed could not be read")
            events = [dropped_event(None, after + 1, seq, "history")]
        return split(after + 1, seq, events)

    def _read_back(self, topic: Topic, after: int, seq: int) -> list[Event]:
        filters = topic.history_filters
        found = self._newest(after, seq, filters)
        if len(found) >= CATCH_UP_EVENTS:
            found = found[-CATCH_UP_EVENTS:]
            known_from, source = found[0].seq, "live"
        else:
            known_from, source = self._panel.history.first_seq() or 0, "history"
        if any(filters.values()):
            # What tells of lost events is of every topic, and of no service or connection.
            losses = self._newest(max(after, known_from - 1), seq, {"kind": "events.dropped"})
            by_seq = {event.seq: event for event in [*found, *losses]}
            found = [by_seq[number] for number in sorted(by_seq)]
        if known_from > after + 1:
            found.insert(0, dropped_event(None, after + 1, min(known_from - 1, seq), source))
        return found

    def _newest(self, after: int, seq: int, filters: dict[str, Any]) -> list[Event]:
        """Events above `after` up to `seq`, oldest first; the newest, where there are too many."""
        found: list[Event] = []
        cursor: str | None = None
        while len(found) < CATCH_UP_EVENTS:
            page = self._panel.history.events(
                before=seq + 1, cursor=cursor, limit=LIMIT_MAXIMUM, **filters
            )
            newer = [event for event in page.items if event.seq > after]
            found += newer
            cursor = page.next_cursor
            if cursor is None or len(newer) < len(page.items) or int(cursor) <= after + 1:
                break
        found.reverse()
        return found

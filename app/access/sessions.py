"""Sessions: who is signed in with a browser.

A session is a random value in a cookie. The panel keeps its digest only, in memory and in the
store, so that a restart signs nobody out and a copy of the database signs nobody in. Each sign-in
makes a new one, which no page can have set before (session fixation); signing out, or signing in
again, ends the old one, and whoever asked to be told (live links) is told.

A session also ends when it was idle for `IDLE_SECONDS`, after `LIFETIME_SECONDS` in any case, and
when the administrator's token is another one than it was made with.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from app.access.tokens import digest
from app.store.errors import StoreError
from app.store.sessions import SessionRecord

IDLE_SECONDS = 24 * 3600.0
LIFETIME_SECONDS = 14 * 24 * 3600.0
SESSIONS_KEPT = 1_000
SEEN_SECONDS = 300.0
"""How old a noted use may be before it is noted anew on the disk."""

COOKIE_BYTES = 32

log = logging.getLogger(__name__)


class Records(Protocol):
    """Where sessions are kept over restarts; `app.store.SessionRecords` is it."""

    def all(self) -> list[SessionRecord]: ...

    def add(self, record: SessionRecord) -> None: ...

    def seen(self, key: str, at: float) -> None: ...

    def remove(self, key: str) -> None: ...


class NewSession(NamedTuple):
    """A session just begun: the cookie's value, its key, and its CSRF token."""

    cookie: str
    key: str
    csrf: str


def csrf_token(cookie: str) -> str:
    """The CSRF token of a session: who knows the cookie can make it, nobody else."""
    return hmac.new(cookie.encode("utf-8"), b"socketdeck csrf", hashlib.sha256).hexdigest()


class Sessions:
    """The sessions of one panel. Any thread may call; `_lock` guards the table, not the store.

    `token` is the digest of the administrator's token.
    """

    def __init__(
        self, records: Records, token: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._records = records
        self._token = token
        self._clock = clock
        self._lock = threading.Lock()
        self._noted: dict[str, float] = {}  # when a use was noted on the disk
        self._table: dict[str, SessionRecord] = {}
        self._callbacks: list[Callable[[str], None]] = []
        for record in records.all():
            if record.token == token and not self._is_over(record):
                self._table[record.key] = record
                self._noted[record.key] = record.seen_at
            else:
                records.remove(record.key)

    def on_end(self, callback: Callable[[str], None]) -> None:
        """Have `callback(key)` called whenever a session ends, on the thread that ends it."""
        self._callbacks.append(callback)

    def begin(self) -> NewSession:
        """A new session; where there are too many the one unused for longest ends."""
        cookie = secrets.token_urlsafe(COOKIE_BYTES)
        now = self._clock()
        record = SessionRecord(digest(cookie), self._token, now, now)
        with self._lock:
            over = [key for key, kept in self._table.items() if self._is_over(kept)]
            if len(self._table) - len(over) >= SESSIONS_KEPT:
                over.append(min(self._table.values(), key=lambda kept: kept.seen_at).key)
            self._table[record.key] = record
            self._noted[record.key] = now
        for key in over:
            self.end(key)
        try:
            self._records.add(record)
        except StoreError as error:
            log.warning("%s; it ends with the panel", error)
        return NewSession(cookie, record.key, csrf_token(cookie))

    def find(self, cookie: str) -> str | None:
        """The key of the session that a cookie stands for, which is then in use; else `None`."""
        key = digest(cookie)
        return key if self.use(key) else None

    def use(self, key: str) -> bool:
        """Note that a session is in use, by a request or a live link; false if it is over."""
        now = self._clock()
        with self._lock:
            record = self._table.get(key)
            if record is None:
                return False
            is_over = self._is_over(record)
            if not is_over:
                self._table[key] = record._replace(seen_at=now)
            is_noted = now - self._noted[key] < SEEN_SECONDS
            if not is_noted:
                self._noted[key] = now
        if is_over:
            self.end(key)
            return False
        if not is_noted:
            try:
                self._records.seen(key, now)
            except StoreError as error:
                log.warning("%s", error)
        return True

    def end(self, key: str) -> None:
        """End a session, telling those who asked; `StoreError` if it may come back at a restart."""
        with self._lock:
            self._noted.pop(key, None)
            if self._table.pop(key, None) is None:
                return
        for callback in self._callbacks:
            try:
                callback(key)
            except Exception:
                log.exception("a session ended, and telling so failed")
        self._records.remove(key)

    def _is_over(self, record: SessionRecord) -> bool:
        now = self._clock()
        return now - record.seen_at >= IDLE_SECONDS or now - record.started_at >= LIFETIME_SECONDS

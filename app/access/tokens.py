"""The administrator's token, and the codes of sign-in links.

Neither is compared as text: what is compared, in constant time, are SHA-256 digests, which is
enough for secrets of 256 random bits (a slow hash protects what people make up).
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from app.store.errors import StoreError

TOKEN_BYTES = 32
TOKEN_FILE = "token"
CODE_SECONDS = 24 * 3600.0
"""A link is printed at the start and may be opened after lunch."""

CODES_KEPT = 16


def digest(secret: str) -> str:
    """SHA-256 of a secret, in hexadecimal digits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class AdminToken:
    """The token that may do everything. Only its digest is held.

    `preset` is what the configuration says; it is written and shown nowhere. Without, the token is
    the one in the data folder's `token` file, which is made where it is not there, readable by its
    owner alone. Raises `StoreError` where the file cannot be read or made.
    """

    def __init__(self, folder: Path, preset: str | None) -> None:
        self.path = None if preset else folder / TOKEN_FILE
        try:
            self.digest = digest(preset or _read_or_make(folder / TOKEN_FILE))
        except OSError as error:
            raise StoreError(
                f"the token in {folder / TOKEN_FILE} cannot be used: {error.strerror}"
            ) from error

    def matches(self, text: str) -> bool:
        """Whether a text is the token, found out in a time that tells nothing."""
        return hmac.compare_digest(digest(text), self.digest)


class SignInCodes:
    """Codes that sign in once, each for a day; at most `CODES_KEPT`, the oldest go. Any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._ends: dict[str, float] = {}  # by digest

    def make(self) -> str:
        """A new code."""
        code = secrets.token_urlsafe(TOKEN_BYTES)
        with self._lock:
            while len(self._ends) >= CODES_KEPT:
                del self._ends[next(iter(self._ends))]
            self._ends[digest(code)] = self._clock() + CODE_SECONDS
        return code

    def redeem(self, code: str) -> bool:
        """Whether a code is good; it is no more."""
        with self._lock:
            ends = self._ends.pop(digest(code), None)
        return ends is not None and self._clock() < ends


def _read_or_make(path: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        kept = path.read_text("ascii", "replace").strip()
        if kept:
            return kept
    token = secrets.token_urlsafe(TOKEN_BYTES)
    # Whole or not at all: a token cut short would be a weak one. mkstemp makes files of mode 0600.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".token-")
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(token + "\n")
        file.flush()
        os.fsync(descriptor)
    os.replace(temporary, path)
    return token

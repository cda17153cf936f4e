"""The door: how many get in to the live link, and how.

It is WSGI, in front of Socket.IO. Each WebSocket holds one of the web server's threads for as long
as it lasts, before anybody knows who it is, since a program may bring its token with its first
message only. So those that have not signed in are few, and have a few seconds; those above a bound
are refused at once, which costs no more than any request.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from app.access.hosts import LIVE_PATH
from app.live.websocket import LiveSocket
from app.problems import MEDIA_TYPE, problem_members

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

UNKNOWN_CLIENTS = 32
UNKNOWN_SECONDS = 5.0
RETRY_SECONDS = 5
VISIT = "socketdeck.visit"

log = logging.getLogger(__name__)


class Visit:
    """One WebSocket, from its handshake to its end."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.is_known = False
        """Whether it has signed in; guarded by the door's lock."""
        self.link: LiveSocket | None = None
        """Once its handshake is done."""

    def cut(self) -> None:
        """End it; frees whoever waits to read from it or to write to it. From any thread."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)


class Door:
    """WSGI middleware that lets in WebSockets alone, and no more than there are threads for.

    `later(seconds, action)` has something done after a while.
    """

    def __init__(
        self,
        wsgi_app: WSGIApplication,
        live_clients: int,
        later: Callable[[float, Callable[[], None]], None],
    ) -> None:
        self._wsgi_app = wsgi_app
        self._live_clients = live_clients
        self._later = later
        self._lock = threading.Lock()
        self._visits: set[Visit] = set()
        self._closed = False

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not (environ.get("PATH_INFO", "") + "/").startswith(LIVE_PATH):
            return self._wsgi_app(environ, start_response)
        if environ.get("HTTP_UPGRADE", "").lower() != "websocket":
            return _refuse(
                start_response, 426, "the live link is a WebSocket", [("Upgrade", "websocket")]
            )
        sock = environ.get("gunicorn.socket") or environ["werkzeug.socket"]
        visit = Visit(sock)
        refusal = self._enter(visit)
        if refusal is not None:
            return _refuse(start_response, 503, refusal, [("Retry-After", str(RETRY_SECONDS))])
        try:
            self._later(UNKNOWN_SECONDS, lambda: self._end_unknown(visit))
            # Deflating frames costs more than sending them, on a network as near as this.
            environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
            environ[VISIT] = visit
            sock.settimeout(None)
            return self._wsgi_app(environ, start_response)
        finally:
            with self._lock:
                self._visits.discard(visit)

    def welcome(self, visit: Visit) -> None:
        """It has signed in."""
        with self._lock:
            visit.is_known = True

    def close(self) -> None:
        """Let nobody in any more, and end all visits."""
        with self._lock:
            self._closed = True
            visits = list(self._visits)
        for visit in visits:
            visit.cut()

    def _enter(self, visit: Visit) -> str | None:
        """Let one in; or why not."""
        with self._lock:
            known = sum(visit.is_known for visit in self._visits)
            if self._closed:
                return "the panel ends"
            if known >= self._live_clients:
                return f"{self._live_clients} live clients are connected, which is the most"
            if len(self._visits) - known >= UNKNOWN_CLIENTS:
                return "too many clients are connecting at this moment"
            self._visits.add(visit)
        return None

    def _end_unknown(self, visit: Visit) -> None:
        with self._lock:
            is_over = visit in self._visits and not visit.is_known
        if is_over:
            visit.cut()


def _refuse(
    start_response: StartResponse, status: int, detail: str, headers: list[tuple[str, str]]
) -> list[bytes]:
    members = problem_members(status, detail=detail)
    body = json.dumps(members).encode("ascii")
    start_response(
        f"{status} {members['title']}",
        [
            ("Content-Type", MEDIA_TYPE),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Connection", "close"),
            *headers,
        ],
    )
    return [body]

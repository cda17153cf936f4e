"""Which Host and Origin a request may come with: what keeps pages elsewhere out.

A panel on loopback is within reach of every page that its user opens. Two ways in are shut here,
before anything else sees the request:

- *DNS rebinding*: a page elsewhere has its own name resolve to 127.0.0.1, and is then of the same
  origin as the panel; but its requests bear that name as Host. Only listed names are answered, any
  other gets 421 (RFC 9110, 15.5.20), none at all or nonsense 400. A rebound name is never an IP
  address; so where the panel is bound to every address, any IP address is a name of it.
- *Requests from another origin*: a browser sends Origin with everything but a plain GET. It must be
  the Host's own, port included: other servers of this machine, those that the panel itself runs
  before all, are of the same *site*, and get the panel's cookies.

It is WSGI, outside of Flask, as Socket.IO's requests never get to Flask.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.problems import MEDIA_TYPE, problem_members

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LIVE_PATH = "/socket.io/"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:(?P<port>[0-9]{1,5}))?")
_WILDCARDS = frozenset({"0.0.0.0", "::"})


def split_host(header: str) -> tuple[str, int | None]:
    """The name and port of a Host header (RFC 9110, 7.2), in one spelling; raises `ValueError`."""
    match = _HOST.fullmatch(header)
    if match is None:
        raise ValueError(f"{header!r} is no host")
    host = match["host"].lower().rstrip(".")
    if host.startswith("["):
        host = str(ipaddress.IPv6Address(host[1:-1]))
    return host, int(match["port"]) if match["port"] else None


class AllowedHosts:
    """The names that the panel answers to, with any port; a wildcard address means any IP."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._any_address = bool(self._names & _WILDCARDS)

    def allows(self, host: str) -> bool:
        """Whether a name, as `split_host` gives it, is one of them."""
        return host in self._names or (self._any_address and _is_address(host))

    def allows_origin(self, origin: str, host_header: str) -> bool:
        """Whether an Origin header (RFC 6454, 7) is that of the host the request was sent to."""
        try:
            parts = urlsplit(origin)
            host, port = split_host(parts.netloc)
            asked_host, asked_port = split_host(host_header)
        except ValueError:
            return False
        usual = _DEFAULT_PORTS.get(parts.scheme)
        if usual is None or parts.path or parts.query or parts.fragment:
            return False
        return self.allows(host) and host == asked_host and (port or usual) == (asked_port or usual)


class HostGuard:
    """WSGI middleware that refuses foreign hosts and origins; everything else goes through."""

    def __init__(self, wsgi_app: WSGIApplication, hosts: AllowedHosts) -> None:
        self._wsgi_app = wsgi_app
        self._hosts = hosts

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        refusal = find_refusal(self._hosts, environ)
        if refusal is None:
            return self._wsgi_app(environ, start_response)
        status, detail = refusal
        members = problem_members(status, detail=detail)
        body = json.dumps(members).encode("ascii")
        start_response(
            f"{status} {members['title']}",
            [
                ("Content-Type", MEDIA_TYPE),
                ("Content-Length", str(len(body))),
                ("Cache-Control", "no-store"),
                ("X-Content-Type-Options", "nosniff"),
            ],
        )
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def find_refusal(hosts: AllowedHosts, environ: WSGIEnvironment) -> tuple[int, str] | None:
    """Why a request is refused, as status and sentence; `None` if it is not."""
    header = environ.get("HTTP_HOST", "")
    try:
        host, _ = split_host(header)
    except ValueError:
        return 400, "the request has no usable Host header"
    if not hosts.allows(host):
        return 421, (
            f"this panel does not answer to the name {host!r}; "
            "if it should, add the name to SOCKETDECK_ALLOWED_HOSTS"
        )
    origin = environ.get("HTTP_ORIGIN")
    matters = environ["REQUEST_METHOD"] not in SAFE_METHODS or _is_live(environ)
    if matters and origin is not None and not hosts.allows_origin(origin, header):
        return 403, f"a page from {origin!r} may not use this panel, which is at {header!r}"
    return None


def _is_live(environ: WSGIEnvironment) -> bool:
    path: str = environ.get("PATH_INFO", "")
    return (path + "/").startswith(LIVE_PATH)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

"""The panel's settings, read once from the environment.

Every setting is a `SOCKETDECK_*` variable with a default that works on a developer's machine. A bad
value is told in one sentence each, all of them at once, before anything is opened or bound.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
WILDCARD_HOSTS = ("0.0.0.0", "::")

_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*")
_T = TypeVar("_T")


class ConfigurationError(Exception):
    """Settings that cannot be used; `problems` has one sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What the panel was told; made by `from_environment`. Paths are absolute."""

    host: str
    """Where the panel listens; IPv6 without brackets."""
    port: int
    """0 asks the kernel for one."""
    data: Path
    """The folder that holds all that persists; the panel that runs on it locks it."""
    handlers: Path
    """The folder of users' own handler modules."""
    database: URL
    """Shown without its password."""
    allowed_hosts: tuple[str, ...]
    """Host headers answered, with any port; a wildcard address stands for any IP address."""
    token: str | None = field(repr=False)
    """The preset administrator token; `None`: one is made and kept in the data folder."""
    live_clients: int
    """Socket.IO clients served at once; what is above is refused."""
    history_events: int
    """Events kept; the oldest go first."""
    history_bytes: int
    """Bytes that kept events may take on disk."""
    history_connections: int
    """Closed connections kept; the oldest go first."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Configuration:
        """Read the settings; `ConfigurationError` names every bad one.

        `environment` is the process's own unless given. Relative paths are taken from the working
        directory; an empty value counts as not set.
        """
        settings = _Settings(os.environ if environment is None else environment)
        host = settings.get("HOST", _host, "127.0.0.1")
        data = settings.get("DATA", _path, Path("instance").absolute())
        bound = () if host in LOOPBACK_HOSTS else (host,)
        configuration = cls(
            host=host,
            port=settings.get("PORT", _port, 5080),
            data=data,
            handlers=settings.get("HANDLERS", _path, data / "handlers"),
            database=settings.get("DATABASE", _database, _sqlite(data / "socketdeck.db")),
            allowed_hosts=settings.get("ALLOWED_HOSTS", _hosts, (*LOOPBACK_HOSTS, *bound)),
            token=settings.get("TOKEN", _token, None),
            live_clients=settings.get("LIVE_CLIENTS", _count, 200),
            history_events=settings.get("HISTORY_EVENTS", _count, 1_000_000),
            history_bytes=settings.get("HISTORY_BYTES", _count, 256 << 20),
            history_connections=settings.get("HISTORY_CONNECTIONS", _count, 200_000),
        )
        settings.refuse("PACKAGES", "handlers from installed packages are not supported yet")
        if settings.problems:
            raise ConfigurationError(settings.problems)
        return configuration

    @property
    def link_host(self) -> str:
        """The host to print in links: one that answers, as the Host header would show it."""
        host = "127.0.0.1" if self.host in WILDCARD_HOSTS else self.host
        if host not in self.allowed_hosts and not set(WILDCARD_HOSTS) & set(self.allowed_hosts):
            host = self.allowed_hosts[0]
        return f"[{host}]" if ":" in host else host

    @property
    def url(self) -> str:
        """Where the panel is served, for a person to open."""
        return f"http://{self.link_host}:{self.port}/"


class _Settings:
    """The variables, and what was found wrong with them so far."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def get(self, name: str, parse: Callable[[str], _T], default: _T) -> _T:
        text = self._environment.get(f"SOCKETDECK_{name}", "").strip()
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            self.problems.append(f"SOCKETDECK_{name} {error}.")
            return default

    def refuse(self, name: str, why: str) -> None:
        if self._environment.get(f"SOCKETDECK_{name}", "").strip():
            self.problems.append(f"SOCKETDECK_{name} cannot be used: {why}.")


def _host(text: str) -> str:
    host = text.lower().removeprefix("[").removesuffix("]").rstrip(".")
    if _HOST_NAME.fullmatch(host):
        return host
    try:
        return str(ipaddress.IPv6Address(host))
    except ValueError:
        raise ValueError(
            f"has {text!r}, which is no host; write a name or an IP address, without a port"
        ) from None


def _hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(dict.fromkeys(_host(part.strip()) for part in text.split(",") if part.strip()))
    if not hosts:
        raise ValueError("names no host; write names or IP addresses, with commas between")
    return hosts


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise ValueError(f"is {text!r}, which is no port; write a number from 0 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", text) or int(text) == 0:
        raise ValueError(f"is {text!r}; write a whole number above 0")
    return int(text)


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise ValueError(f"is {text!r}, whose home folder is not known; write it out") from None


def _token(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be of printable ASCII characters without spaces")
    return text


def _sqlite(path: Path) -> URL:
    return URL.create("sqlite", database=str(path))


def _database(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(
            "is no database URL; write sqlite:////ABSOLUTE/PATH or leave it unset"
        ) from None
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise ValueError("names a database in memory, which would not persist; name a file")
    return url

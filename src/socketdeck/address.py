"""Addresses: parse, format and bind them, and the rules for Unix socket files.

An address is written as a URL: `tcp://HOST:PORT`, `udp://HOST:PORT`, `unix:///ABS/PATH` (stream) or
`unixgram:///ABS/PATH` (datagram). IPv6 hosts stand in brackets, an empty host is every address of
the machine (IPv4 and IPv6), port 0 asks the kernel for a free one.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import re
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from socketdeck.errors import AddressError, AddressUnavailable

Transport = Literal["tcp", "udp", "unix", "unixgram"]
TRANSPORTS: tuple[Transport, ...] = ("tcp", "udp", "unix", "unixgram")

UNIX_PATH_MAXIMUM_BYTES = 107
"""Of `sun_path`'s 108 bytes one is the closing NUL (unix(7))."""

_INET = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})")
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.(?!-)[A-Za-z0-9_-]{1,63})*\.?")

Host = ipaddress.IPv4Address | ipaddress.IPv6Address | str
"""An IP address, or a name that only a look-up would make one of."""

_EVERY, _EVERY_IPV4 = ipaddress.IPv6Address("::"), ipaddress.IPv4Address("0.0.0.0")
_LOOPBACK: frozenset[Host] = frozenset(map(ipaddress.ip_address, ("127.0.0.1", "::1")))

Holders = Callable[["Address"], str | None]
"""Who of one's own holds an address, as people know it (`the service echo`), or `None`."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a service listens. `host` and `port` are of the internet transports, `path` of Unix."""

    transport: Transport
    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    @lru_cache(1024)
    def parse(cls, text: str) -> Address:
        """Read an address; `AddressError` says what is wrong with it."""
        scheme, separator, rest = text.partition("://")
        if not separator or scheme not in TRANSPORTS:
            raise AddressError(
                f"{text!r} is no address; write tcp://HOST:PORT, udp://HOST:PORT, "
                "unix:///PATH or unixgram:///PATH"
            )
        transport: Transport = scheme
        if transport in ("unix", "unixgram"):
            return cls(transport, path=_checked_path(rest))
        match = _INET.fullmatch(rest)
        if match is None:
            raise AddressError(
                f"{text!r} is no {scheme} address; write {scheme}://HOST:PORT, "
                "with an IPv6 host in brackets"
            )
        port = int(match["port"])
        if port > 65535:
            raise AddressError(f"port {port} is too large; ports go from 0 to 65535")
        if match["six"] is not None:
            return cls(transport, _checked_ipv6(match["six"], scheme, port), port)
        host = match["host"]
        if host and not _HOST_NAME.fullmatch(host):
            raise AddressError(f"{host!r} is neither an IP address nor a host name")
        if re.fullmatch(r"[\d.]+", host):
            try:
                ipaddress.IPv4Address(host)
            except ValueError:
                raise AddressError(f"{host!r} is not an IPv4 address") from None
        return cls(transport, host.lower(), port)

    def __str__(self) -> str:
        if self.is_unix:
            return f"{self.transport}://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}://{host}:{self.port}"

    @property
    def is_unix(self) -> bool:
        return self.transport in ("unix", "unixgram")

    @property
    def is_stream(self) -> bool:
        return self.transport in ("tcp", "unix")

    @property
    def socket_type(self) -> socket.SocketKind:
        return socket.SOCK_STREAM if self.is_stream else socket.SOCK_DGRAM

    def overlaps(self, other: Address) -> bool:
        """Whether two services could not both have these; port 0 never meets another.

        However they are written. Host names but localhost are not looked up: each is its own.
        """
        if self.transport in ("tcp", "udp"):
            if self.transport != other.transport or self.port != other.port or not self.port:
                return False
            return any(_meet(one, two) for one in _meant(self.host) for two in _meant(other.host))
        return other.is_unix and _same_file(self.path, other.path)

    def bind(self, *, backlog: int | None = None, holders: Holders | None = None) -> socket.socket:
        """A bound socket, listening if it is a stream and `backlog` is given; the caller closes it.

        TCP sets SO_REUSEADDR, so that a restart does not wait for TIME_WAIT. A socket file that
        nobody listens on any more is replaced; a live one, and anything that is not a socket, is
        left alone. Does not block, but for the look-up of a host name. `AddressUnavailable` says in
        one sentence why not, and who is in the way: `holders` is asked first.
        """
        try:
            bound = self._bind_unix(holders) if self.is_unix else self._bind_inet()
        except OSError as error:
            raise AddressUnavailable(self._why_not(error, holders)) from error
        try:
            if self.is_stream and backlog is not None:
                bound.listen(backlog)
        except OSError as error:
            bound.close()
            raise AddressUnavailable(self._why_not(error, holders)) from error
        return bound

    def bound_as(self, bound: socket.socket) -> Address:
        """This address with what the kernel chose (the port, where 0 was asked for)."""
        return self if self.is_unix else replace(self, port=bound.getsockname()[1])

    def reachable(self) -> Address:
        """Where a client on this machine finds a server on this address."""
        if self.host in ("", "0.0.0.0"):
            return replace(self, host="127.0.0.1")
        return replace(self, host="::1") if self.host == "::" else self

    def connect_to(self) -> Any:
        """What `socket.connect` takes for it."""
        return self.path if self.is_unix else (self.host, self.port)

    def _bind_inet(self) -> socket.socket:
        if self.host == "":
            return self._bind_every()
        try:
            found = socket.getaddrinfo(
                self.host, self.port, type=self.socket_type, flags=socket.AI_PASSIVE
            )
        except (socket.gaierror, UnicodeError):
            raise AddressUnavailable(
                f"cannot bind {self}: the host {self.host!r} is not known; "
                "use an address of this machine"
            ) from None
        family, kind, protocol, _, where = found[0]
        return self._bind_socket(socket.socket(family, kind, protocol), where)

    def _bind_every(self) -> socket.socket:
        """One dual-stack socket (RFC 3493, 5.3), or IPv4 alone where the machine has no IPv6."""
        try:
            six = socket.socket(socket.AF_INET6, self.socket_type)
        except OSError:
            six = None
        if six is not None:
            six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            try:
                return self._bind_socket(six, ("::", self.port))
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
        four = socket.socket(socket.AF_INET, self.socket_type)
        return self._bind_socket(four, ("0.0.0.0", self.port))

    def _bind_socket(self, fresh: socket.socket, where: Any) -> socket.socket:
        try:
            if self.transport == "tcp":
                fresh.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            fresh.bind(where)
        except BaseException:
            fresh.close()
            raise
        return fresh

    def _bind_unix(self, holders: Holders | None) -> socket.socket:
        """Bind; where a file is in the way, once more after a dead one was taken out of it."""
        fresh = socket.socket(socket.AF_UNIX, self.socket_type)
        try:
            try:
                fresh.bind(self.path)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                remove_dead_socket(self, holders)
                fresh.bind(self.path)
        except BaseException:
            fresh.close()
            raise
        return fresh

    def _why_not(self, error: OSError, holders: Holders | None) -> str:
        code = error.errno
        if code == errno.EADDRINUSE:
            return self._in_use(holders)
        if code == errno.EACCES and not self.is_unix:
            return (
                f"cannot bind {self}: ports below 1024 need the right to bind them; "
                "choose a higher one"
            )
        if code == errno.EADDRNOTAVAIL:
            return f"cannot bind {self}: this machine has no such address"
        folder = os.path.dirname(self.path)
        if self.is_unix and code == errno.ENOENT:
            if os.path.isdir(folder):  # of a file system that holds no sockets, as proc(5)
                return f"cannot bind {self}: the folder {folder} cannot hold a socket"
            return f"cannot bind {self}: the folder {folder} does not exist"
        if self.is_unix and code == errno.ENOTDIR:
            return f"cannot bind {self}: {folder} is not a folder"
        return f"cannot bind {self}: {error.strerror or error}"

    def _in_use(self, holders: Holders | None) -> str:
        who = (holders(self) if holders else None) or holder(self)
        return f"cannot bind {self}: it is in use by {who or 'a process that cannot be seen'}"


def _checked_ipv6(text: str, scheme: str, port: int) -> str:
    """The host in lower case, but for the name of an interface behind it (RFC 4007, 11)."""
    try:
        found = ipaddress.IPv6Address(text)
    except ValueError:
        raise AddressError(f"{text!r} is not an IPv6 address") from None
    if found.is_link_local and not found.scope_id:
        raise AddressError(
            f"{text} is an address of one link; say of which interface, "
            f"as in {scheme}://[{text}%eth0]:{port}"
        )
    address, percent, interface = text.partition("%")
    return address.lower() + percent + interface


@lru_cache(1024)
def _meant(host: str) -> frozenset[Host]:
    """What a host stands for, as far as that is known without a look-up.

    An empty one is bound as `::` is, for IPv4 as well. localhost is the loopback (RFC 6761, 6.3),
    of which family is the resolver's choice.
    """
    name = host.removesuffix(".")
    if name == "localhost":
        return _LOOPBACK
    try:
        found: Any = ipaddress.ip_address(host or "::")
    except ValueError:
        return frozenset({name})
    return frozenset({getattr(found, "ipv4_mapped", None) or found})


def _meet(one: Host, other: Host) -> bool:
    """Whether a socket on the one is in the way of a socket on the other."""
    pair = {one, other}
    if len(pair) == 1 or _EVERY in pair:
        return True
    return _EVERY_IPV4 in pair and not any(isinstance(host, ipaddress.IPv6Address) for host in pair)


def _same_file(one: str, other: str) -> bool:
    """Whether two paths name the same entry of the same folder, by whatever links they lead there.

    What lies there, if anything does, is not followed: bind(2) does not, either.
    """
    if one == other:
        return True
    (folder, name), (other_folder, other_name) = os.path.split(one), os.path.split(other)
    return name == other_name and os.path.realpath(folder) == os.path.realpath(other_folder)


def _checked_path(path: str) -> str:
    if not path.startswith("/"):
        raise AddressError(f"{path!r} is no absolute path; write unix:///run/name.sock")
    if "\0" in path:
        raise AddressError("a path cannot hold a NUL")
    try:
        length = len(os.fsencode(path))
    except UnicodeEncodeError:
        raise AddressError("the path is not valid text") from None
    if length > UNIX_PATH_MAXIMUM_BYTES:
        raise AddressError(
            f"the path is {length} bytes long; a socket's path has at most "
            f"{UNIX_PATH_MAXIMUM_BYTES} (unix(7))"
        )
    normal = os.path.normpath(path)
    if path.endswith("/") or normal == "/":
        raise AddressError(f"{path!r} names a folder, not a socket")
    return "/" + normal.lstrip("/")


def remove_dead_socket(address: Address, holders: Holders | None = None) -> None:
    """Remove the socket file at a Unix address if nobody listens on it any more.

    Raises `AddressUnavailable` if somebody does (`holders` is asked who), or if what lies there is
    not a socket.
    """
    try:
        found = os.lstat(address.path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise AddressUnavailable(
            f"cannot bind {address}: what lies at {address.path} is not a socket; "
            "choose another path or move it away"
        )
    if _answers(address.path):
        raise AddressUnavailable(address._in_use(holders))
    with contextlib.suppress(FileNotFoundError):
        os.unlink(address.path)


def _answers(path: str) -> bool:
    """Whether a socket of either kind has this file open: a dead one refuses to be connected to."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_UNIX, kind) as probe:
            probe.setblocking(False)
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                continue
            except OSError as error:
                if error.errno == errno.EPROTOTYPE:
                    continue
                return True
            return True
    return False


def holder(address: Address) -> str | None:
    """Who holds an address: `this panel`, another process as `name (pid N)`, or `None`: not seen.

    This process is asked first: of a socket that it shares with its parent, the system's own table
    would name either.
    """
    import psutil  # here alone: it is needed when something went wrong

    if _in_the_way(psutil.Process().net_connections, address):
        return "this panel"
    for row in _in_the_way(psutil.net_connections, address):
        if row.pid:
            return _process_name(row.pid)
    return None


def _in_the_way(ask: Callable[..., list[Any]], address: Address) -> list[Any]:
    """Psutil's rows of the sockets that hold the address; none where they cannot be seen."""
    import psutil

    kind = "unix" if address.is_unix else address.transport
    try:
        return [row for row in ask(kind=kind) if _holds(row, address)]
    except (psutil.Error, OSError):
        return []


def _holds(row: Any, address: Address) -> bool:
    import psutil

    if address.is_unix:
        return _same_file(row.laddr, address.path)
    listening = address.transport == "udp" or row.status == psutil.CONN_LISTEN
    if not (listening and row.laddr and row.laddr.port == address.port):
        return False
    bound = replace(address, host=row.laddr.ip)
    return bound.overlaps(address) or any(isinstance(host, str) for host in _meant(address.host))


def _process_name(pid: int) -> str:
    import psutil

    try:
        name = psutil.Process(pid).name()
    except psutil.Error:
        name = "a process"
    return f"{name} (pid {pid})"

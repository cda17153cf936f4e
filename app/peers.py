"""Peers as they are asked for: an IP address, a CIDR, `HOST:PORT`, a path, or `@name`."""

from __future__ import annotations

import functools
import ipaddress
from typing import NamedTuple

HOSTS_CACHED = 4_096
_IPV4 = ipaddress.IPv4Network("0.0.0.0/0")


def packed_ip(peer: str | None) -> str | None:
    """The IP address of a peer (`HOST:PORT`, `[HOST]:PORT`) as 32 hexadecimal digits.

    IPv4 is mapped into IPv6 (RFC 4291, 2.5.5.2), so that all sort in one order. `None` for what has
    no IP address.
    """
    if not peer or peer[0] in "/@":
        return None
    return _host_digits(peer[1:].partition("]")[0] if peer[0] == "[" else peer.rpartition(":")[0])


@functools.lru_cache(HOSTS_CACHED)
def _host_digits(host: str) -> str | None:
    try:
        return ip_digits(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return None


def ip_digits(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """An address as 32 hexadecimal digits: as text they sort as addresses do."""
    if address.version == 4:
        return f"{'0' * 20}ffff{int(address):08x}"
    return f"{int(address):032x}"


IPV4_LOW, IPV4_HIGH = (ip_digits(end) for end in (_IPV4[0], _IPV4[-1]))


class Peer(NamedTuple):
    """Which peers are asked for: the IP addresses from `low` to `high`, or exactly `text`.

    IPv4 addresses stand among those of IPv6; `is_ipv6_alone` leaves them out of a range around.
    """

    low: str | None
    high: str | None
    text: str
    is_ipv6_alone: bool = False

    @classmethod
    def parse(cls, text: str) -> Peer:
        """Read what a user writes; `ValueError` is a sentence that says what may be written."""
        if text.startswith(("/", "@")):
            return cls(None, None, text)
        try:
            network = ipaddress.ip_network(text.strip("[]"), strict=False)
        except ValueError:
            if packed_ip(text) is None:
                raise ValueError(
                    f"{text!r} is no peer; write an IP address, a CIDR, HOST:PORT, a path or @name"
                ) from None
            return cls(None, None, text)
        low, high = ip_digits(network[0]), ip_digits(network[-1])
        return cls(low, high, text, is_ipv6_alone=low < IPV4_LOW and high > IPV4_HIGH)

    def matches(self, peer: str | None) -> bool:
        """Whether a connection's peer is one of them."""
        if self.low is None or self.high is None:
            return peer == self.text
        address = packed_ip(peer)
        if address is None or (self.is_ipv6_alone and IPV4_LOW <= address <= IPV4_HIGH):
            return False
        return self.low <= address <= self.high

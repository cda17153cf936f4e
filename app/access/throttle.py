"""How often one address may be wrong."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

WRONG_ATTEMPTS = 10
WINDOW_SECONDS = 60.0
ADDRESSES_KEPT = 4_096

IPV6_SITE_BITS = 64
"""One customer has at least so many addresses (RFC 6177): they count as one."""


class Throttle:
    """Counts wrong attempts by address, over the last minute; the table of addresses is bounded.

    It says what a wrong attempt gets, and is never asked about a right one. Any thread may call.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._attempts: OrderedDict[str, deque[float]] = OrderedDict()  # the last to err is last

    def wrong(self, address: str) -> int | None:
        """Note a wrong attempt. `None` up to the limit; above it the seconds to wait.

        What comes while one has to wait is not counted, so that waiting is enough.
        """
        now = self._clock()
        key = _site(address)
        with self._lock:
            attempts = self._attempts.setdefault(key, deque())
            self._attempts.move_to_end(key)
            if len(self._attempts) > ADDRESSES_KEPT:
                self._attempts.popitem(last=False)
            while attempts and attempts[0] <= now - WINDOW_SECONDS:
                attempts.popleft()
            if len(attempts) >= WRONG_ATTEMPTS:
                return max(1, math.ceil(attempts[0] + WINDOW_SECONDS - now))
            attempts.append(now)
        return None


def _site(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, IPV6_SITE_BITS), strict=False))
    return str(parsed)

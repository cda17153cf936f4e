"""What may be asked of connections: filters, a sort key and a cursor, decided without a database.

Open connections live in the engine and closed ones in the database, and one list may show both. So
a query is one object that says the same of a view in memory (`matches`, `position`) and of a row
(`conditions`, `order`), and a cursor is a position in the order, not an offset: pages neither skip
nor repeat what stayed in place while others came and went.
"""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast, get_args

from sqlalchemy import ColumnElement, UnaryExpression, not_, or_, tuple_

from app.store.connection_rows import View, epoch, ip_digits, packed_ip
from app.store.errors import BadQuery
from app.store.tables import closed_connections
from socketdeck.errors import FieldError

ConnectionState = Literal["open", "closed", "all"]

_TRAFFIC = ("bytes_in", "bytes_out", "messages_in", "messages_out")
_BOTH = ("id", "opened_at", "duration", "last_activity", *_TRAFFIC)
SORT_KEYS: Mapping[ConnectionState, tuple[str, ...]] = {
    "open": (*_BOTH, "idle", "rtt"),
    "closed": (*_BOTH, "closed_at", "reason"),
    "all": _BOTH,
}
"""The keys that have a meaning for each state."""

LIMIT_MAXIMUM = 500
_IPV4 = ipaddress.IPv4Network("0.0.0.0/0")
_NO_CURSOR = "is no cursor that a list gave"
_IPV4_LOW, _IPV4_HIGH = (ip_digits(end) for end in (_IPV4[0], _IPV4[-1]))
_SEARCHED = ("service", "peer", "local", "reason")
_TEXT_KEYS = ("reason",)

Position = tuple[float | str, int]
"""Where a connection stands in the order: its value of the sort key, then its id."""


class Peer(NamedTuple):
    """Which peers are asked for: the IP addresses from `low` to `high`, or exactly `text`.

    IPv4 addresses stand among those of IPv6; `is_ipv6_alone` leaves them out of a range around.
    """

    low: str | None
    high: str | None
    text: str
    is_ipv6_alone: bool = False

    def matches(self, peer: str | None) -> bool:
        """Whether a connection's peer is one of them."""
        if self.low is None or self.high is None:
            return peer == self.text
        address = packed_ip(peer)
        if address is None or (self.is_ipv6_alone and _IPV4_LOW <= address <= _IPV4_HIGH):
            return False
        return self.low <= address <= self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionQuery:
    """Which connections, in which order, from where on, how many; made by `parse`."""

    state: ConnectionState
    service: str | None
    peer: Peer | None
    reason: str | None
    q: str | None
    key: str
    descending: bool
    after: Position | None
    limit: int

    @classmethod
    def parse(
        cls,
        *,
        state: str = "open",
        service: str | None = None,
        peer: str | None = None,
        reason: str | None = None,
        q: str | None = None,
        sort: str = "-id",
        cursor: str | None = None,
        limit: int = 50,
    ) -> ConnectionQuery:
        """Read the parameters of `GET /connections`; `BadQuery` names every one that is wrong.

        `peer` is an IP address, a CIDR, `HOST:PORT`, or a Unix path or `@name`; `q` is looked for
        in service, peer, local address and reason, whatever its case.
        """
        errors: list[FieldError] = []
        if state not in get_args(ConnectionState):
            errors.append(FieldError("/state", f"{state!r} is none of open, closed, all"))
            state = "all"
        known = SORT_KEYS[cast(ConnectionState, state)]
        key = sort.removeprefix("-")
        if key not in known:
            detail = f"{sort!r} is no key to sort {state} connections by; use {', '.join(known)}"
            errors.append(FieldError("/sort", detail))
        if reason is not None and state == "open":
            detail = "open connections have none; ask with state=closed or state=all"
            errors.append(FieldError("/reason", detail))
        if not 1 <= limit <= LIMIT_MAXIMUM:
            errors.append(FieldError("/limit", f"{limit} is not from 1 to {LIMIT_MAXIMUM}"))
        try:
            peers = None if peer is None else _peer(peer)
        except ValueError as error:
            errors.append(FieldError("/peer", str(error)))
        try:
            after = None if cursor is None else _decode_cursor(cursor, sort)
        except ValueError as error:
            errors.append(FieldError("/cursor", str(error)))
        if errors:
            raise BadQuery(errors)
        return cls(
            state=cast(ConnectionState, state),
            service=service,
            peer=peers,
            reason=reason,
            q=q.lower() if q else None,
            key=key,
            descending=sort.startswith("-"),
            after=after,
            limit=limit,
        )

    def matches(self, view: View) -> bool:
        """Whether a connection is asked for; where it stands in the order does not matter."""
        if self.state != "all" and view["state"] != self.state:
            return False
        if self.service is not None and view["service"] != self.service:
            return False
        if self.reason is not None and view["close_reason"] != self.reason:
            return False
        if self.peer is not None and not self.peer.matches(view["peer"]):
            return False
        if self.q is None:
            return True
        texts = (view["service"], view["peer"], view["local"], view["close_reason"])
        return any(self.q in text.lower() for text in texts if text)

    def position(self, view: View) -> Position:
        """Where a connection stands in the order; what has no value stands lowest."""
        key, number = self.key, int(view["id"])
        if key == "reason":
            return view["close_reason"] or "", number
        value: Any
        if key in ("opened_at", "closed_at", "last_activity"):
            value = epoch(view[key])
        elif key == "rtt":
            value = view["kernel"]["rtt"] if view.get("kernel") else None
        elif key.endswith(("_in", "_out")):
            value = view[key.partition("_")[0]][key.partition("_")[2]]
        else:
            value = view[key]
        return -1.0 if value is None else value, number

    def is_ahead(self, position: Position) -> bool:
        """Whether a position lies behind the cursor's, that is: is still to come."""
        if self.after is None:
            return True
        return position < self.after if self.descending else position > self.after

    def cursor(self, position: Position) -> str:
        """The cursor that goes on behind a position; opaque to clients."""
        content = json.dumps([self.sort, *position]).encode("utf-8")
        return base64.urlsafe_b64encode(content).decode("ascii").rstrip("=")

    @property
    def sort(self) -> str:
        """The sort as it was asked for."""
        return f"-{self.key}" if self.descending else self.key

    def conditions(self) -> list[ColumnElement[bool]]:
        """The filters for a query on `closed_connections`."""
        columns = closed_connections.c
        found: list[ColumnElement[bool]] = []
        if self.service is not None:
            found.append(columns.service == self.service)
        if self.reason is not None:
            found.append(columns.reason == self.reason)
        if self.peer is not None and self.peer.low is not None:
            found.append(columns.peer_ip.between(self.peer.low, self.peer.high))
            if self.peer.is_ipv6_alone:
                found.append(not_(columns.peer_ip.between(_IPV4_LOW, _IPV4_HIGH)))
        elif self.peer is not None:
            found.append(columns.peer == self.peer.text)
        if self.q is not None:
            texts = (columns[name] for name in _SEARCHED)
            found.append(or_(*(text.icontains(self.q, autoescape=True) for text in texts)))
        return found

    def beyond(self) -> list[ColumnElement[bool]]:
        """The condition that a row lies behind the cursor."""
        if self.after is None:
            return []
        if self.key == "id":
            column, number = closed_connections.c.id, self.after[1]
            return [column < number if self.descending else column > number]
        columns = tuple_(closed_connections.c[self.key], closed_connections.c.id)
        after = tuple_(*self.after)
        return [columns < after if self.descending else columns > after]

    def order(self) -> list[UnaryExpression[Any]]:
        """The order for a query on `closed_connections`."""
        names = ("id",) if self.key == "id" else (self.key, "id")
        columns = [closed_connections.c[name] for name in names]
        return [column.desc() if self.descending else column.asc() for column in columns]


def _peer(text: str) -> Peer:
    if text.startswith(("/", "@")):
        return Peer(None, None, text)
    try:
        network = ipaddress.ip_network(text.strip("[]"), strict=False)
    except ValueError:
        if packed_ip(text) is None:
            raise ValueError(
                f"{text!r} is no peer; write an IP address, a CIDR, HOST:PORT, a path or @name"
            ) from None
        return Peer(None, None, text)
    low, high = ip_digits(network[0]), ip_digits(network[-1])
    return Peer(low, high, text, is_ipv6_alone=low < _IPV4_LOW and high > _IPV4_HIGH)


def _decode_cursor(cursor: str, sort: str) -> Position:
    try:
        content = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        made_for, value, number = json.loads(content)
    except (ValueError, TypeError, RecursionError):
        raise ValueError(_NO_CURSOR) from None
    if made_for != sort:
        raise ValueError(f"was given for another order than {sort!r}; start without one")
    is_text = sort.removeprefix("-") in _TEXT_KEYS
    if not (_is_text(value) if is_text else _is_number(value)) or not _is_number(number):
        raise ValueError(_NO_CURSOR)
    return value, number


def _is_number(value: Any) -> bool:
    return type(value) is float or (type(value) is int and abs(value) < 2**63)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isascii()

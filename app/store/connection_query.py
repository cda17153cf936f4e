"""What may be asked of connections: filters, a sort key and a cursor, decided without a database.

Open connections live in the engine and closed ones in the database, and one list may show both. So
a query is one object that says the same of a view in memory (`matches`, `position`) and of a row
(`conditions`, `order`), and a cursor is a position in the order, not an offset: pages neither skip
nor repeat what stayed in place while others came and went.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from sqlalchemy import ColumnElement, UnaryExpression, not_, or_, tuple_

from app.peers import IPV4_HIGH, IPV4_LOW, Peer
from app.store.connection_rows import View, epoch
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
_NO_CURSOR = "is no cursor that a list gave"
_SEARCHED = ("service", "peer", "local", "reason")
_TEXT_KEYS = ("reason",)

Position = tuple[float | str, int]
"""Where a connection stands in the order: its value of the sort key, then its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionQuery:
    """Which connections, in which order, from where on, how many; made by `parse`."""

    state: ConnectionState
    service: str | None
    peer: Peer | None
    reason: str | None
    q: str | None
    opened_before: float | None
    closed_after: float | None
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
        opened_before: float | None = None,
        closed_after: float | None = None,
        sort: str = "-id",
        cursor: str | None = None,
        limit: int = 50,
    ) -> ConnectionQuery:
        """Read the parameters of `GET /connections`; `BadQuery` names every one that is wrong.

        `peer` is an IP address, a CIDR, `HOST:PORT`, or a Unix path or `@name`; `q` is looked for
        in service, peer, local address and reason, whatever its case. `opened_before` and
        `closed_after`, in seconds since the epoch, choose those that were open at any time between;
        what is still open closes after any time.
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
            peers = None if peer is None else Peer.parse(peer)
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
            opened_before=opened_before,
            closed_after=closed_after,
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
        if self.opened_before is not None and epoch(view["opened_at"]) >= self.opened_before:
            return False
        if self.closed_after is not None:
            closed_at = view["closed_at"]
            if closed_at is not None and epoch(closed_at) <= self.closed_after:
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
            kernel = view.get("kernel")
            value = kernel["rtt"] if kernel else None
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
        if self.opened_before is not None:
            found.append(columns.opened_at < self.opened_before)
        if self.closed_after is not None:
            found.append(columns.closed_at > self.closed_after)
        if self.peer is not None and self.peer.low is not None:
            found.append(columns.peer_ip.between(self.peer.low, self.peer.high))
            if self.peer.is_ipv6_alone:
                found.append(not_(columns.peer_ip.between(IPV4_LOW, IPV4_HIGH)))
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

"""What is shown of events, services and connections: in lines for people, a column each.

Payloads, logs and peers are others' text: all of it goes through `visible`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from app.export import text_of
from app.visible import visible

Item = Mapping[str, Any]

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


class Column(NamedTuple):
    """One column of a table: its heading, and what stands in it."""

    heading: str
    cell: Callable[[Item], Any]
    to_the_right: bool = False


def size(count: float) -> str:
    """Bytes, as people read them."""
    for unit in UNITS:
        if count < 1024 or unit == UNITS[-1]:
            break
        count /= 1024
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"


def seconds(span: float | None) -> str:
    """A length of time, as people read it."""
    if span is None:
        return ""
    if span < 1:
        return f"{span * 1000:.3g} ms"
    if span < 60:
        return f"{span:.3g} s"
    minutes, rest = divmod(int(span), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


# -- events -----------------------------------------------------------------------------------


def event_line(event: Item) -> str:
    """An event in one line."""
    number = "" if event["connection"] is None else f"#{event['connection']}"
    kind = event["kind"].rpartition(".")[2]
    head = f"{event['time']}  {event['service'] or '':<12}  {number:>8}  {kind:<8}"
    return f"{head}  {said(event)}".rstrip()


def said(event: Item) -> str:
    """What an event tells, in words."""
    tell = _TOLD.get(event["kind"], _data)
    try:
        return visible(tell(event["data"], event))
    except (KeyError, TypeError, ValueError):
        return visible(_data(event["data"], event))


def _opened(data: Item, _: Item) -> str:
    waiting = ", waits for a thread" if data.get("waiting") else ""
    return f"{data['peer'] or 'unnamed'} to {data['local']}{waiting}"


def _payload(data: Item, event: Item) -> str:
    count = f" in {data['count']} messages" if data.get("count", 1) > 1 else ""
    text = json.dumps(text_of(event), ensure_ascii=False) if data.get("data") else ""
    more = " ..." if data.get("truncated") else ""
    return f"{data['direction']:<3} {size(data['length'])}{count}  {text}{more}"


def _closed(data: Item, _: Item) -> str:
    moved = f"in {size(data['bytes']['in'])}, out {size(data['bytes']['out'])}"
    return f"{data['reason']} after {seconds(data['duration'])}, {moved}"


def _state(data: Item, _: Item) -> str:
    error = data.get("error")
    failure = f": {error['type']}: {error['message']}" if error else ""
    return f"{data['previous']} to {data['state']} ({data['why']}){failure}"


def _dropped(data: Item, _: Item) -> str:
    count = "some" if data["count"] is None else f"{data['count']:,}"
    return f"{count} events lost, {data['from_seq']} to {data['to_seq']}, by {data['source']}"


def _data(data: Item, _: Item) -> str:
    return json.dumps(data) if data else ""


_TOLD: Mapping[str, Callable[[Item, Item], str]] = {
    "connection.opened": _opened,
    "connection.data": _payload,
    "connection.closed": _closed,
    "connection.rejected": lambda data, _: f"{data['reason']}, {data['peer'] or 'unnamed'}",
    "connection.error": lambda _, event: text_of(event),
    "service.state": _state,
    "service.log": lambda data, _: f"{data['stream']}: {data['text']}",
    "service.created": lambda data, _: str(data["definition"]["address"]),
    "service.updated": lambda data, _: ", ".join(data["changed"]),
    "events.dropped": _dropped,
}


# -- tables -----------------------------------------------------------------------------------


def _serves(service: Item) -> str:
    return service.get("handler") or service.get("server") or service.get("factory") or ""


SERVICES = (
    Column("NAME", lambda service: service["name"]),
    Column("STATE", lambda service: service["status"]["state"]),
    Column("ADDRESS", lambda service: service["status"]["address"] or service["address"]),
    Column("SERVES", _serves),
    Column("AS", lambda service: service["concurrency"]),
    Column("OPEN", lambda service: service["status"]["connections"]["open"], True),
    Column("TOTAL", lambda service: service["status"]["connections"]["total"], True),
    Column("ERRORS", lambda service: service["status"]["errors"], True),
    Column("IN", lambda service: size(service["status"]["bytes"]["in"]), True),
    Column("OUT", lambda service: size(service["status"]["bytes"]["out"]), True),
)

CONNECTIONS = (
    Column("ID", lambda connection: connection["id"], True),
    Column("SERVICE", lambda connection: connection["service"]),
    Column("STATE", lambda connection: connection["state"]),
    Column("PEER", lambda connection: connection["peer"] or "unnamed"),
    Column("OPENED", lambda connection: connection["opened_at"]),
    Column("FOR", lambda connection: seconds(connection["duration"]), True),
    Column("IN", lambda connection: size(connection["bytes"]["in"]), True),
    Column("OUT", lambda connection: size(connection["bytes"]["out"]), True),
    Column("REASON", lambda connection: connection["close_reason"] or ""),
)


def table(columns: Sequence[Column], items: Sequence[Item]) -> list[str]:
    """The lines of a table, with its heading."""
    rows = [[column.heading for column in columns]]
    rows += [[visible(str(column.cell(item))) for column in columns] for item in items]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if column.to_the_right else cell.ljust(width)
            for column, cell, width in zip(columns, row, widths, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return lines

"""The fields of the language: what each is called, reads of an event, and may be compared with."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.filters.moments import Moments
from app.filters.subject import Subject
from app.filters.texts import folded, payload_text
from app.filters.values import (
    Contains,
    ContainsAny,
    Exactly,
    Numbers,
    OneOf,
    Pattern,
    Peers,
    Present,
    Value,
    shortened,
)
from app.peers import Peer
from socketdeck.lifecycle import TRANSITIONS

KINDS = (
    "service.created",
    "service.updated",
    "service.deleted",
    "service.state",
    "service.log",
    "connection.opened",
    "connection.served",
    "connection.data",
    "connection.closed",
    "connection.rejected",
    "connection.error",
    "fault.fired",
    "events.dropped",
    "audit",
)
"""Every kind of event. A short name is what stands behind the dot."""

REASONS = (
    "client_closed",
    "server_closed",
    "client_reset",
    "idle_timeout",
    "max_lifetime",
    "killed",
    "service_stopped",
    "handler_error",
    "rejected_access",
    "rejected_limit",
    "rejected_rate",
    "rejected_handler",
    "tls_error",
    "io_error",
    "child_exited",
    "child_signalled",
    "flow_expired",
    "fault",
    "panel_restarted",
)

BYTES: dict[str, float] = {
    "B": 1,
    "kB": 1e3,
    "MB": 1e6,
    "GB": 1e9,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
}
SECONDS: dict[str, float] = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86_400}

Read = Callable[[Subject], Any]
"""What an event has in a field, `None` where it has none."""

Parse = Callable[[str], Value]
"""A value as it is written, without quotation marks; `ValueError` is a sentence."""

TEXT_OPERATORS = (":", ":*")
NUMBER_OPERATORS = (":", ":>", ":>=", ":<", ":<=", ":..", ":*")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the language."""

    name: str
    description: str
    read: Read
    parse: Parse
    """Of what is written without quotation marks."""
    literal: Parse
    """Of what is written between them."""
    operators: Sequence[str]
    values: Sequence[str] | None = None
    """Those that it can have, where they are known."""
    takes_list: bool = True
    """Whether commas stand between several values."""
    example: str = ""


def find(name: str) -> Field:
    """The field of that name, whatever its case; `ValueError` says which may be meant."""
    known = name.lower()
    found = FIELDS.get(ALIASES.get(known, known))
    if found is not None:
        return found
    near = difflib.get_close_matches(known, [*FIELDS, *ALIASES], 1)
    hint = f"did you mean {near[0]}?" if near else "to look for this text, put it in quotes"
    raise ValueError(f"there is no field {shortened(name)!r}; {hint}")


# -- reading ----------------------------------------------------------------------------------


def _text_in(*path: str) -> Read:
    def read(subject: Subject) -> str | None:
        value = subject.within(path)
        return value if isinstance(value, str) else None

    return read


def _number_in(*path: str) -> Read:
    def read(subject: Subject) -> float | None:
        value = subject.within(path)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return value if is_number else None

    return read


def _message(subject: Subject) -> str | None:
    value = subject.failure.get("message")
    return folded(value) if isinstance(value, str) else None


def _type(subject: Subject) -> str | None:
    value = subject.failure.get("type")
    return value if isinstance(value, str) else None


# -- parsing ----------------------------------------------------------------------------------


def _text(text: str) -> Value:
    return Present() if _is_star(text) else _name(text)


def _is_star(text: str) -> bool:
    return not text.strip("*")


def _name(text: str) -> Exactly | Pattern:
    return Pattern.of(text) if "*" in text else Exactly.of(text)


def _kind(text: str) -> Value:
    wanted = text.lower()
    if _is_star(wanted):
        return Present()
    meant = _name(wanted)
    names = [kind for kind in KINDS if any(meant.matches(name) for name in (kind, _short(kind)))]
    if not names:
        raise ValueError(_unknown("kind", wanted, [*map(_short, KINDS), *KINDS]))
    shown = wanted if "*" in wanted else _short(names[0])
    return OneOf(shown, frozenset(names))


def _choice(what: str, names: Sequence[str]) -> Parse:
    def parse(text: str) -> Value:
        wanted = text.lower()
        if wanted == "*":
            return Present()
        if wanted not in names:
            raise ValueError(_unknown(what, wanted, names))
        return Exactly.of(wanted)

    return parse


def _containing(text: str) -> Value:
    return Present() if text == "*" else Contains.of(text)


def _numbers(units: dict[str, float]) -> Parse:
    def parse(text: str) -> Value:
        return Present() if text == "*" else Numbers.parse(text, units)

    return parse


def _peer(text: str) -> Value:
    if "*" in text:
        return _text(text)
    return Peers(Peer.parse(text))


def _quoted_peer(text: str) -> Value:
    return Peers(Peer.parse(text))


def _short(kind: str) -> str:
    return kind.rpartition(".")[2]


def _unknown(what: str, text: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(text, names, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(dict.fromkeys(names))}"
    return f"there is no {what} {shortened(text)!r}; {hint}"


# -- the table --------------------------------------------------------------------------------


def _of_text(name: str, description: str, read: Read, **more: Any) -> Field:
    return Field(name, description, read, _text, Exactly.of, TEXT_OPERATORS, **more)


def _of_numbers(name: str, description: str, units: dict[str, float], **more: Any) -> Field:
    parse = _numbers(units)
    read = more.pop("read", None) or _number_in(name)
    return Field(name, description, read, parse, parse, NUMBER_OPERATORS, **more)


def _of_choice(name: str, description: str, names: Sequence[str], what: str) -> Field:
    parse = _choice(what, names)
    return Field(
        name, description, _text_in(name), parse, parse, TEXT_OPERATORS, names, example=names[0]
    )


def _of_contents(name: str, description: str, read: Read, example: str) -> Field:
    return Field(
        name,
        description,
        read,
        _containing,
        Contains.of,
        TEXT_OPERATORS,
        takes_list=False,
        example=example,
    )


_ALL = (
    _of_text("service", "the service's name", lambda subject: subject.event.service),
    Field(
        "kind",
        "what happened: the kind, or what stands behind its dot",
        lambda subject: subject.event.kind,
        _kind,
        _kind,
        TEXT_OPERATORS,
        tuple(map(_short, KINDS)),
        example="data",
    ),
    Field(
        "peer",
        "who is at the other end: an IP address, a CIDR, HOST:PORT, a path, @NAME",
        lambda subject: subject.peer,
        _peer,
        _quoted_peer,
        TEXT_OPERATORS,
        example="10.0.0.0/8",
    ),
    _of_numbers(
        "connection",
        "the connection's id",
        {},
        read=lambda subject: subject.event.connection,
        example="12",
    ),
    Field(
        "time",
        "when it happened, UTC unless an offset says otherwise",
        lambda subject: subject.event.time,
        lambda text: Present() if text == "*" else Moments.parse(text),
        Moments.parse,
        NUMBER_OPERATORS,
        example="12:00..12:05",
    ),
    _of_numbers(
        "seq",
        "the event's number",
        {},
        read=lambda subject: subject.event.seq,
        example="1000..2000",
    ),
    _of_choice("direction", "where data went", ("in", "out"), "direction"),
    _of_numbers("length", "bytes of data", BYTES, example=">1KiB"),
    _of_text(
        "reason",
        "why a connection was closed, or turned away",
        _text_in("reason"),
        values=REASONS,
        example="handler_error",
    ),
    _of_numbers("duration", "how long a closed connection was open", SECONDS, example=">500ms"),
    _of_numbers(
        "bytes_in",
        "bytes that came in by a closed connection",
        BYTES,
        read=_number_in("bytes", "in"),
        example=">1MiB",
    ),
    _of_numbers(
        "bytes_out",
        "bytes that went out by it",
        BYTES,
        read=_number_in("bytes", "out"),
        example=">1MiB",
    ),
    _of_numbers(
        "messages_in",
        "calls of recv on it",
        {},
        read=_number_in("messages", "in"),
        example=">100",
    ),
    _of_numbers(
        "messages_out",
        "calls of send on it",
        {},
        read=_number_in("messages", "out"),
        example=">100",
    ),
    _of_choice("state", "the state that a service came to", tuple(TRANSITIONS), "state"),
    _of_text("stream", "where a handler wrote", _text_in("stream"), values=("stdout", "stderr")),
    _of_text("type", "an exception's class", _type, example="ValueError"),
    _of_contents("message", "a text in an exception's message", _message, "refused"),
    _of_contents(
        "data",
        "a text in what was captured of the data",
        lambda subject: payload_text(subject.event.data.get("data")),
        '"GET /"',
    ),
    Field(
        "text",
        "a text anywhere in the event; so does a word without a field",
        lambda subject: subject.texts,
        ContainsAny.of,
        ContainsAny.of,
        (":",),
        takes_list=False,
        example='"GET /"',
    ),
    _of_text("action", "what an audit event tells of", _text_in("action")),
    _of_numbers("count", "how many events it stands for", {}, example=">1"),
    _of_numbers("waited", "how long a connection waited for its thread", SECONDS, example=">1s"),
    _of_text("thread", "the thread that serves a connection", _text_in("thread")),
    _of_numbers("pid", "the process that serves a connection", {}),
)

FIELDS: Mapping[str, Field] = {field.name: field for field in _ALL}
ALIASES: Mapping[str, str] = {"id": "connection"}

"""Random questions about random events, and a plain evaluator that knows the language by its page.

A question is a tuple; it is written down as a person may write it, with spaces, brackets, quotation
marks and words for signs as chance has it, and answered without any of the code under test.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from socketdeck.event import Event

DAY = datetime(2026, 7, 12, tzinfo=UTC)
SERVICES = ("echo", "echo-2", "greeter", "a")
PEERS = {
    1: "127.0.0.1:40001",
    2: "10.1.2.3:9",
    3: "[2001:db8::1]:80",
    4: "/run/a.sock",
    5: "@hidden",
    6: None,
}
NETWORKS = ("127.0.0.0/8", "10.1.2.3", "0.0.0.0/0", "2001:db8::/32", "::/0", "10.0.0.0/30")
ADDRESSES = ("127.0.0.1:40001", "[2001:db8::1]:80", "/run/a.sock", "@hidden", "10.1.2.3:8")
REASONS = ("client_closed", "handler_error", "killed")
WORDS = ("hello", "GET /", "é", "x", 'say "hi"', "a\\b", "K", "i", "or", "-x", "kind:data", "\x1b[")
TEXTS = ("hello there", "GET / HTTP/1.1", "É", "\u212a", "xX", "a\\b", 'they say "hi"', "\x1b[31m")

KINDS = {
    "data": "connection.data",
    "opened": "connection.opened",
    "closed": "connection.closed",
    "error": "connection.error",
    "state": "service.state",
    "log": "service.log",
    "dropped": "events.dropped",
    "audit": "audit",
}

Question = tuple[Any, ...]

# -- events -----------------------------------------------------------------------------------

_payloads = st.one_of(
    st.none(), st.sampled_from([text.encode() for text in TEXTS]), st.just(b"\xffhello\xff")
)
_numbers = st.sampled_from([0, 1, 99, 100, 101, 1024, 5000])
_spans = st.sampled_from([0.0, 0.25, 0.5, 1.5, 90.0])
_data: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "data": st.fixed_dictionaries(
        {"direction": st.sampled_from(["in", "out"]), "length": _numbers, "data": _payloads},
        optional={"count": _numbers},
    ),
    "opened": st.fixed_dictionaries({"peer": st.sampled_from(list(PEERS.values()))}),
    "closed": st.fixed_dictionaries(
        {
            "reason": st.sampled_from(REASONS),
            "duration": _spans,
            "bytes": st.fixed_dictionaries({"in": _numbers, "out": _numbers}),
            "messages": st.fixed_dictionaries({"in": _numbers, "out": _numbers}),
        }
    ),
    "error": st.fixed_dictionaries(
        {"type": st.sampled_from(["ValueError", "KeyError"]), "message": st.sampled_from(TEXTS)}
    ),
    "state": st.fixed_dictionaries(
        {"state": st.sampled_from(["running", "failed"]), "why": st.sampled_from(TEXTS)},
        optional={"error": st.just({"type": "OSError", "message": "in use"})},
    ),
    "log": st.fixed_dictionaries(
        {"stream": st.sampled_from(["stdout", "stderr"]), "text": st.sampled_from(TEXTS)}
    ),
    "dropped": st.fixed_dictionaries({"count": st.none() | _numbers, "source": st.just("panel")}),
    "audit": st.fixed_dictionaries({"action": st.just("connection.close"), "reason": st.none()}),
}


@st.composite
def drafts(draw: st.DrawFn) -> Event:
    """An event without its number."""
    short = draw(st.sampled_from(list(KINDS)))
    return Event(
        0,
        DAY.timestamp() + draw(st.sampled_from([-1e-6, 0, 59.5, 60, 3600, 43_200, 86_399, 86_400])),
        draw(st.none() | st.sampled_from(SERVICES)),
        draw(st.none() | st.integers(1, 8)),
        KINDS[short],
        draw(_data[short]),
    )


def numbered(found: list[Event]) -> list[Event]:
    return [event._replace(seq=number) for number, event in enumerate(found, 1)]


event_lists = st.lists(drafts(), max_size=12).map(numbered)

# -- questions --------------------------------------------------------------------------------

_NUMBERS = ("length", "seq", "connection", "count", "bytes_in", "messages_out", "duration")
_moments = st.sampled_from(
    ["2026-07-11", "2026-07-12", "2026-07-12T00:00", "2026-07-12T00:00:59", "2026-07-12T01:00Z",
     "2026-07-12T14:00:00+02:00", "2026-07-12T00:00:59.5Z", "2026-07-13"]
)  # fmt: skip
_clocks = st.sampled_from(["00:00", "00:00:59", "00:01", "12:00", "23:59:59", "23:59"])
_signs = st.sampled_from(["=", ">", ">=", "<", "<="])
_bounds = st.sampled_from([0, 1, 2, 3, 99, 100, 101, 1024, 0.25, 0.5, 1.5])

_questions_of_one: st.SearchStrategy[Question] = st.one_of(
    st.tuples(st.just("text"), st.sampled_from(WORDS)),
    st.tuples(st.just("service"), st.lists(st.sampled_from([*SERVICES, "none"]), min_size=1)),
    st.tuples(st.just("service*"), st.sampled_from(["echo*", "*e*", "*-2", "e*o", "*ee*r", "a*a"])),
    st.tuples(st.just("kind"), st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=3)),
    st.tuples(st.just("kind*"), st.sampled_from(["connection.", "service.", "e"])),
    st.tuples(st.just("network"), st.sampled_from(NETWORKS)),
    st.tuples(st.just("address"), st.sampled_from(ADDRESSES)),
    st.tuples(st.just("number"), st.sampled_from(_NUMBERS), _signs, _bounds),
    st.tuples(st.just("range"), st.sampled_from(_NUMBERS), _bounds, _bounds).filter(
        lambda found: found[2] <= found[3]
    ),
    st.tuples(st.just("has"), st.sampled_from(["service", "length", "reason", "peer", "type"])),
    st.tuples(st.just("reason"), st.sampled_from([*REASONS, "nothing"])),
    st.tuples(st.just("direction"), st.sampled_from(["in", "out"])),
    st.tuples(st.just("type"), st.sampled_from(["ValueError", "oserror"])),
    st.tuples(st.just("message"), st.sampled_from(["hello", "USE", "nothing"])),
    st.tuples(st.just("data"), st.sampled_from(["HELLO", "GET /", "nothing"])),
    st.tuples(st.just("time"), _signs, _moments),
    st.tuples(st.just("clock"), _signs, _clocks),
    st.tuples(st.just("clocks"), _clocks, _clocks),
)
questions: st.SearchStrategy[Question] = st.recursive(
    _questions_of_one,
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner),
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=8,
)

# -- answers ----------------------------------------------------------------------------------


def answer(question: Question, event: Event) -> bool:
    """Whether an event is meant, told as directly as can be."""
    match question:
        case ("not", inner):
            return not answer(inner, event)
        case ("and", inner):
            return all(answer(one, event) for one in inner)
        case ("or", inner):
            return any(answer(one, event) for one in inner)
        case ("text", word):
            return any(word.lower() in text.lower() for text in _texts(event))
        case ("service", names):
            return event.service in names
        case ("service*", pattern):
            return event.service is not None and _like(pattern, event.service)
        case ("kind", shorts):
            return event.kind in [KINDS[short] for short in shorts]
        case ("kind*", start):
            names = (event.kind, event.kind.split(".")[-1])
            return any(name.startswith(start) for name in names)
        case ("network", network):
            return _is_in(_peer(event), network)
        case ("address", address):
            return bool(_peer(event) == address)
        case ("number", name, sign, bound):
            value = _value(name, event)
            return value is not None and bool(_COMPARED[sign](value, bound))
        case ("range", name, low, high):
            value = _value(name, event)
            return value is not None and bool(low <= value <= high)
        case ("has", name):
            return _value(name, event) is not None
        case ("time", sign, text):
            return _lies(sign, datetime.fromtimestamp(event.time, UTC), *_extent(text))
        case ("clock", sign, text):
            return _lies(sign, _of_day(event), *_clock(text))
        case ("clocks", first, last):
            low, high = _clock(first)[0], _clock(last)[1]
            moment = _of_day(event)
            return low <= moment < high if low < high else moment >= low or moment < high
        case ("message" | "data" as name, word):
            value = _value(name, event)
            return value is not None and word.lower() in value.lower()
        case (name, word):
            value = _value(name, event)
            return value is not None and bool(value.lower() == word.lower())
    raise AssertionError(question)


_COMPARED: dict[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
}


def _texts(event: Event) -> list[str]:
    found = [event.kind, event.service or ""]
    todo: list[Any] = [event.data]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            todo += value.values()
        elif isinstance(value, bytes):
            found.append(value.decode("utf-8", "replace"))
        elif isinstance(value, str):
            found.append(value)
    return found


def _value(name: str, event: Event) -> Any:
    if name in ("seq", "service", "connection"):
        return getattr(event, name)
    if name == "peer":
        return _peer(event)
    if name in ("type", "message"):
        return (event.data.get("error") or event.data).get(name)
    if name == "data":
        payload = event.data.get("data")
        return None if payload is None else payload.decode("utf-8", "replace")
    if "_" in name:
        outer, inner = name.split("_")
        return event.data.get(outer, {}).get(inner)
    return event.data.get(name)


def _peer(event: Event) -> str | None:
    return event.data["peer"] if "peer" in event.data else PEERS.get(event.connection or 0)


def _is_in(peer: str | None, network: str) -> bool:
    if peer is None or peer[0] in "/@":
        return False
    host = ipaddress.ip_address(peer.rpartition(":")[0].strip("[]"))
    return host in ipaddress.ip_network(network)


def _like(pattern: str, text: str) -> bool:
    """By every way there is to split the text."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(_like(pattern[1:], text[cut:]) for cut in range(len(text) + 1))
    return text[:1] == pattern[0] and _like(pattern[1:], text[1:])


def _extent(text: str) -> tuple[datetime, datetime]:
    start = datetime.fromisoformat(text)
    start = start if start.tzinfo else start.replace(tzinfo=UTC)
    _, _, clock = text.partition("T")
    return start, start + _precision(clock.partition("+")[0].rstrip("Z"))


def _precision(clock: str) -> timedelta:
    if not clock:
        return timedelta(days=1)
    if "." in clock:
        return timedelta(seconds=0.1)
    return timedelta(seconds=1) if clock.count(":") == 2 else timedelta(minutes=1)


def _clock(text: str) -> tuple[timedelta, timedelta]:
    hours, minutes, *seconds = map(int, text.split(":"))
    start = timedelta(hours=hours, minutes=minutes, seconds=sum(seconds))
    return start, start + _precision(text)


def _of_day(event: Event) -> timedelta:
    moment = datetime.fromtimestamp(event.time, UTC)
    return moment - moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _lies(sign: str, moment: Any, start: Any, end: Any) -> bool:
    match sign:
        case ">":
            return bool(moment >= end)
        case ">=":
            return bool(moment >= start)
        case "<":
            return bool(moment < start)
        case "<=":
            return bool(moment < end)
    return bool(start <= moment < end)


# -- writing ----------------------------------------------------------------------------------


@st.composite
def written(draw: st.DrawFn, question: Question) -> str:
    """The question as somebody may type it."""
    kind, *rest = question
    if kind == "not":
        sign = draw(st.sampled_from(["-", "not ", "NOT ", "not  ", "- "[:1]]))
        return sign + draw(_within(rest[0]))
    if kind in ("and", "or"):
        parts = [draw(_within(inner)) for inner in rest[0]]
        joints = [" or ", " OR "] if kind == "or" else [" ", " and ", "\t AND "]
        return draw(st.sampled_from(joints)).join(parts)
    return draw(_term_text(question))


@st.composite
def _within(draw: st.DrawFn, question: Question) -> str:
    text = draw(written(question))
    if question[0] in ("and", "or", "not") or draw(st.booleans()):
        return draw(st.sampled_from(["({})", "( {} )"])).format(text)
    return text


@st.composite
def _term_text(draw: st.DrawFn, question: Question) -> str:
    match question:
        case ("text", word):
            return draw(st.sampled_from(["", "text:", "TEXT:"])) + quoted(word)
        case ("service" | "kind" as name, names):
            return f"{name}:{','.join(names)}"
        case ("service*", pattern):
            return f"service:{pattern}"
        case ("kind*", start):
            return f"kind:{start}*"
        case ("network" | "address", text):
            return f"peer:{draw(st.sampled_from([text, quoted(text)]))}"
        case ("number", name, sign, bound):
            return (
                f"{name}:{sign.removeprefix('=')}{bound}" if sign != "<=" else f"{name}:..{bound}"
            )
        case ("range", name, low, high):
            return f"{name}:{low}..{high}"
        case ("has", name):
            return f"{name}:*"
        case ("time" | "clock", sign, text):
            if sign == ">=":
                return f"time:{text}.."
            return f"time:{'' if sign == '=' else sign}{text}"
        case ("clocks", first, last):
            return f"time:{first}..{last}"
        case (name, text):
            return f"{name}:{quoted(text)}"
    raise AssertionError(question)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

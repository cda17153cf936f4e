"""The wire between the panel and a child process: packets over SOCK_SEQPACKET (unix(7)).

A packet arrives whole, so that a worker and the children that it forks can all write to the same
end. It is the child's lifeline as well: its end of file says that the panel is gone, however it
went.

An order to the child is a tuple, `(name, ...)`, by `marshal`: it is at home in every interpreter,
and the child is one of the panel's own. What comes back is read with more care, since its writer
runs code of its user's: a packet is a list in JSON of messages `[kind, time, connection, data]`.
They are events as the journal knows them, and the notes below, which concern the panel alone.
Payloads travel as hexadecimal digits, two for each byte whatever it is.
"""

from __future__ import annotations

import marshal
import socket

TYPE_CHECKING = False  # not from `typing`: see `hosts.forking`
if TYPE_CHECKING:
    from typing import Any

PACKET_BYTES = 60_000
"""What one packet holds at most, but for a single large event; the kernel wants it in one piece."""

PAYLOAD_BYTES = 64_000
"""What a child keeps of one payload: with it, a packet fits into the buffer that anybody gets."""

RECEIVED_BYTES = 256 << 10
"""What the panel takes at a time: more than any packet that it is sent."""

ORDER_BYTES = 1 << 20
"""The same for orders, which hold a handler's options."""

BUFFER_BYTES = 4 << 20

LATEST = 1e11
"""Seconds since the epoch: times from there on are none that can be shown, let alone kept."""

SAID_ALL = 93
"""How a forked child leaves that told its own end, unlike one whose handler called `os._exit`."""

READY = "~ready"
FAILED = "~failed"
ENDED = "~ended"
BEGUN = "~begun"
FINISHED = "~finished"
COUNTED = "~counted"
LIVED = "~lived"
"""All news of a forked child's connection; its data is made by `account.Account`."""
REAPED = "~reaped"
SETTLED = "~settled"
"""No more is accepted, and nobody was whom the panel does not know of."""
LOST = "~lost"
ANSWERED = "~answered"
"""What a question to the child comes to: see `asking`."""

STACK, SEND = "stack", "send"
"""What it is asked for a connection: where its handler is, and to send something to its peer."""

Message = list["Any"]


def pair() -> tuple[socket.socket, socket.socket]:
    """Both ends, with the largest buffers that the kernel gives; the caller closes them."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        for option in ("SO_SNDBUFFORCE", "SO_SNDBUF"):
            try:
                end.setsockopt(socket.SOL_SOCKET, getattr(socket, option, 32), BUFFER_BYTES)
                break
            except OSError:
                continue
    return ends


def pack_order(name: str, *details: Any) -> bytes:
    """An order as a packet; its details are plain values."""
    return marshal.dumps((name, *details))


def unpack_order(packet: bytes) -> Any:
    """The order that a packet holds; `ValueError` or `EOFError` where it is none."""
    return marshal.loads(packet)


def decode(packet: bytes) -> list[Any]:
    """What one packet from a child holds, messages if it is in order; `ValueError` if no list."""
    import json  # the panel's part

    try:
        found = json.loads(packet)
    except RecursionError as error:
        raise ValueError("a packet is nested no deeper than its messages") from error
    if not isinstance(found, list):
        raise ValueError("a packet is a list of messages")
    return found


def parts_of(message: Any) -> tuple[str, float, int | None, Any]:
    """Kind, time, connection and data; `TypeError` or `ValueError` where it is no message."""
    kind, when, key, data = message
    if not isinstance(kind, str):
        raise TypeError("a message has a kind")
    when = moment_of(when)
    if not (isinstance(key, int | None) and isinstance(data, dict | list | None)):
        raise TypeError("a message is of a connection or of none, and has data or none")
    return kind, when, key, data


def moment_of(when: Any) -> float:
    """A time in seconds since the epoch; `TypeError` or `ValueError` where it is none."""
    if isinstance(when, bool) or not isinstance(when, int | float):
        raise TypeError("a time is a number")
    if not 0 <= when < LATEST:  # neither is NaN
        raise ValueError("a time is in seconds since the epoch, or near enough")
    return when


def payload(digits: str | None) -> bytes | None:
    """The bytes of a payload that came as text."""
    return bytes.fromhex(digits) if digits is not None else None


_ESCAPES = {code: f"\\u{code:04x}" for code in (*range(32), 34, 92)}


def json_text(value: Any) -> str:
    """Any value of a message as JSON (RFC 8259), by what every interpreter has loaded.

    Bytes become hexadecimal digits, and what JSON has no word for its `str`.
    """
    kind = value.__class__
    if kind is str:
        return f'"{value.translate(_ESCAPES)}"'
    if kind is int or kind is float:
        return repr(value)
    if kind is tuple or kind is list:
        return f"[{','.join(map(json_text, value))}]"
    if kind is dict:
        pairs = [f"{json_text(str(name))}:{json_text(held)}" for name, held in value.items()]
        return f"{{{','.join(pairs)}}}"
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    return json_text(value.hex() if kind is bytes else str(value))


def packet_of(text: str) -> bytes:
    """JSON text as it is sent; what is no valid Unicode in it passes as it is (PEP 383)."""
    return text.encode("utf-8", "surrogatepass")


def plain_address(address: Any) -> Any:
    """An address of a socket as JSON can say it; `address_of` is its reverse."""
    return {"hex": address.hex()} if isinstance(address, bytes) else address


def address_of(plain: Any) -> Any:
    """An address as Python's sockets have it."""
    if isinstance(plain, dict):  # an abstract name, unix(7)
        return bytes.fromhex(plain["hex"])
    return tuple(plain) if isinstance(plain, list) else plain

"""`exchange`: a client of one's own, that sends to an address and tells what came back."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from dataclasses import dataclass
from typing import Literal

from socketdeck.address import Address
from socketdeck.errors import AddressUnavailable

RECEIVED_BYTES = 1 << 20
QUIET_SECONDS = 0.25
"""A server that has answered and is quiet for this long is taken to have finished."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came back. Times are in seconds since the connection was asked for."""

    data: bytes
    connected_after: float
    first_byte_after: float | None
    duration: float
    ended: Literal["closed", "reset", "quiet", "timeout", "full"]


def exchange(address: Address, data: bytes, timeout: float = 5.0) -> Exchange:
    """Connect, send `data`, and read until the peer closes, is quiet, or `timeout` seconds passed.

    Blocks for `timeout` at most. At most `RECEIVED_BYTES` are read. `AddressUnavailable` where
    nobody answers at the address.
    """
    began = time.monotonic()
    target = address.reachable()
    with _client(target) as client:
        client.settimeout(timeout)
        try:
            client.connect(target.connect_to())
            connected = time.monotonic() - began
            if not target.is_stream:
                client.send(data)
                data = b""
        except TimeoutError:
            raise AddressUnavailable(f"{target} did not answer within {timeout:g} s") from None
        except OSError as error:
            raise AddressUnavailable(
                f"cannot talk to {target}: {error.strerror or error}"
            ) from error
        return _converse(client, data, began, connected, began + timeout)


def _client(target: Address) -> socket.socket:
    if target.is_unix:
        client = socket.socket(socket.AF_UNIX, target.socket_type)
        if not target.is_stream:
            with contextlib.suppress(OSError):
                client.bind("")  # an abstract name of the kernel's choice (unix(7)), to be answered
        return client
    try:
        found = socket.getaddrinfo(target.host, target.port, type=target.socket_type)
    except OSError as error:
        raise AddressUnavailable(f"cannot find {target.host}: {error.strerror}") from error
    return socket.socket(found[0][0], target.socket_type)


def _converse(
    client: socket.socket, data: bytes, began: float, connected: float, deadline: float
) -> Exchange:
    """Send and read as either can be done: some servers answer before they have read all."""
    unsent = memoryview(data)
    received = bytearray()
    first: float | None = None
    ended: Literal["closed", "reset", "quiet", "timeout", "full"] = "full"
    client.setblocking(False)
    poll = select.poll()
    while len(received) < RECEIVED_BYTES:
        poll.register(client, select.POLLIN | (select.POLLOUT if unsent else 0))
        left = deadline - time.monotonic()
        answered = first is not None and not unsent
        ready = poll.poll(max(0.0, min(left, QUIET_SECONDS) if answered else left) * 1000)
        if not ready:
            ended = "quiet" if answered else "timeout"
            break
        if ready[0][1] & select.POLLOUT:
            unsent = _send_some(client, unsent)
        try:
            piece = client.recv(65_536)
        except BlockingIOError:
            continue
        except OSError:
            ended = "reset"
            break
        if not piece and client.type == socket.SOCK_STREAM:
            ended = "closed"
            break
        if first is None:
            first = time.monotonic() - began
        received += piece
    return Exchange(bytes(received), connected, first, time.monotonic() - began, ended)


def _send_some(client: socket.socket, unsent: memoryview) -> memoryview:
    """What is left to be sent: nothing where the server takes no more, but may have answered."""
    try:
        return unsent[client.send(unsent) :]
    except BlockingIOError:
        return unsent
    except OSError:
        return unsent[:0]

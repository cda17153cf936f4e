"""`exchange`: a client of one's own, that sends to an address and tells what came back."""

from __future__ import annotations

import contextlib
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
            if data or not target.is_stream:
                client.sendall(data)
        except TimeoutError:
            raise AddressUnavailable(f"{target} did not answer within {timeout:g} s") from None
        except OSError as error:
            raise AddressUnavailable(
                f"cannot talk to {target}: {error.strerror or error}"
            ) from error
        return _read(client, began, connected, began + timeout)


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


def _read(client: socket.socket, began: float, connected: float, deadline: float) -> Exchange:
    received = bytearray()
    first: float | None = None
    ended: Literal["closed", "reset", "quiet", "timeout", "full"] = "timeout"
    while len(received) < RECEIVED_BYTES:
        left = deadline - time.monotonic()
        wait = min(left, QUIET_SECONDS) if first is not None else left
        if wait <= 0:
            break
        client.settimeout(wait)
        try:
            piece = client.recv(65_536)
        except TimeoutError:
            ended = "quiet" if first is not None else "timeout"
            break
        except OSError:
            ended = "reset"
            break
        if not piece and client.type == socket.SOCK_STREAM:
            ended = "closed"
            break
        if first is None:
            first = time.monotonic() - began
        received += piece
    else:
        ended = "full"
    return Exchange(bytes(received), connected, first, time.monotonic() - began, ended)

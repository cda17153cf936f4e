"""The WebSocket of a live client: what it takes, and what it sends without waiting."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from app.live.websocket import MESSAGE_BYTES, LiveSocket, header

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def frame(payload: bytes, first: int = 0x81) -> bytes:
    """A client's frame, masked with zeros (RFC 6455, section 5.2)."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
    return bytes([first]) + length + bytes(4) + payload


@pytest.fixture
def ends() -> Iterator[tuple[LiveSocket, socket.socket]]:
    """A WebSocket whose handshake is done, and its client's end."""
    ours, theirs = socket.socketpair()
    environ = {
        "gunicorn.socket": ours,
        "HTTP_HOST": "here",
        "HTTP_UPGRADE": "websocket",
        "HTTP_CONNECTION": "Upgrade",
        "HTTP_SEC_WEBSOCKET_KEY": KEY,
        "HTTP_SEC_WEBSOCKET_VERSION": "13",
    }
    with ours, theirs:
        theirs.settimeout(10)
        made = LiveSocket(environ)
        assert theirs.recv(4096).startswith(b"HTTP/1.1 101 ")
        yield made, theirs


def test_a_message_in_parts(ends: tuple[LiveSocket, socket.socket]) -> None:
    live, client = ends
    client.sendall(frame(b"hel", 0x01) + frame(b"", 0x00) + frame(b"lo", 0x80) + frame(b"2"))
    assert live.wait() == "hello"
    assert live.wait() == "2"
    client.close()
    assert live.wait() is None


def test_messages_that_somebody_else_takes(ends: tuple[LiveSocket, socket.socket]) -> None:
    live, client = ends
    live.on_message = lambda message: str(message).startswith("mine")
    client.sendall(frame(b"mine 1") + frame(b"mine 2") + frame(b"yours"))
    assert live.wait() == "yours"


@pytest.mark.parametrize("part", [b"", b"x" * 1000])
def test_a_message_is_bounded_however_it_comes(
    ends: tuple[LiveSocket, socket.socket], part: bytes
) -> None:
    live, client = ends
    parts = MESSAGE_BYTES // (len(part) + 1) + 1
    whole = frame(part, 0x01) + frame(part, 0x00) * parts

    def send() -> None:
        with contextlib.suppress(OSError):  # it is not all wanted
            client.sendall(whole)

    sender = threading.Thread(target=send)
    sender.start()
    assert live.wait() is None
    client.shutdown(socket.SHUT_RDWR)
    sender.join()


def test_a_ping_is_answered(ends: tuple[LiveSocket, socket.socket]) -> None:
    live, client = ends
    client.sendall(frame(b"there?", 0x89) + frame(b"next"))
    assert live.wait() == "next"
    assert client.recv(64) == b"\x8a\x06there?"


def test_a_frame_does_not_wait_for_a_slow_reader(
    ends: tuple[LiveSocket, socket.socket],
) -> None:
    live, client = ends
    much = b"x" * (8 << 20)
    assert not live.send_frame([b"<", much, b">"])
    with pytest.raises(OSError, match="acknowledged"):
        live.send_frame([b"more"])
    expected = header(len(much) + 2) + b"<" + much + b">"
    received = bytearray()
    while len(received) < len(expected):
        received += client.recv(1 << 20)
        live.flush()
    assert received == expected
    assert live.send_frame([b"more"])
    assert client.recv(64) == header(4) + b"more"

"""Sending into connections from outside, in every host: what arrives, what is told, what is not."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from socketdeck import Supervisor
from socketdeck.errors import IllegalTransition, Unreachable, Unsupported

from .client import PATIENCE_SECONDS
from .conftest import Connect, Serve
from .test_stack import WAYS, Standing, children, standing, ways
from .transcript import Transcript

__all__ = ["standing"]


@ways
@pytest.mark.parametrize("scheme", ["tcp", "unix"])
def test_what_is_sent_arrives_is_counted_and_told(
    serve: Serve,
    connect: Connect,
    events: Transcript,
    deck: Supervisor,
    tmp_path: Path,
    scheme: str,
    way: str,
) -> None:
    address = "tcp://127.0.0.1:0" if scheme == "tcp" else f"unix://{tmp_path}/s"
    client = connect(serve("standing:Standing", address, **WAYS[way]))
    assert client.ask("hello") == "done"
    connection = deck.connection(events.opened(client))
    assert connection.send(b"from outside\n") == 13
    assert client.line() == "from outside"
    told = events.wait("connection.data", connection=connection.id, injected=True).data
    assert told == {
        "direction": "out",
        "length": 13,
        "data": b"from outside\n",
        "truncated": False,
        "injected": True,
    }
    assert client.ask("hello") == "done"
    client.end()
    ended = events.closed(connection.id)
    assert ended["bytes"] == {"in": 12, "out": 23}
    assert ended["messages"] == {"in": 2, "out": 3}


@ways
@pytest.mark.parametrize("level", ["off", "counters"])
def test_at_a_level_that_looks_at_less(
    standing: Standing, events: Transcript, way: str, level: str
) -> None:
    client, connection = standing(way, capture={"level": level})
    assert connection.send(b"outside\n") == 8
    assert client.line() == "outside"
    client.end()
    if level == "counters":
        assert events.wait("connection.data", connection=connection.id).data["injected"]
        assert events.closed(connection.id)["bytes"] == {"in": 6, "out": 13}


@pytest.mark.parametrize("way", [*WAYS, "forking"])
@pytest.mark.parametrize("scheme", ["udp", "unixgram"])
def test_a_datagram_to_the_peer_of_a_flow(
    serve: Serve,
    connect: Connect,
    events: Transcript,
    deck: Supervisor,
    tmp_path: Path,
    scheme: str,
    way: str,
) -> None:
    address = "udp://127.0.0.1:0" if scheme == "udp" else f"unixgram://{tmp_path}/s"
    service = serve("upper", address, **WAYS[way])
    client = connect(service, None if scheme == "udp" else "")
    assert client.send(b"hello").receive() == b"HELLO"
    connection = deck.connection(events.opened(client))
    assert connection.send(b"from outside") == 12
    assert client.receive() == b"from outside"
    assert connection.send(b"") == 0
    assert client.receive() == b""
    told = events.wait("connection.data", connection=connection.id, injected=True, length=12).data
    assert (told["data"], told["direction"]) == (b"from outside", "out")
    events.wait("connection.data", connection=connection.id, injected=True, length=0)
    service.stop()
    ended = events.closed(connection.id)
    assert ended["bytes"] == {"in": 5, "out": 17}
    assert ended["messages"] == {"in": 1, "out": 3}


def test_a_datagram_to_nobody_or_too_large_for_one(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor, tmp_path: Path
) -> None:
    nameless = connect(serve("discard", f"unixgram://{tmp_path}/s"))
    nameless.send(b"hello")
    number = events.wait("connection.opened", peer=None).connection
    assert number is not None
    with pytest.raises(Unreachable, match="no address"):
        deck.connection(number).send(b"who are you?")
    client = connect(serve("upper", "udp://127.0.0.1:0"))
    assert client.send(b"hello").receive() == b"HELLO"
    connection = deck.connection(events.opened(client))
    with pytest.raises(Unreachable, match="Message too long"):
        connection.send(bytes(65_536))
    assert (connection.bytes_out, connection.messages_out) == (5, 1)


@ways
def test_into_a_closed_one_nothing_is_sent(
    standing: Standing, events: Transcript, way: str
) -> None:
    client, connection = standing(way)
    client.end()
    events.closed(connection.id)
    with pytest.raises(IllegalTransition, match="is closed"):
        connection.send(b"anybody?")
    assert not events.now("connection.data", connection=connection.id, injected=True)


@ways
def test_a_socket_that_its_handler_took_apart_is_left_alone(standing: Standing, way: str) -> None:
    client, connection = standing(way)
    assert client.ask("detach") == "apart"
    with pytest.raises(Unreachable, match="taken it apart"):
        connection.send(b"in the midst of TLS")
    client.end()
    assert client.rest() == b""


def test_nothing_is_nothing_to_send(standing: Standing) -> None:
    _, connection = standing("thread-threading")
    with pytest.raises(Unsupported, match="nothing"):
        connection.send(b"")


def test_what_did_not_fit_was_not_sent_and_is_not_told(
    serve: Serve,
    connect: Connect,
    events: Transcript,
    deck: Supervisor,
    loaded: Callable[[str], Any],
    release: Callable[[], None],
    tmp_path: Path,
) -> None:
    client = connect(serve("obedient:Lender", f"unix://{tmp_path}/s"))
    request: socket.socket = loaded("obedient").lent.get(timeout=PATIENCE_SECONDS)
    request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    connection = deck.connection(events.wait("connection.opened").connection or 0)
    data = bytes(range(256)) * 256
    sent = connection.send(data)
    assert 0 < sent < len(data)
    assert (connection.bytes_out, connection.messages_out) == (sent, 1)
    told = events.wait("connection.data", injected=True).data
    assert (told["length"], told["truncated"]) == (sent, True)
    with pytest.raises(Unreachable, match="send queue holds"):
        connection.send(b"more")
    assert client.receive() == data[:sent]
    release()
    assert client.rest() == b""


def test_a_handlers_timeout_is_not_waited_for(
    serve: Serve,
    connect: Connect,
    events: Transcript,
    deck: Supervisor,
    loaded: Callable[[str], Any],
    release: Callable[[], None],
) -> None:
    """Its socket waits for so long; what is sent from outside does not, and is refused."""
    connect(serve("obedient:Lender"))
    request: socket.socket = loaded("obedient").lent.get(timeout=PATIENCE_SECONDS)
    request.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while request.send(bytes(65_536)):
            pass
    request.settimeout(3_600)
    connection = deck.connection(events.wait("connection.opened").connection or 0)
    with pytest.raises(Unreachable, match="send queue holds"):
        connection.send(b"now")
    assert request.gettimeout() == 3_600
    release()


@pytest.mark.parametrize("way", ["thread-threading", "process-threading", "forking"])
def test_it_does_not_stand_in_the_midst_of_a_message(standing: Standing, way: str) -> None:
    """While a client reads a large one bit by bit, what is sent from outside is refused."""
    client, connection = standing(way)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)  # the rest is unsent
    client.say("flood 4000000")
    received = refused = 0
    while received < 3_700_000:
        piece = client.receive()
        assert set(piece) == set(b"m")
        received += len(piece)
        try:
            assert connection.send(b"!") == 0
        except Unreachable:
            refused += 1
    assert refused > 10
    rest = bytearray()
    while not rest.endswith(b"done\n"):
        rest += client.receive()
    assert bytes(rest) == b"m" * (4_000_000 - received) + b"done\n"


@children
def test_a_reset_in_a_child_is_one(standing: Standing, events: Transcript, way: str) -> None:
    client, connection = standing(way)
    connection.close("reset")
    with pytest.raises(ConnectionResetError):
        client.rest()
    assert events.closed(connection.id)["reason"] == "killed"


@ways
def test_the_kernels_figures_are_there_in_every_host(
    standing: Standing, events: Transcript, way: str
) -> None:
    client, connection = standing(way)
    figures = connection.as_json()["kernel"]
    assert figures["rtt"] > 0
    assert connection.rtt is not None
    assert connection.rtt > 0
    assert (figures["send_queue"], figures["receive_queue"]) == (0, 0)
    client.end()
    events.closed(connection.id)
    assert connection.as_json()["kernel"] is None

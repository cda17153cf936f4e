"""What a worker says to a panel that is slow to read: nothing is lost that is not told of."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from socketdeck.hosts import wire, writer
from socketdeck.hosts.worker_watch import WireJournal
from socketdeck.hosts.writer import Writer

PATIENCE_SECONDS = 10.0
DATA = ["connection.data", 0, 1, {"data": bytes(20_000)}]


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "PATIENCE_SECONDS", 0.0)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = wire.pair()
    with ours, theirs:
        ours.settimeout(PATIENCE_SECONDS)
        yield ours, theirs


def read(end: socket.socket, until: str = "last") -> list[list[Any]]:
    """What the panel reads, up to a message of this kind."""
    found: list[list[Any]] = []
    while not found or found[-1][0] != until:
        found += wire.decode(end.recv(wire.RECEIVED_BYTES))
    return found


def stuck(said: Writer) -> int:
    """Write data until there is no room for any; how many events went."""
    count = 0
    while not said.behind:
        said.write([DATA])
        count += 1
    return count


def kinds(messages: list[list[Any]]) -> list[str]:
    return [kind for kind, *_ in messages]


def test_only_data_goes_and_it_is_told_exactly_how_much(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    said = Writer(ends[1], drops=True)
    sent = stuck(said)
    for key in range(500):
        said.write([["connection.opened", 0, key, {}], DATA, [wire.BEGUN, 0, key, {}]])
        sent += 1
    said.write([["last", 0, None, {}]])
    came = []
    while said.behind:
        came += wire.decode(ends[0].recv(wire.RECEIVED_BYTES))
        said.push()
    came += read(ends[0])
    lost = [data["count"] for kind, _, _, data in came if kind == wire.LOST]
    assert sum(lost) + kinds(came).count("connection.data") == sent
    states = [(kind, key) for kind, _, key, _ in came if kind in ("connection.opened", wire.BEGUN)]
    assert states == [
        (kind, key) for key in range(500) for kind in ("connection.opened", wire.BEGUN)
    ]


def test_what_was_counted_of_a_connection_is_kept_as_one(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    said = Writer(ends[1], drops=True)
    stuck(said)
    for when in range(1_000):
        said.write([[wire.COUNTED, when, 7, [1, 2, 3, 4]]])
    said.write([["connection.closed", 0, 7, {}], ["last", 0, None, {}]])
    finishing = threading.Thread(target=said.finish)
    finishing.start()
    came = read(ends[0])
    finishing.join()
    assert [message for message in came if message[0] == wire.COUNTED] == [
        [wire.COUNTED, 999, 7, [1_000, 2_000, 3_000, 4_000]]
    ]
    assert kinds(came)[-3:] == [wire.COUNTED, "connection.closed", "last"]


def test_one_that_no_packet_holds_is_lost_and_told_of_at_once(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    said = Writer(ends[1], drops=True)
    said.write([["connection.error", 0, 1, {"message": "x" * (64 << 20)}]])
    assert wire.decode(ends[0].recv(wire.RECEIVED_BYTES)) == [[wire.LOST, 0, None, {"count": 1}]]
    assert not said.behind


def test_where_nothing_is_dropped_a_write_waits(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    said = Writer(ends[1], drops=False)
    count = 4 * wire.BUFFER_BYTES // 40_000
    writing = threading.Thread(target=said.write, args=[[DATA] * count + [["last", 0, None, {}]]])
    writing.start()
    came = read(ends[0])
    writing.join()
    assert kinds(came) == ["connection.data"] * count + ["last"]


def test_the_loss_is_told_though_nothing_more_happens(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    journal = WireJournal(ends[1], direct=False)
    sent = 0
    while not journal._writer.behind:
        journal.record((None, 1), "service.log", {"text": "x" * 40_000})
        journal.flush()
        sent += 1
    came = read(ends[0], until=wire.LOST)
    assert came[-1][3]["count"] + len(came) - 1 == sent
    journal.close()


def test_a_note_comes_behind_what_was_recorded_before(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    journal = WireJournal(ends[1], direct=False)
    for number in range(1_000):
        journal.record((None, number), "connection.opened", {})
    journal.tell("last")
    came = read(ends[0])
    assert [key for _, _, key, _ in came] == [*range(1_000), None]
    journal.close()

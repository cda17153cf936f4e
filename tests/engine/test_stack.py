"""Where a handler is at a moment, in every host, and what is said where that cannot be told."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from socketdeck import Connection, Journal, Supervisor
from socketdeck.errors import Unreachable
from socketdeck.hosts import asking
from socketdeck.stack import FRAMES
from socketdeck.status import StackView

from .client import PATIENCE_SECONDS, Client
from .conftest import HANDLERS, Connect, Serve
from .transcript import Transcript

WAYS: dict[str, dict[str, Any]] = {
    "thread-sync": {"concurrency": "sync"},
    "thread-threading": {"concurrency": "threading"},
    "thread-pool": {"concurrency": "pool"},
    "process-sync": {"host": "process", "concurrency": "sync"},
    "process-threading": {"host": "process", "concurrency": "threading"},
    "forking": {"concurrency": "forking"},
}
CHILDREN = ("process-threading", "forking")

Standing = Callable[..., tuple[Client, Connection]]

ways = pytest.mark.parametrize("way", WAYS)
children = pytest.mark.parametrize("way", CHILDREN)


@pytest.fixture
def standing(serve: Serve, connect: Connect) -> Standing:
    """A client of a `Standing` handler, and its connection once that is known."""

    def stand(way: str, **fields: Any) -> tuple[Client, Connection]:
        service = serve("standing:Standing", **WAYS[way], **fields)
        client = connect(service)
        assert client.ask("hello") == "done"
        tally, deadline = service.tally, time.monotonic() + PATIENCE_SECONDS
        assert tally.wait_idle(lambda: deadline, lambda: not tally.open)
        (connection,) = tally.open.values()
        return client, connection

    return stand


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is known that nobody answers."""
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 0.3)


def until(connection: Connection, is_it: Callable[[StackView], bool]) -> StackView:
    """Ask until its stack is so; what a handler does after it has answered is its own affair."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = connection.stack()
        if is_it(found):
            return found
        assert time.monotonic() < deadline, found.text


def functions(found: StackView) -> list[str]:
    return [frame.function for frame in found.frames]


@ways
def test_a_waiting_handler_is_told_by_its_own_frames(standing: Standing, way: str) -> None:
    _, connection = standing(way)
    found = until(connection, lambda found: "Standing.listen" in functions(found))
    assert (found.state, found.cut) == ("handling", False)
    assert found.pid == connection.pid
    assert found.thread == connection.thread
    assert functions(found)[:2] == ["Standing.handle", "Standing.listen"]
    handle, listen, *_ = found.frames
    assert handle.file == str(HANDLERS / "standing.py")
    assert handle.code == "while line := self.listen():"
    assert listen.code == "return self.rfile.readline().decode().strip()"
    source = Path(handle.file).read_text().splitlines()
    assert source[handle.line - 1].strip() == handle.code
    assert found.text.startswith(
        f'  File "{handle.file}", line {handle.line}, in Standing.handle\n    {handle.code}\n'
    )
    assert not [frame.file for frame in found.frames if "socketdeck" in frame.file]


@ways
def test_of_a_deep_stack_the_inner_frames_are_told(standing: Standing, way: str) -> None:
    client, connection = standing(way)
    assert client.ask("dive 400") == "down"
    found = until(connection, lambda found: "Standing.listen" in functions(found))
    assert found.cut
    assert len(found.frames) == FRAMES
    at = functions(found).index("Standing.listen")
    assert set(functions(found)[:at]) == {"Standing.dive"}
    assert client.ask("up") == "done"  # undisturbed
    assert until(connection, lambda found: not found.cut).state == "handling"


@ways
def test_a_closed_connection_has_no_stack(standing: Standing, events: Transcript, way: str) -> None:
    client, connection = standing(way)
    client.end()
    events.closed(connection.id)
    found = connection.stack()
    assert (found.state, found.frames, found.text) == ("closed", [], "")


@pytest.mark.parametrize("way", ["thread-pool", "process-pool"])
def test_one_that_waits_for_a_thread_of_its_pool(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor, way: str
) -> None:
    host = way.partition("-")[0]
    service = serve("standing:Standing", host=host, concurrency="pool", pool_size=1)
    first = connect(service)
    assert first.ask("hello") == "done"
    second = connect(service)
    waiting = deck.connection(events.opened(second)).stack()
    assert (waiting.state, waiting.frames, waiting.thread) == ("waiting", [], None)


def test_a_line_is_told_only_of_a_file_that_is_as_it_was_loaded(
    journal: Journal, own_folder: Path, events: Transcript
) -> None:
    """Edited, and not loaded anew, it says something else there than what runs."""
    with Supervisor(handlers_folder=own_folder, journal=journal) as deck:
        service = deck.add(name="edited", address="tcp://127.0.0.1:0", handler="standing:Standing")
        service.start()
        assert service.address is not None
        with Client(service.address) as client:
            assert client.ask("hello") == "done"
            connection = deck.connection(events.opened(client))
            reads = "while line := self.listen():"
            found = until(connection, lambda seen: [one.code for one in seen.frames][:1] == [reads])
            before = found.frames[0]
            later = time.time() + 60
            os.utime(own_folder / "standing.py", (later, later))
            after = connection.stack().frames[0]
            assert (after.function, after.line, after.code) == (
                "Standing.handle",
                before.line,
                None,
            )


# -- datagrams ------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["thread-threading", "process-threading"])
def test_a_flow_is_between_two_datagrams(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor, way: str
) -> None:
    service = serve("upper", "udp://127.0.0.1:0", **WAYS[way])
    client = connect(service)
    assert client.send(b"hello").receive() == b"HELLO"
    found = until(deck.connection(events.opened(client)), lambda found: not found.frames)
    assert found.state == "between"


def test_a_datagram_in_a_handler_has_the_stack_of_its_thread(
    serve: Serve,
    connect: Connect,
    events: Transcript,
    deck: Supervisor,
    loaded: Callable[[str], Any],
) -> None:
    service = serve("standing:DatagramWaiter", "udp://127.0.0.1:0")
    client = connect(service)
    try:
        assert client.send(b"hello").receive() == b"here"
        connection = deck.connection(events.opened(client))
        found = until(connection, lambda found: "DatagramWaiter.handle" in functions(found))
        assert found.state == "handling"
        assert found.frames[0].function == "DatagramWaiter.handle"
    finally:
        loaded("standing").release.set()


def test_a_forked_datagram_cannot_be_asked(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor
) -> None:
    service = serve("standing:DatagramWaiter", "udp://127.0.0.1:0", concurrency="forking")
    client = connect(service)
    assert client.send(b"hello").receive() == b"here"
    connection = deck.connection(events.opened(client))
    with pytest.raises(Unreachable, match="child process of its own"):
        connection.stack()


# -- abuse ----------------------------------------------------------------------------------------


@children
def test_a_handler_that_keeps_the_interpreter_is_not_waited_for(
    standing: Standing, impatient: None, way: str
) -> None:
    client, connection = standing(way)
    assert client.ask("hold") == "holding"
    with pytest.raises(Unreachable, match="did not answer within"):
        until(connection, lambda found: False)  # it says so a moment before it does so
    with pytest.raises(Unreachable, match="did not answer within"):
        connection.send(b"is anybody there?")


@ways
def test_a_hundred_ask_at_once(standing: Standing, way: str) -> None:
    client, connection = standing(way)
    until(connection, lambda found: "Standing.listen" in functions(found))
    with ThreadPoolExecutor(100) as askers:
        found = list(askers.map(lambda _: connection.stack(), range(100)))
    assert {one.state for one in found} == {"handling"}
    assert {tuple(functions(one)[:2]) for one in found} == {("Standing.handle", "Standing.listen")}
    assert client.ask("hello") == "done"


@children
def test_one_whose_process_is_killed_meanwhile_is_closed(standing: Standing, way: str) -> None:
    _, connection = standing(way)
    assert connection.pid is not None
    os.kill(connection.pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as asker:
        found = asker.submit(connection.stack)
        os.kill(connection.pid, signal.SIGKILL)
        assert found.result(PATIENCE_SECONDS).state == "closed"


@ways
def test_connections_that_come_and_go_while_they_are_asked(
    serve: Serve, connect: Connect, deck: Supervisor, way: str
) -> None:
    service = serve("standing:Brief", **WAYS[way])
    over = threading.Event()
    states: set[str] = set()

    def ask() -> None:
        while not over.is_set():
            for connection in deck.connections.open():
                states.add(connection.stack().state)

    with ThreadPoolExecutor(2) as askers:
        asked = [askers.submit(ask) for _ in range(2)]
        for _ in range(60):
            connect(service).send(b"bye").rest()
        over.set()
        for one in asked:
            one.result(PATIENCE_SECONDS)
    assert states <= {"handling", "waiting", "between", "closed"}


def test_a_forked_handler_goes_on_with_its_system_call(
    standing: Standing,
) -> None:
    """What it waits for, and its own signals and times, are as if nobody had asked."""
    client, connection = standing("forking")
    assert client.ask("interrupted") == "waiting"
    until(connection, lambda found: "Standing.do_interrupted" in functions(found))
    for _ in range(20):
        connection.stack()
    assert client.line() == f"timed out after [{int(signal.SIGALRM)}]"
    assert client.line() == "done"


def test_a_forked_handler_that_closed_everything_does_not_answer(
    standing: Standing, impatient: None
) -> None:
    client, connection = standing("forking")
    assert client.ask("close_all") == "done"
    with pytest.raises(Unreachable, match="did not answer"):
        connection.stack()
    assert client.ask("hello") == "done"

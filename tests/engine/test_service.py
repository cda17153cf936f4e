"""A service's life: each move, each way that it fails, and that stopped means stopped."""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import socketdeck.exchange
import socketdeck.service
from socketdeck import Journal, Service, Supervisor
from socketdeck.errors import (
    AddressTaken,
    AddressUnavailable,
    IllegalTransition,
    InvalidDefinition,
    NameTaken,
    StartFailed,
    StopIncomplete,
    UnknownService,
)
from socketdeck.exchange import exchange
from socketdeck.lifecycle import ACTIVE, TRANSITIONS, checked_move
from socketdeck.status import State

from .client import PATIENCE_SECONDS, Client
from .conftest import Connect, Serve
from .transcript import Transcript

STATES = st.sampled_from(sorted(TRANSITIONS))
AT_ONCE: dict[str, Any] = {"delay": 0, "maximum_delay": 0}


def states(events: Transcript, service: Service) -> list[str]:
    return [event.data["state"] for event in events.now("service.state", service=service.name)]


def until(events: Transcript, service: Service, state: str, count: int = 1) -> dict[str, Any]:
    """Wait for the `count`th time that a service comes into a state; what the event says."""
    return events.wait("service.state", service=service.name, state=state, count=count).data


# -- the table ------------------------------------------------------------------------------------


@given(STATES, STATES)
def test_a_move_is_in_the_table_or_raises(before: State, after: State) -> None:
    if after in TRANSITIONS[before]:
        assert checked_move("echo", before, after) == after
    else:
        with pytest.raises(IllegalTransition, match=f"echo is {before}; it cannot become {after}"):
            checked_move("echo", before, after)


def test_every_state_can_be_reached_and_left() -> None:
    reached = set().union(*TRANSITIONS.values())
    assert reached == set(TRANSITIONS)
    assert all(TRANSITIONS.values())
    assert set(TRANSITIONS) - ACTIVE == {"stopped", "backoff", "failed"}


# -- start and stop -------------------------------------------------------------------------------


def test_from_stopped_to_running_and_back(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve()
    assert connect(service).ask("hello") == "hello"
    service.stop(drain_timeout=0)
    assert states(events, service) == ["starting", "running", "draining", "stopping", "stopped"]
    assert service.address is None


def test_a_new_service_is_stopped(deck: Supervisor, events: Transcript) -> None:
    service = deck.add(name="echo", address="tcp://127.0.0.1:0", handler="echo")
    assert service.state == "stopped"
    status = service.status()
    assert status.state == "stopped"
    assert (status.address, status.pids, status.threads, status.generation) == (None, [], 0, 0)
    assert status.last_error is None
    assert events.now("service.created")[0].data["definition"]["name"] == "echo"


def test_starting_twice_changes_nothing(serve: Serve, events: Transcript) -> None:
    service = serve()
    service.start()
    assert states(events, service) == ["starting", "running"]
    assert service.status().generation == 1


def test_stopping_twice_changes_nothing(serve: Serve, events: Transcript) -> None:
    service = serve()
    service.stop()
    service.stop()
    assert states(events, service).count("stopped") == 1


def test_stopping_what_never_started_changes_nothing(deck: Supervisor, events: Transcript) -> None:
    service = deck.add(name="echo", address="tcp://127.0.0.1:0", handler="echo")
    service.stop()
    assert states(events, service) == []


def test_starting_from_many_threads_starts_it_once(deck: Supervisor, events: Transcript) -> None:
    service = deck.add(name="echo", address="tcp://127.0.0.1:0", handler="echo")
    threads = [threading.Thread(target=service.start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert states(events, service) == ["starting", "running"]


def test_stopping_at_once_after_a_start(deck: Supervisor, tmp_path: Path) -> None:
    """The thread of a service may not have come to its loop yet."""
    addresses = ["tcp://127.0.0.1:0", "udp://127.0.0.1:0", f"unix://{tmp_path}/s"]
    for address in addresses:
        for concurrency in ("sync", "threading", "pool"):
            name = f"{address.partition(':')[0]}-{concurrency}"
            service = deck.add(name=name, address=address, handler="echo", concurrency=concurrency)
            for _ in range(20):
                service.start()
                service.stop()
            deck.remove(name)


def test_a_restart_is_a_stop_and_a_start(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve(drain_timeout=0)
    client = connect(service)
    client.ask("hello")
    service.restart()
    assert client.rest() == b""
    assert service.state == "running"
    assert connect(service).ask("hello") == "hello"
    status = service.status()
    assert status.generation == 2
    assert status.restarts == 0, "only those that nobody asked for are counted"
    assert status.connections.total == 2, "totals go on"


def test_a_restart_starts_what_was_stopped(deck: Supervisor) -> None:
    service = deck.add(name="echo", address="tcp://127.0.0.1:0", handler="echo")
    service.restart()
    assert service.exchange(b"hello").data == b"hello"


def test_a_restart_on_a_fixed_port_finds_it_free(
    serve: Serve, deck: Supervisor, connect: Connect
) -> None:
    service = serve(drain_timeout=0)
    deck.replace(
        service.name, service.definition.model_copy(update={"address": str(service.address)})
    )
    for _ in range(5):
        client = connect(service)
        assert client.ask("hello") == "hello"
        service.restart()  # the server closes first, and has its ports in TIME_WAIT
        assert client.rest() == b""


def test_a_restart_serves_edited_code(deck: Supervisor, own_folder: Path, connect: Connect) -> None:
    file = own_folder / "greet.py"
    code = (
        "from socketserver import BaseRequestHandler\n"
        "class Greet(BaseRequestHandler):\n"
        "    def handle(self):\n"
        "        self.request.sendall(b'one')\n"
    )
    file.write_text(code)
    with Supervisor(handlers_folder=own_folder) as own:
        service = own.add(name="greet", address="tcp://127.0.0.1:0", handler="greet:Greet")
        service.start()
        assert connect(service).rest() == b"one"
        file.write_text(code.replace("one", "two"))
        assert connect(service).rest() == b"one", "until the restart"
        service.restart()
        assert connect(service).rest() == b"two"
        file.write_text("raise RuntimeError('no more')")
        with pytest.raises(StartFailed, match="no more"):
            service.restart()
        assert service.state == "failed"
        error = service.status().last_error
        assert error is not None
        assert "greet.py" in (error.traceback or error.message)
        file.write_text(code)
        service.restart()
        assert connect(service).rest() == b"one"
        assert service.status().last_error is None


# -- stopped means stopped ------------------------------------------------------------------------


def test_after_a_stop_nobody_answers(serve: Serve, tmp_path: Path) -> None:
    for address in ("tcp://127.0.0.1:0", f"unix://{tmp_path}/s"):
        service = serve(address=address)
        bound = service.address
        assert bound is not None
        service.stop()
        with pytest.raises(OSError, match=r"refused|No such file"):
            Client(bound)
    assert not (tmp_path / "s").exists()


def test_while_it_drains_nobody_new_is_taken_in(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve()
    client = connect(service)
    client.ask("hello")
    address = service.address
    assert address is not None
    stopping = threading.Thread(target=service.stop, args=(PATIENCE_SECONDS,))
    stopping.start()
    until(events, service, "draining")
    assert client.ask("still here") == "still here"
    refused = False
    for _ in range(10_000):  # the state is told a moment before the port is given up
        try:
            Client(address).close()
        except ConnectionRefusedError:
            refused = True
            break
    assert refused
    client.say("quit")
    stopping.join(PATIENCE_SECONDS)
    assert service.state == "stopped"
    assert events.closed(events.opened(client))["reason"] == "server_closed"


def test_a_stop_waits_for_those_who_are_being_served(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve()
    client = connect(service)
    client.ask("hello")
    stopping = threading.Thread(target=service.stop, args=(PATIENCE_SECONDS,))
    stopping.start()
    until(events, service, "draining")
    assert client.ask("one more thing") == "one more thing"
    client.end()
    stopping.join(PATIENCE_SECONDS)
    assert service.status().closed == {"client_closed": 1}


def test_a_stop_can_be_brought_forward(serve: Serve, connect: Connect, events: Transcript) -> None:
    service = serve(drain_timeout=3600)
    client = connect(service)
    client.ask("hello")
    stopping = threading.Thread(target=service.stop)
    stopping.start()
    until(events, service, "draining")
    service.stop(drain_timeout=0)
    stopping.join(PATIENCE_SECONDS)
    assert service.state == "stopped"
    assert client.rest() == b""
    assert states(events, service).count("draining") == 1
    assert service.status().closed == {"service_stopped": 1}


def test_a_stop_that_has_to_leave_a_handler_behind_says_which(
    serve: Serve,
    connect: Connect,
    events: Transcript,
    release: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socketdeck.service, "END_GRACE_SECONDS", 0.1)
    service = serve("obedient:Stubborn")
    client = connect(service)
    number = events.opened(client)
    with pytest.raises(StopIncomplete, match=r"1 handler\(s\) never returned"):
        service.stop(drain_timeout=0)
    assert service.state == "failed"
    error = service.status().last_error
    assert error is not None
    assert error.type == "StopIncomplete"
    assert error.traceback is not None
    assert "release.wait()" in error.traceback
    assert events.closed(number)["reason"] == "service_stopped"
    assert service.status().connections.open == 0
    left = [thread for thread in threading.enumerate() if thread.name in str(error.message)]
    release()
    for thread in left:
        thread.join(PATIENCE_SECONDS)
    service.stop()
    service.start()
    assert states(events, service)[-3:] == ["stopped", "starting", "running"]


@pytest.mark.parametrize("concurrency", ["sync", "threading", "pool"])
@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_only_what_never_returned_is_left_behind(
    serve: Serve,
    connect: Connect,
    events: Transcript,
    release: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    concurrency: str,
    scheme: str,
) -> None:
    monkeypatch.setattr(socketdeck.service, "END_GRACE_SECONDS", 0.1)
    handler = "obedient:Obedient" if scheme == "tcp" else "obedient:ObedientDatagram"
    service = serve(handler, f"{scheme}://127.0.0.1:0", concurrency=concurrency, pool_size=4)
    others = [connect(service) for _ in range(3)]
    if concurrency != "sync":
        for client in others:
            client.say("hello") if client.stream else client.send(b"hello")
            assert client.receive().strip() == b"hello"
    for client in others:
        client.close()
    stuck = connect(service)
    stuck.send(b"wait\n" if stuck.stream else b"wait")
    events.wait("connection.data", connection=events.opened(stuck))
    with pytest.raises(StopIncomplete, match=r"but 1 handler\(s\) never returned"):
        service.stop(drain_timeout=0)
    release()


def test_a_socket_file_that_is_anothers_by_now_is_left(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "s"
    service = serve(address=f"unix://{path}")
    path.unlink()
    with socket.socket(socket.AF_UNIX) as another:
        another.bind(str(path))
        service.stop()
        assert path.is_socket()
    path.unlink()


def test_a_supervisor_that_shuts_down_stops_them_all(tmp_path: Path) -> None:
    with Supervisor() as deck:
        services = [
            deck.add(name="a", address="tcp://127.0.0.1:0", handler="echo"),
            deck.add(name="b", address="udp://127.0.0.1:0", handler="echo"),
            deck.add(name="c", address=f"unix://{tmp_path}/s", handler="echo"),
        ]
        for service in services:
            service.start()
    assert [service.state for service in services] == ["stopped"] * 3


# -- what cannot start ----------------------------------------------------------------------------


def failure(deck: Supervisor, **fields: Any) -> str:
    """Why a service does not start: the error's sentence, which is its `last_error` too."""
    fields = {"name": "echo", "address": "tcp://127.0.0.1:0", "handler": "echo", **fields}
    service = deck.add(fields)
    with pytest.raises(StartFailed) as caught:
        service.start()
    assert service.state == "failed"
    assert service.address is None
    error = service.status().last_error
    assert error is not None
    assert str(caught.value) == f"echo did not start: {error.message}"
    assert "\n" not in error.message
    return error.message


def test_a_port_in_use_names_its_holder(deck: Supervisor, events: Transcript) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        said = failure(deck, address=address)
    assert said == f"cannot bind {address}: it is in use by this panel"
    service = deck.get("echo")
    told = until(events, service, "failed")
    assert told["error"]["type"] == "AddressUnavailable"
    service.start()
    assert service.state == "running", "once the port is free"
    assert service.status().last_error is None


def test_a_port_that_another_service_got_names_it(deck: Supervisor, serve: Serve) -> None:
    bound = str(serve("echo", name="other").address)
    assert failure(deck, address=bound) == f"cannot bind {bound}: it is in use by the service other"


def test_an_address_that_another_service_still_has_names_it(deck: Supervisor, serve: Serve) -> None:
    other = serve("echo", name="other")
    bound = str(other.address)
    deck.replace("other", {**other.definition.model_dump(), "address": "tcp://127.0.0.1:1"})
    assert failure(deck, address=bound) == f"cannot bind {bound}: it is in use by the service other"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tcp://[::1]:7001", "tcp://[0:0:0:0:0:0:0:1]:7001"),
        ("tcp://127.0.0.1:7001", "tcp://localhost:7001"),
        ("tcp://127.0.0.1:7001", "tcp://[::ffff:127.0.0.1]:7001"),
    ],
)
def test_an_address_is_taken_however_it_is_written(deck: Supervisor, one: str, other: str) -> None:
    deck.add(name="one", handler="echo", address=one)
    with pytest.raises(AddressTaken, match="is the address of the service one"):
        deck.add(name="other", handler="echo", address=other)


def test_a_host_that_is_not_known(deck: Supervisor) -> None:
    said = failure(deck, address="tcp://no-such-host.invalid:8080")
    assert "the host 'no-such-host.invalid' is not known" in said


def test_an_address_of_another_machine(deck: Supervisor) -> None:
    assert "no such address" in failure(deck, address="tcp://192.0.2.1:8080")


def test_a_port_that_is_refused(deck: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, where: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    assert "ports below 1024" in failure(deck, address="tcp://127.0.0.1:80")


def test_a_path_that_is_not_a_socket(deck: Supervisor, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("precious")
    assert "is not a socket" in failure(deck, address=f"unix://{tmp_path}/notes")
    assert (tmp_path / "notes").read_text() == "precious"


def test_a_socket_file_that_somebody_listens_on(deck: Supervisor, tmp_path: Path) -> None:
    path = tmp_path / "live"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        assert failure(deck, address=f"unix://{path}").endswith("in use by this panel")
        assert path.is_socket()
    path.unlink()


def test_a_socket_file_of_a_process_that_was_killed(deck: Supervisor, tmp_path: Path) -> None:
    path = tmp_path / "dead"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
    service = deck.add(name="echo", address=f"unix://{path}", handler="echo")
    service.start()
    assert service.exchange(b"hello").data == b"hello"


@pytest.mark.parametrize(
    ("handler", "why"),
    [
        ("ecco", "did you mean echo?"),
        ("obedient:Obedience", "did you mean Obedient?"),
        ("nothing:At", "there is no module nothing"),
        ("obedient:release", "Event, no class"),
    ],
)
def test_a_handler_that_cannot_be_loaded(deck: Supervisor, handler: str, why: str) -> None:
    assert why in failure(deck, handler=handler)


def test_a_handler_for_other_sockets(deck: Supervisor) -> None:
    said = failure(deck, handler="obedient:ObedientDatagram")
    assert "serves udp and unixgram, not tcp" in said


def test_a_failed_start_can_be_stopped_and_started(deck: Supervisor) -> None:
    failure(deck, handler="eko")
    service = deck.get("echo")
    service.stop()
    assert service.state == "stopped"
    assert service.status().last_error is not None, "what went wrong last is still shown"
    deck.replace("echo", name="echo", address="tcp://127.0.0.1:0", handler="echo")
    service.start()
    assert service.exchange(b"hello").data == b"hello"


def test_a_patient_start_waits_for_the_address(deck: Supervisor, events: Transcript) -> None:
    """As after a panel that was killed, whose children take a moment to go."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        service = deck.add(name="echo", address=f"tcp://127.0.0.1:{port}", handler="echo")
        starting = threading.Thread(target=service.start, kwargs={"patient": True})
        starting.start()
        until(events, service, "starting")
    starting.join(PATIENCE_SECONDS)
    assert service.state == "running"


# -- requests -------------------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", ["sync", "threading", "pool"])
@pytest.mark.parametrize("scheme", ["tcp", "udp", "unix", "unixgram"])
def test_so_many_requests_and_no_more(
    serve: Serve,
    connect: Connect,
    events: Transcript,
    tmp_path: Path,
    concurrency: str,
    scheme: str,
) -> None:
    address = f"{scheme}://127.0.0.1:0" if scheme in ("tcp", "udp") else f"{scheme}://{tmp_path}/s"
    service = serve("upper", address, requests=3, concurrency=concurrency)
    for number in range(3):
        name = tmp_path / f"client-{number}" if scheme == "unixgram" else None
        client = connect(service, name)
        assert client.send(b"hello\n").receive() == b"HELLO\n"
        client.close()
        if name is not None:
            name.unlink()
    assert until(events, service, "stopped")["why"] == "requests"
    assert service.state == "stopped"
    assert service.address is None
    assert service.status().errors == 0
    assert states(events, service) == ["starting", "running", "draining", "stopping", "stopped"]


def test_the_last_request_is_let_finish(serve: Serve, connect: Connect, events: Transcript) -> None:
    service = serve(requests=1, drain_timeout=0)
    client = connect(service)
    until(events, service, "draining")
    assert client.ask("I am the last") == "I am the last"
    client.say("quit")
    until(events, service, "stopped")


def test_a_stop_does_not_wait_for_the_last_request(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve(requests=1)
    client = connect(service)
    client.ask("I will not go")
    until(events, service, "draining")
    service.stop(drain_timeout=0)
    assert service.state == "stopped"
    assert client.rest() == b""


@pytest.mark.parametrize(
    "fields",
    [
        {"concurrency": "sync"},
        {"concurrency": "threading"},
        {"concurrency": "pool"},
        {"concurrency": "threading", "host": "process"},
    ],
    ids=lambda fields: "-".join(fields.values()),
)
def test_a_handler_may_shut_its_server_down(
    serve: Serve, connect: Connect, events: Transcript, fields: dict[str, str]
) -> None:
    service = serve("ending:Ending", **fields)
    client = connect(service)
    assert client.send(b"shutdown").receive() == b"done"
    assert until(events, service, "stopped")["why"] == "shutdown"
    assert service.status().last_error is None
    assert events.closed(1)["reason"] == "server_closed"


@pytest.mark.parametrize("what", [b"server_close", b"close"])
@pytest.mark.parametrize("concurrency", ["sync", "threading", "pool"])
def test_a_handler_that_closes_the_port_ends_its_service(
    serve: Serve, connect: Connect, events: Transcript, concurrency: str, what: bytes
) -> None:
    service = serve("ending:Ending", concurrency=concurrency, restart={"policy": "never"})
    address = service.address
    assert address is not None
    connect(service).send(what).receive()  # an answer or, if the end is quicker, none
    # Where nobody waits on the socket any more, it takes a client to find out.
    with (
        contextlib.suppress(ConnectionError),
        socket.create_connection(("127.0.0.1", address.port)),
    ):
        until(events, service, "failed")
    failed = until(events, service, "failed")
    assert failed["why"] == "ended"
    assert "socket was closed" in failed["error"]["message"]


def test_a_start_does_not_interfere_with_a_single_request(
    deck: Supervisor, connect: Connect, events: Transcript
) -> None:
    service = deck.add(name="greeting", address="tcp://127.0.0.1:0", handler="greeting")
    handled = in_background(lambda: service.handle_request(timeout=PATIENCE_SECONDS))
    until(events, service, "running")
    with pytest.raises(IllegalTransition, match="single request"):
        service.start()
    assert connect(service).rest() == b"Thank you for connection"
    assert handled() is True
    until(events, service, "stopped")


def test_a_stop_ends_a_service_that_counts_its_requests(serve: Serve) -> None:
    for concurrency in ("sync", "threading", "pool"):
        service = serve(requests=1_000_000, concurrency=concurrency)
        service.stop()
        assert service.state == "stopped"


def test_a_handler_that_fails_counts_as_a_request(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve(requests=1, concurrency="sync")
    connect(service).say("raise x")
    assert until(events, service, "stopped")["why"] == "requests"
    assert service.status().errors == 1


def in_background(call: Callable[[], Any]) -> Callable[[], Any]:
    """Call it in a thread; what is returned waits for the result."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()

    def result() -> Any:
        thread.join(PATIENCE_SECONDS)
        assert results, "it did not return"
        return results[0]

    return result


@pytest.mark.parametrize("concurrency", ["sync", "threading", "pool"])
@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_a_single_request(
    deck: Supervisor, connect: Connect, events: Transcript, concurrency: str, scheme: str
) -> None:
    service = deck.add(
        name="upper",
        address=f"{scheme}://127.0.0.1:0",
        handler="upper",
        concurrency=concurrency,
    )
    handled = in_background(lambda: service.handle_request(timeout=PATIENCE_SECONDS))
    until(events, service, "running")
    client = connect(service)
    assert client.send(b"hello\n").receive() == b"HELLO\n"
    client.close()
    assert handled() is True
    assert service.state == "stopped", "it has stopped when the call returns"
    assert service.status().errors == 0
    assert states(events, service) == ["starting", "running", "draining", "stopping", "stopped"]


@pytest.mark.parametrize("concurrency", ["sync", "threading", "pool"])
@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_a_single_request_that_nobody_makes(
    deck: Supervisor, concurrency: str, scheme: str
) -> None:
    service = deck.add(
        name="echo",
        address=f"{scheme}://127.0.0.1:0",
        handler="echo",
        concurrency=concurrency,
        restart={"policy": "always", **AT_ONCE},
    )
    for _ in range(3):
        assert service.handle_request(timeout=0.01) is False
        assert service.state == "stopped"


@pytest.mark.parametrize("concurrency", ["sync", "threading", "pool"])
def test_a_single_request_that_takes_long_does_not_hold_up_who_asked_for_it(
    deck: Supervisor,
    connect: Connect,
    events: Transcript,
    monkeypatch: pytest.MonkeyPatch,
    concurrency: str,
) -> None:
    monkeypatch.setattr(socketdeck.service, "ONE_SHOT_END_SECONDS", 0.01)
    service = deck.add(
        name="echo", address="tcp://127.0.0.1:0", handler="echo", concurrency=concurrency
    )
    handled = in_background(lambda: service.handle_request(timeout=0.5))
    until(events, service, "running")
    client = connect(service)
    assert client.send(b"hello").receive() == b"hello"
    assert handled() is True
    assert client.send(b"still here").receive() == b"still here"
    assert service.state in ("running", "draining")
    client.end()
    until(events, service, "stopped")


def test_a_single_request_only_of_a_stopped_service(serve: Serve) -> None:
    service = serve()
    with pytest.raises(IllegalTransition, match="is running; stop it before"):
        service.handle_request()
    assert service.state == "running"


def test_a_single_request_that_cannot_be_bound_says_why(deck: Supervisor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        service = deck.add(name="echo", address=address, handler="echo")
        with pytest.raises(StartFailed, match="in use"):
            service.handle_request()
    assert service.state == "failed"
    assert service.handle_request(timeout=0.01) is False, "from failed, too"


def test_a_stop_ends_a_single_request(deck: Supervisor, events: Transcript) -> None:
    service = deck.add(name="echo", address="tcp://127.0.0.1:0", handler="echo")
    handled = in_background(lambda: service.handle_request(timeout=3600))
    until(events, service, "running")
    service.stop()
    assert handled() is False
    assert service.state == "stopped"


# -- when it ends by itself -----------------------------------------------------------------------


def break_down(connect: Connect, service: Service) -> None:
    """Have a synchronous service's loop end with an error that nobody handles."""
    connect(service).say("interrupt now")


def test_a_service_that_breaks_down_is_failed(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve(concurrency="sync", restart={"policy": "never"})
    break_down(connect, service)
    told = until(events, service, "failed")
    assert told["error"]["type"] == "KeyboardInterrupt"
    assert "obedient.py" in told["error"]["traceback"]
    assert service.status().last_error is not None
    assert service.address is None
    service.start()
    assert connect(service).ask("hello") == "hello"


def test_a_service_that_breaks_down_is_restarted(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve(concurrency="sync", restart=AT_ONCE)
    for count in (1, 2, 3):
        break_down(connect, service)
        until(events, service, "running", count=count + 1)
    assert connect(service).ask("hello") == "hello"
    status = service.status()
    assert (status.restarts, status.generation) == (3, 4)
    assert states(events, service) == [
        "starting",
        "running",
        *("draining", "stopping", "backoff", "starting", "running") * 3,
    ]


def test_a_service_is_restarted_so_often_and_no_more(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve(concurrency="sync", restart={"attempts": 2, **AT_ONCE})
    for count in (2, 3):
        break_down(connect, service)
        until(events, service, "running", count=count)
    break_down(connect, service)
    until(events, service, "failed")
    assert service.status().restarts == 2


def test_a_start_by_hand_gives_all_attempts_again(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve(concurrency="sync", restart={"attempts": 1, **AT_ONCE})
    for round_ in (1, 2):
        break_down(connect, service)
        until(events, service, "running", count=2 * round_)
        break_down(connect, service)
        until(events, service, "failed", count=round_)
        service.start()


class Later:
    """A timekeeper whose time the test tells."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self._due: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def later(self, seconds: float, callback: Callable[[], None]) -> None:
        self.delays.append(seconds)
        self._due.put(callback)

    def pass_(self) -> None:
        """It is time for the next."""
        self._due.get(timeout=PATIENCE_SECONDS)()


@pytest.fixture
def clock(deck: Supervisor, monkeypatch: pytest.MonkeyPatch) -> Later:
    """The time of all services that are added from now on."""
    clock = Later()
    monkeypatch.setattr(deck, "_timekeeper", clock)
    return clock


def test_a_restart_whose_address_was_taken_goes_on_trying(
    deck: Supervisor, clock: Later, serve: Serve, connect: Connect, events: Transcript
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    service = serve(address=f"tcp://127.0.0.1:{port}", concurrency="sync")
    break_down(connect, service)
    until(events, service, "backoff")
    with socket.create_server(("127.0.0.1", port)):
        for count in (2, 3, 4):
            clock.pass_()
            told = until(events, service, "backoff", count=count)
            assert "it is in use by" in told["error"]["message"]
            assert service.state == "backoff"
    clock.pass_()
    assert service.state == "running"
    assert service.status().restarts == 4
    assert service.status().last_error is None
    assert connect(service).ask("hello") == "hello"


def test_the_delays_double_up_to_their_maximum(
    clock: Later, serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve(concurrency="sync", restart={"delay": 1, "maximum_delay": 5})
    for _ in range(5):
        break_down(connect, service)
        clock.pass_()
        assert service.state == "running"
    for delay, nominal in zip(clock.delays, (1, 2, 4, 5, 5), strict=True):
        assert 0.9 * nominal <= delay <= 1.1 * nominal


def test_what_is_due_after_a_stop_does_nothing(
    clock: Later, serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve(concurrency="sync")
    break_down(connect, service)
    until(events, service, "backoff")
    service.stop()
    clock.pass_()
    assert service.state == "stopped"
    assert service.status().restarts == 0


def test_always_restarts_what_has_handled_its_requests(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve("greeting", requests=1, restart={"policy": "always", **AT_ONCE})
    for count in (1, 2, 3):
        until(events, service, "running", count=count)
        assert connect(service).rest() == b"Thank you for connection"
    service.stop()
    assert service.status().last_error is None


def test_on_failure_leaves_what_has_handled_its_requests(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve("greeting", requests=1, restart={"policy": "on-failure", **AT_ONCE})
    connect(service).rest()
    until(events, service, "stopped")


def test_a_stop_ends_the_waiting_for_a_restart(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve(concurrency="sync", restart={"delay": 60})
    break_down(connect, service)
    until(events, service, "backoff")
    service.stop()
    assert service.state == "stopped"


def test_a_start_by_hand_does_not_wait_for_the_restart(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve(concurrency="sync", restart={"delay": 60})
    break_down(connect, service)
    until(events, service, "backoff")
    service.start()
    assert service.state == "running"
    assert connect(service).ask("hello") == "hello"


# -- edits ----------------------------------------------------------------------------------------


def test_what_cannot_act_at_once_waits_for_the_next_start(
    serve: Serve, deck: Supervisor, connect: Connect, events: Transcript
) -> None:
    service = serve("greeting", name="greeter")
    assert service.status().pending_changes == []
    edited = deck.replace(
        "greeter",
        name="greeter",
        address="tcp://127.0.0.1:0",
        handler="greeting",
        options={"message": "Welcome"},
        description="polite",
        pool_size=3,
    )
    assert edited is service
    assert service.status().pending_changes == ["pool_size", "options"]
    assert connect(service).rest() == b"Thank you for connection"
    told = events.wait("service.updated", service="greeter").data
    assert told["changed"] == ["description", "pool_size", "options"]
    assert told["definition"]["description"] == "polite"
    service.restart()
    assert service.status().pending_changes == []
    assert connect(service).rest() == b"Welcome"


def test_an_edit_taken_back_is_not_pending(serve: Serve, deck: Supervisor) -> None:
    service = serve("greeting", name="greeter")
    before = service.definition
    deck.replace("greeter", before.model_copy(update={"pool_size": 3}))
    assert service.pending_changes == ["pool_size"]
    deck.replace("greeter", before)
    assert service.pending_changes == []


def test_an_edit_of_a_stopped_service_is_not_pending(serve: Serve, deck: Supervisor) -> None:
    service = serve("greeting", name="greeter")
    service.stop()
    deck.replace("greeter", service.definition.model_copy(update={"pool_size": 3}))
    assert service.pending_changes == []


def test_an_edited_drain_acts_at_once(serve: Serve, deck: Supervisor, connect: Connect) -> None:
    service = serve(drain_timeout=3600)
    client = connect(service)
    client.ask("hello")
    deck.replace(service.name, service.definition.model_copy(update={"drain_timeout": 0.0}))
    assert service.pending_changes == []
    service.stop()
    assert client.rest() == b""


def test_an_edited_restart_policy_acts_at_once(
    serve: Serve, deck: Supervisor, connect: Connect, events: Transcript
) -> None:
    service = serve(concurrency="sync", restart={"policy": "never"})
    wanted = {**service.definition.model_dump(), "restart": {"policy": "on-failure", **AT_ONCE}}
    deck.replace(service.name, wanted)
    assert service.pending_changes == []
    break_down(connect, service)
    until(events, service, "running", count=2)


# -- the supervisor -------------------------------------------------------------------------------


def test_names_and_addresses_are_one_services_own(deck: Supervisor) -> None:
    deck.add(name="a", address="tcp://127.0.0.1:1007", handler="echo")
    with pytest.raises(NameTaken, match="there is a service a already"):
        deck.add(name="a", address="tcp://127.0.0.1:1008", handler="echo")
    with pytest.raises(AddressTaken, match="is the address of the service a"):
        deck.add(name="b", address="tcp://:1007", handler="echo")
    deck.add(name="b", address="udp://127.0.0.1:1007", handler="echo")
    with pytest.raises(AddressTaken):
        deck.replace("b", name="b", address="tcp://127.0.0.1:1007", handler="echo")
    assert [service.name for service in deck.services()] == ["a", "b"]


def test_a_bad_definition_creates_nothing(deck: Supervisor, events: Transcript) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        deck.add(name="A", address="nowhere", handler="")
    assert {error.pointer for error in caught.value.errors} == {"/name", "/address", "/handler"}
    assert deck.services() == []
    assert events.now() == []


def test_unknown_services(deck: Supervisor) -> None:
    for call in (
        lambda: deck.get("nobody"),
        lambda: deck.remove("nobody"),
        lambda: deck.replace("nobody", name="nobody", address="tcp://:0", handler="echo"),
    ):
        with pytest.raises(UnknownService, match="there is no service 'nobody'"):
            call()


def test_a_service_cannot_be_renamed(deck: Supervisor) -> None:
    deck.add(name="a", address="tcp://127.0.0.1:0", handler="echo")
    with pytest.raises(InvalidDefinition, match="cannot be renamed"):
        deck.replace("a", name="b", address="tcp://127.0.0.1:0", handler="echo")


def test_removing_a_running_service_stops_it(
    serve: Serve, deck: Supervisor, connect: Connect, events: Transcript
) -> None:
    service = serve(name="echo", drain_timeout=0)
    client = connect(service)
    client.ask("hello")
    deck.remove("echo")
    assert client.rest() == b""
    assert service.state == "stopped"
    assert deck.services() == []
    assert events.wait("service.deleted", service="echo")
    serve(name="echo")


# -- status ---------------------------------------------------------------------------------------


def test_the_status_of_a_running_service(serve: Serve, connect: Connect) -> None:
    service = serve(name="echo")
    connect(service).ask("hello")
    status = service.status()
    assert status.state == "running"
    assert status.address == str(service.address)
    assert status.host == "thread"
    assert status.pids == [os.getpid()]
    assert status.threads == 1
    assert status.generation == 1
    assert status.connections.open == status.connections.total == 1
    assert status.connections.waiting.backlog == 0
    assert set(status.rates) == {"1s", "10s", "60s"}
    assert status.model_dump_json()


def test_the_kernels_queue_is_shown(serve: Serve, connect: Connect, events: Transcript) -> None:
    service = serve(concurrency="sync")
    connect(service).ask("hello")
    for waiting in (1, 2, 3):
        connect(service)
        assert service.status().connections.waiting.backlog == waiting


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Talking to a service does not wait long for more, once there was an answer."""
    monkeypatch.setattr(socketdeck.exchange, "QUIET_SECONDS", 0.01)


@pytest.mark.usefixtures("hasty")
def test_talking_to_it(serve: Serve, tmp_path: Path) -> None:
    addresses = ["tcp://127.0.0.1:0", "tcp://[::1]:0", "tcp://:0", "udp://127.0.0.1:0"]
    addresses += [f"unix://{tmp_path}/s", f"unixgram://{tmp_path}/d"]
    for address in addresses:
        found = serve("echo", address).exchange(b"hello")
        assert found.data == b"hello"
        assert found.first_byte_after is not None
        assert 0 <= found.connected_after <= found.first_byte_after <= found.duration


def test_talking_to_one_that_is_stopped(serve: Serve) -> None:
    service = serve("echo")
    service.stop()
    with pytest.raises(IllegalTransition, match="is stopped; start it to talk to it"):
        service.exchange(b"hello")


def test_talking_to_one_that_does_not_answer(serve: Serve) -> None:
    service = serve("discard")
    found = service.exchange(b"hello", timeout=0.05)
    assert (found.data, found.ended, found.first_byte_after) == (b"", "timeout", None)


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
def test_talking_at_length(serve: Serve, tmp_path: Path, scheme: str) -> None:
    """More than the buffers between the two hold: it is read while it is sent."""
    where = "127.0.0.1:0" if scheme == "tcp" else f"{tmp_path}/s"
    data = bytes(socketdeck.exchange.RECEIVED_BYTES - 1)
    found = serve("echo", f"{scheme}://{where}").exchange(data)
    assert found.data == data
    assert found.ended == "quiet"


def test_talking_to_one_that_takes_only_a_little(serve: Serve) -> None:
    found = serve("greeting").exchange(bytes(1 << 20))
    assert found.data == b"Thank you for connection"
    assert found.ended in ("closed", "reset")


def test_talking_to_nobody(serve: Serve) -> None:
    service = serve("echo")
    address = service.address
    assert address is not None
    service.stop()
    with pytest.raises(AddressUnavailable, match=r"cannot talk to .*: Connection refused"):
        exchange(address, b"hello")


def test_talking_to_one_that_never_ends(serve: Serve) -> None:
    found = serve("chargen").exchange(b"")
    assert found.ended == "full"
    assert len(found.data) >= 1 << 20


def test_talking_to_one_that_closes(serve: Serve) -> None:
    found = serve("greeting").exchange(b"")
    assert (found.data, found.ended) == (b"Thank you for connection", "closed")


# -- idle -----------------------------------------------------------------------------------------


def wake_ups() -> dict[str, int]:
    """How often the kernel has put each thread but this one to work."""
    found = {}
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            status = Path(f"/proc/self/task/{thread.native_id}/status").read_text()
            fields = dict(line.split(":", 1) for line in status.splitlines())
            found[thread.name] = int(fields["voluntary_ctxt_switches"])
    return found


@pytest.mark.usefixtures("hasty")
def test_idle_services_do_not_wake_up(serve: Serve, journal: Journal, tmp_path: Path) -> None:
    for scheme in ("tcp", "udp", "unix", "unixgram"):
        for concurrency in ("sync", "threading", "pool"):
            inet = scheme in ("tcp", "udp")
            where = "127.0.0.1:0" if inet else f"{tmp_path}/{scheme}-{concurrency}"
            service = serve("echo", f"{scheme}://{where}", concurrency=concurrency)
            assert service.exchange(b"hello").data == b"hello"
    nothing = journal.subscribe("it passes the time")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:  # they come to rest; what polls never does
        before = wake_ups()
        assert nothing.take(timeout=0.5) == []
        if wake_ups() == before:
            break
        assert time.monotonic() < deadline, (before, wake_ups())
    nothing.close()


@pytest.mark.parametrize("concurrency", ["sync", "threading", "pool"])
def test_an_idle_service_stops_in_milliseconds(serve: Serve, concurrency: str) -> None:
    """No measure of speed: one that polls takes stock's half a second, or some part of it."""
    service = serve("echo", concurrency=concurrency)
    took = []
    for _ in range(5):
        began = time.perf_counter()
        service.stop()
        took.append(time.perf_counter() - began)
        service.start()
    assert min(took) < 0.02


def test_a_host_that_fails_to_stop_is_no_end_of_its_service(
    serve: Serve, connect: Connect, events: Transcript, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = serve(drain_timeout=0)
    client = connect(service)
    client.ask("hello")

    def fail(*_: object) -> bool:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as broken:
        broken.setattr(type(service._host), "wait_idle", fail)
        with pytest.raises(StopIncomplete, match="could not be stopped cleanly: OSError"):
            service.stop()
    assert states(events, service)[-2:] == ["stopping", "failed"]
    assert service.status().connections.open == 0
    error = service.status().last_error
    assert error is not None
    assert error.type == "OSError"
    client.close()
    service.start()
    assert connect(service).ask("hello") == "hello"


def test_what_was_removed_cannot_be_started_by_who_still_holds_it(
    deck: Supervisor, serve: Serve
) -> None:
    service = serve()
    deck.remove(service.name)
    for way in (service.start, service.restart, service.handle_request):
        with pytest.raises(UnknownService, match="was deleted"):
            way()
    assert service.state == "stopped"


def test_a_thread_that_cannot_be_had_is_missed_only_then(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = serve("echo", concurrency="pool")
    refuse = threading.Event()
    start = threading.Thread.start

    def start_if_there_is_room(thread: threading.Thread) -> None:
        if refuse.is_set():
            refuse.clear()
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_if_there_is_room)
    refuse.set()
    assert service.exchange(b"hello").ended == "closed"
    assert service.status().errors == 1
    assert service.exchange(b"hello").data == b"hello"

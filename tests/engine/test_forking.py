"""A child for each connection: what it may do, how it ends, and that all of it is told."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import psutil
import pytest

from socketdeck import Service, Supervisor

from .client import PATIENCE_SECONDS, Client
from .conftest import Connect, Serve
from .transcript import Transcript

MAX_CHILDREN = 40
"""As `socketserver.ForkingMixIn` has it."""


@pytest.fixture
def resident(serve: Serve) -> Service:
    return serve("forked:Resident", concurrency="forking")


def late(connect: Connect, events: Transcript, service: Service) -> None:
    """By now, every child that was there at the call has been nudged: the youngest has told."""
    with connect(service) as client:
        client.ask("hello")
        events.opened(client)


# -- what is told ---------------------------------------------------------------------------------


def test_a_short_connection_is_told_from_end_to_end(
    resident: Service, connect: Connect, events: Transcript, deck: Supervisor
) -> None:
    client = connect(resident)
    pid = int(client.ask("pid"))
    client.end()
    number = events.opened(client)
    assert events.closed(number)["reason"] == "client_closed"
    assert events.kinds(connection=number) == [
        "connection.opened",
        "connection.data",
        "connection.data",
        "connection.closed",
    ]
    received, sent = events.now("connection.data", connection=number)
    assert (received.data["direction"], received.data["data"]) == ("in", b"pid\n")
    assert (sent.data["direction"], sent.data["data"]) == ("out", b"%d\n" % pid)
    times = [event.time for event in events.now(connection=number)]
    assert times == sorted(times)
    view = deck.connection(number).view()
    assert (view.pid, view.thread, view.state) == (pid, "MainThread", "closed")
    assert view.local == str(resident.address).partition("://")[2]
    assert pid not in (os.getpid(), resident.status().pids[0])
    assert view.duration == times[-1] - times[0]


def test_a_long_one_is_told_while_it_lives(
    resident: Service, connect: Connect, events: Transcript, deck: Supervisor
) -> None:
    client = connect(resident)
    pid = int(client.ask("pid"))
    number = events.opened(client)
    assert resident.status().pids[1:] == [pid]
    assert resident.status().threads == 1
    for count, word in enumerate(("one", "two", "three"), 2):
        assert client.ask(word) == word
        for direction in ("in", "out"):
            told = events.wait(
                "connection.data", connection=number, direction=direction, count=count
            )
        assert told.data["data"] == f"{word}\n".encode()
    assert deck.connection(number).view().messages.in_ == 4
    assert events.now("connection.closed", connection=number) == []


def test_an_idle_child_does_not_wake_up(
    resident: Service, connect: Connect, events: Transcript
) -> None:
    def wake_ups(pid: int) -> str:
        status = Path(f"/proc/{pid}/status").read_text()
        return next(line for line in status.splitlines() if line.startswith("voluntary_ctxt"))

    def nothing_comes(client: Client) -> bool:
        return select.select([client.socket], [], [], 0.3)[0] == []

    client = connect(resident)
    pid = int(client.ask("pid"))
    events.opened(client)
    late(connect, events, resident)
    before = wake_ups(pid)
    for _ in range(3):
        late(connect, events, resident)
    assert wake_ups(pid) == before
    assert nothing_comes(client), "for the last of the others to be reaped"
    worker = resident.status().pids[0]
    before = wake_ups(worker)
    assert nothing_comes(client)
    assert wake_ups(worker) == before


def test_what_a_child_sends_in_a_rush_is_folded_and_adds_up(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    client = connect(serve("forked:Resident", concurrency="forking", capture={"level": "payload"}))
    count = 20_000
    client.say(f"stream {count}")
    assert sum(client.line() == "123456789" for _ in range(count)) == count
    assert client.line() == "done"
    client.end()
    number = events.opened(client)
    ended = events.closed(number)
    assert ended["bytes"]["out"] == 10 * count + len("done\n")
    assert ended["messages"]["out"] == count + 1
    told = [event.data for event in events.now("connection.data", connection=number)]
    sent = [data for data in told if data["direction"] == "out"]
    assert sum(data.get("count", 1) for data in sent) == count + 1
    assert sum(data["length"] for data in sent) == ended["bytes"]["out"]
    assert len(sent) < count / 10
    assert events.now("events.dropped") == []


def test_what_it_prints_and_logs_is_its_connections(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve(concurrency="forking")
    first, second = connect(service), connect(service)
    first.ask("print one")
    second.ask("print-error two")
    first.ask("log three")
    first.ask('print-some "four\\\x1b\u2028')
    first.end()
    second.end()
    number, other = events.opened(first), events.opened(second)
    events.closed(number)
    events.closed(other)
    told = events.now("service.log", service=service.name)
    assert {
        (event.connection, event.data["stream"], event.data["text"])
        for event in told
        if event.data["stream"] != "stderr" or event.connection == other
    } == {
        (number, "stdout", "one"),
        (other, "stderr", "two"),
        (number, "log.warning", "three"),
        (number, "stdout", '"four\\\x1b\u2028'),
    }


def test_over_a_unix_socket_it_is_told_who_came(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor, tmp_path: Path
) -> None:
    service = serve("forked:Resident", f"unix://{tmp_path}/s", concurrency="forking")
    client = connect(service, f"\0forking-{os.getpid()}")
    assert client.ask("hello") == "hello"
    number = events.opened(client)
    view = deck.connection(number).view()
    assert view.peer == f"@forking-{os.getpid()}"
    assert view.local == f"{tmp_path}/s"
    assert view.peer_credentials is not None
    assert view.peer_credentials.pid == os.getpid()
    client.end()
    assert events.closed(number)["reason"] == "client_closed"


def test_on_every_address_it_is_told_which_it_was(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor
) -> None:
    service = serve("forked:Resident", "tcp://:0", concurrency="forking")
    client = connect(service)
    client.ask("hello")
    number = events.opened(client)
    host, port = client.socket.getpeername()[:2]
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    assert deck.connection(number).view().local == shown


# -- what a handler may do ------------------------------------------------------------------------


def test_it_has_the_alarm_to_itself(
    resident: Service, connect: Connect, events: Transcript
) -> None:
    client = connect(resident)
    assert client.ask("alarm") == "undisturbed"
    client.end()
    assert events.closed(events.opened(client))["reason"] == "client_closed"


def test_each_child_draws_its_own_random_numbers(serve: Serve, connect: Connect) -> None:
    service = serve("forked_company:Companion", concurrency="forking")
    drawn = {connect(service).ask("random") for _ in range(5)}
    assert len(drawn) == 5


@pytest.mark.parametrize("handler", ["forked:Resident", "forked_company:Companion"])
def test_a_child_has_one_thread_and_may_start_more(
    serve: Serve, connect: Connect, events: Transcript, handler: str
) -> None:
    service = serve(handler, concurrency="forking")
    client = connect(service)
    assert client.ask("threads") == "spoken"
    assert client.line() == "MainThread"
    client.end()
    ended = events.closed(events.opened(client))
    assert ended["messages"] == {"in": 1, "out": 2}


def test_one_that_forks_is_told_of_once(serve: Serve, connect: Connect, events: Transcript) -> None:
    service = serve("forked:Forker", concurrency="forking")
    client = connect(service)
    assert client.rest() == b"from the other one"
    number = events.opened(client)
    assert events.closed(number)["reason"] == "server_closed"
    late(connect, events, service)
    assert len(events.now("connection.opened", peer=client.name)) == 1
    assert events.now("connection.error") == []


def test_one_that_becomes_another_program_goes_on(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve("forked:Replaced", concurrency="forking")
    client = connect(service)
    assert client.ask("hello") == "hello"
    assert select.select([client.socket], [], [], 0.2)[0] == [], "a nudge has ended it"
    assert client.ask("still here") == "still here"
    client.end()
    assert client.rest() == b""
    assert events.closed(events.opened(client))["reason"] == "child_exited"


@pytest.mark.parametrize(
    ("nonsense", "count"),
    [
        ("", 1),
        ("[1]", 1),
        ('["ab", [1], {}]', 3),
        ('[["connection.data", 0, 1, {}]]', 1),
        ('[["connection.data", 0, 1, {"data": 5}]]', 1),
        ('[["service.log", "now", 1, {"text": "x"}]]', 1),
        ('[["~lived", 0, 77, [1, null, [[1, 0, 1, "61"]], [0, 0, 0, 0], null]]]', 1),
        ("[" * 30_000, 1),
        ('[["service.log", NaN, null, {"stream": "stdout", "text": "x"}]]', 1),
        ('[["service.log", 1e11, null, {"stream": "stdout", "text": "x"}]]', 1),
        ('[["service.log", -1, null, {"stream": "stdout", "text": "x"}]]', 1),
        ('[["service.log", true, null, {"stream": "stdout", "text": "x"}]]', 1),
        ('[["service.deleted", 1, null, {}]]', 1),
        ('[["connection.rejected", 1, null, {"reason": 5}]]', 1),
        ('[["~lived", 0, 77, [NaN, [1, 1, ["a", 1], null, null], [], [0, 0, 0, 0, 0], null]]]', 1),
        ('[["~lived", 0, 77, [1, [1, 1e18, ["a", 1], null, null], [], [0, 0, 0, 0, 0], null]]]', 1),
        ('[["~lost", 0, null, {"count": NaN}], ["~lost", 0, null, {"count": -1}]]', 2),
        *(
            (f'[["connection.data", 1, null, {{"data": "61", {wrong}}}]]', 1)
            for wrong in (
                '"direction": "up", "length": 1, "truncated": false',
                '"direction": "in", "length": true, "truncated": false',
                '"direction": "in", "length": -1, "truncated": false',
                '"direction": "in", "length": 1, "truncated": 0',
                '"direction": "in", "length": 1, "truncated": false, "count": "many"',
                '"direction": "in", "length": 1, "truncated": false, "count": 0',
            )
        ),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_it_writes_to_the_wire_is_lost_and_harms_nobody(
    resident: Service, connect: Connect, events: Transcript, nonsense: str, count: int
) -> None:
    client = connect(resident)
    assert client.ask(f"babble {nonsense}") == "done"
    assert events.wait("events.dropped").data["count"] == count
    assert client.ask("hello") == "hello"
    assert connect(resident).ask("hello") == "hello"
    assert resident.state == "running"


def test_what_passes_for_an_event_and_is_none_harms_nobody(
    resident: Service, connect: Connect, events: Transcript
) -> None:
    client = connect(resident)
    client.say('babble [["service.log", 0, null, {"stream": "stdout", "text": 5}]]')
    events.wait("events.dropped", source=f"process {resident.status().pids[0]}")
    other = connect(resident)
    assert other.ask("hello") == "hello"
    assert events.opened(other)
    assert resident.state == "running"


# -- how they end ---------------------------------------------------------------------------------


def test_a_child_that_leaves_is_told_of_in_its_place(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve("forked:Deserter", concurrency="forking")
    client = connect(service)
    client.say("go")
    assert client.rest() == b""
    number = events.opened(client)
    assert events.closed(number)["reason"] == "child_exited"
    failure = events.wait("connection.error", connection=number).data
    assert failure["type"] == "ChildEnded"
    assert failure["message"].endswith("left with status 3")
    assert service.status().errors == 1
    assert service.state == "running"


def test_a_child_that_has_told_and_then_leaves_loses_nothing(
    resident: Service, connect: Connect, events: Transcript
) -> None:
    client = connect(resident)
    client.ask("hello")
    number = events.opened(client)
    client.say("exit 7")
    assert client.rest() == b""
    assert events.closed(number)["reason"] == "child_exited"
    assert len(events.now("connection.opened", connection=number)) == 1


def test_a_killed_child_is_known_whatever_its_age(
    resident: Service, connect: Connect, events: Transcript
) -> None:
    young = connect(resident)
    os.kill(int(young.ask("pid")), signal.SIGKILL)
    old = connect(resident)
    pid = int(old.ask("pid"))
    number = events.opened(old)
    os.kill(pid, signal.SIGKILL)
    for killed in (events.opened(young), number):
        assert events.closed(killed)["reason"] == "child_signalled"
        failure = events.wait("connection.error", connection=killed).data
        assert "SIGKILL" in failure["message"]
    assert connect(resident).ask("hello") == "hello"


def test_one_that_became_another_program_can_be_ended(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve("forked:Replaced", concurrency="forking")
    client = connect(service)
    client.ask("hello")
    service.stop(drain_timeout=0)
    assert client.rest() == b""
    assert events.closed(events.opened(client))["reason"] == "service_stopped"
    assert events.now("connection.error") == []


def test_no_more_than_so_many_children(
    resident: Service, connect: Connect, events: Transcript
) -> None:
    clients = [connect(resident) for _ in range(MAX_CHILDREN)]
    pids = {client.ask("pid") for client in clients}
    assert len(pids) == MAX_CHILDREN
    waiting = connect(resident).say("pid")
    for client in clients:
        events.opened(client)
    assert resident.status().threads == MAX_CHILDREN
    assert select.select([waiting.socket], [], [], 0.2)[0] == []
    clients[0].end()
    assert waiting.line() not in pids


def test_no_child_is_left_behind(resident: Service, connect: Connect, events: Transcript) -> None:
    clients = [connect(resident) for _ in range(10)]
    for client in clients:
        client.ask("hello")
    worker = psutil.Process(resident.status().pids[0])
    children = worker.children()
    assert len(children) == 10
    for client in clients:
        client.end()
    events.wait("connection.closed", count=10)
    _, alive = psutil.wait_procs(children, timeout=PATIENCE_SECONDS)
    assert alive == []
    resident.stop()
    assert not worker.is_running()


def test_a_stop_in_a_rush_tells_of_everybody(
    resident: Service, connect: Connect, events: Transcript
) -> None:
    clients = [connect(resident) for _ in range(MAX_CHILDREN // 2)]
    for client in clients[:-1]:
        client.say("hello")
    assert clients[-1].ask("hello") == "hello"
    resident.stop(drain_timeout=0)
    accepted = events.now("connection.opened", service=resident.name)
    ended = events.now("connection.closed", service=resident.name)
    assert len(accepted) == len(ended) == resident.status().connections.total
    assert {event.data["reason"] for event in ended} == {"service_stopped"}
    for client in clients:
        client.close()


# -- what it costs --------------------------------------------------------------------------------


def test_the_worker_loads_no_more_than_it_needs(resident: Service, connect: Connect) -> None:
    """What a fork copies: see `hosts.forking`."""
    loaded = set(connect(resident).ask("modules").split())
    assert "socketdeck.tap_levels" in loaded
    large = {"typing", "json", "re", "datetime", "logging", "ctypes", "subprocess", "pydantic"}
    assert loaded & (large | {"pathlib", "inspect", "traceback"}) == set()
    assert (
        loaded & {f"socketdeck.{room}" for room in ("managed", "journal", "connections")} == set()
    )


def test_ipv6(serve: Serve, events: Transcript) -> None:
    service = serve("forked:Resident", "tcp://[::1]:0", concurrency="forking")
    assert service.address is not None
    with Client(service.address) as client:
        assert client.ask("hello") == "hello"
        assert client.name is not None
        client.end()
        assert events.closed(events.opened(client))["reason"] == "client_closed"

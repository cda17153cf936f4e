"""Services in a child process: what happens there is told here, and they end with their panel."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from socketdeck import Address, Service, ServiceDefinition, Supervisor
from socketdeck.errors import StartFailed
from socketdeck.hosts.process import ORDER_SECONDS, ProcessHost

from .client import PATIENCE_SECONDS, Client
from .conftest import HANDLERS, Connect, Serve
from .transcript import Transcript

SOURCE = Path(__file__).parents[2] / "src"

WAYS: list[dict[str, Any]] = [
    {"host": "process", "concurrency": "sync"},
    {"host": "process", "concurrency": "threading"},
    {"host": "process", "concurrency": "pool"},
    {"concurrency": "forking"},
]
way = pytest.mark.parametrize(
    "way", [pytest.param(fields, id=fields["concurrency"]) for fields in WAYS]
)


# -- a conversation -------------------------------------------------------------------------------


@way
@pytest.mark.parametrize("scheme", ["tcp", "unix"])
def test_a_conversation_is_told_as_any_other(
    serve: Serve,
    connect: Connect,
    events: Transcript,
    deck: Supervisor,
    tmp_path: Path,
    scheme: str,
    way: dict[str, Any],
) -> None:
    address = "tcp://127.0.0.1:0" if scheme == "tcp" else f"unix://{tmp_path}/s"
    service = serve(address=address, **way)
    client = connect(service)
    pid = int(client.ask("pid"))
    assert pid != os.getpid()
    assert client.ask("print hello from the child") == "done"
    client.end()
    events.closed(1)
    assert events.kinds(connection=1) == [
        "connection.opened",
        "connection.data",
        "connection.data",
        "connection.data",
        "service.log",
        "connection.data",
        "connection.closed",
    ]
    said = events.wait("service.log", connection=1).data
    assert said == {"stream": "stdout", "text": "hello from the child"}
    assert events.wait("connection.data", direction="in").data["data"] == b"pid\n"
    ended = events.closed(1)
    assert ended["reason"] == "client_closed"
    assert ended["messages"] == {"in": 2, "out": 2}
    view = deck.connection(1).view()
    assert view.pid == pid
    assert view.state == "closed"
    assert (view.messages.in_, view.messages.out) == (2, 2)
    if scheme == "unix":
        assert view.peer_credentials is not None
        assert view.peer_credentials.pid == os.getpid()
    else:
        assert view.peer == client.name
    status = service.status()
    assert status.host == "process"
    assert status.bytes.in_ == ended["bytes"]["in"]
    assert status.connections.total == 1


@way
@pytest.mark.parametrize("scheme", ["udp", "unixgram"])
def test_datagrams_are_told_as_any_others(
    serve: Serve,
    connect: Connect,
    events: Transcript,
    deck: Supervisor,
    tmp_path: Path,
    scheme: str,
    way: dict[str, Any],
) -> None:
    address = "udp://127.0.0.1:0" if scheme == "udp" else f"unixgram://{tmp_path}/s"
    service = serve("upper", address, **way)
    client = connect(service, None if scheme == "udp" else "")
    for word in (b"one", b"two", b"three"):
        assert client.send(word).receive() == word.upper()
    number = events.opened(client)
    told = [
        events.wait("connection.data", connection=number, direction=direction, count=count).data
        for count in (1, 2, 3)
        for direction in ("in", "out")
    ]
    assert {data["data"] for data in told} == {b"one", b"ONE", b"two", b"TWO", b"three", b"THREE"}
    service.stop()
    assert events.closed(number)["reason"] == "service_stopped"
    status = service.status()
    assert (status.messages.in_, status.messages.out) == (3, 3)
    assert (status.bytes.in_, status.bytes.out) == (11, 11)
    assert deck.connection(number).view().messages.in_ == 3


@way
@pytest.mark.parametrize("level", ["off", "counters", "events"])
def test_at_every_level(
    serve: Serve,
    connect: Connect,
    deck: Supervisor,
    events: Transcript,
    level: str,
    way: dict[str, Any],
) -> None:
    service = serve(capture={"level": level}, **way)
    client = connect(service)
    assert client.ask("hello") == "hello"
    client.end()
    assert client.receive() == b""
    if level != "off":
        events.closed(1)
    service.stop(drain_timeout=PATIENCE_SECONDS)
    view = deck.connection(1).view()
    assert view.close_reason == "client_closed"
    seen = 0 if level == "off" else 6
    assert (view.bytes.in_, view.bytes.out) == (seen, seen)
    told = [event.data["data"] for event in events.now("connection.data")]
    assert told == ([None, None] if level == "events" else [])


def look(deck: Supervisor, service: Service, level: str) -> None:
    wanted = {**service.definition.model_dump(mode="json"), "capture": {"level": level}}
    deck.replace(service.name, ServiceDefinition.parse(wanted))


@way
def test_at_level_off_what_is_known_is_told_its_end_and_errors_are_counted(
    serve: Serve, connect: Connect, deck: Supervisor, events: Transcript, way: dict[str, Any]
) -> None:
    service = serve(capture={"level": "payload"}, **way)
    known = connect(service)
    known.ask("hello")
    number = events.opened(known)
    look(deck, service, "off")
    known.end()
    assert known.receive() == b""
    assert events.closed(number)["reason"] == "client_closed"
    seen = len(events.now())
    unknown = connect(service)
    unknown.say("raise nothing is told of this")
    unknown.rest()
    await_that(lambda: service.status().errors == 1)
    await_that(lambda: not deck.connections.open())
    assert not [event for event in events.now()[seen:] if event.kind.startswith("connection.")]
    met = connect(service)
    met.ask("hello")
    await_that(lambda: len(deck.connections.open()) == 1)
    (connection,) = deck.connections.open()
    look(deck, service, "counters")
    met.end()
    events.closed(connection.id)
    assert events.now("connection.opened", connection=connection.id) == []


def await_that(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("way", [WAYS[1], WAYS[3]], ids=["threading", "forking"])
def test_a_child_that_reads_no_orders_holds_up_nobody_for_long(
    serve: Serve, connect: Connect, deck: Supervisor, events: Transcript, way: dict[str, Any]
) -> None:
    service = serve(capture={"level": "counters"}, **way)
    host = service._host
    assert isinstance(host, ProcessHost)
    worker = psutil.Process(service.status().pids[0])
    worker.suspend()
    try:
        while host.order("close", 10_000, "close"):
            pass
        began = time.monotonic()
        look(deck, service, "payload")
        assert time.monotonic() - began < 5 * ORDER_SECONDS
        assert host._untold_level is not None
    finally:
        worker.resume()

    def told() -> bool:
        service.capture.recount()
        return host._untold_level is None

    await_that(told)
    client = connect(service)
    await_that(lambda: client.ask("hello") and events.now("connection.data", data=b"hello\n"))


@way
def test_payloads_of_any_size_and_bytes_come_home(
    serve: Serve, connect: Connect, events: Transcript, way: dict[str, Any]
) -> None:
    """Each byte may become six characters on the wire, and a packet of it has its bounds."""
    service = serve("obedient:Whole", capture={"bytes": 0}, **way)
    client = connect(service)
    size = 300_000
    for payload in (bytes(size), bytes(range(256)) * (size // 256) + b"x" * (size % 256)):
        sending = threading.Thread(target=client.send, args=(payload,))
        sending.start()
        received = bytearray()
        while len(received) < size:
            received += client.receive()
        sending.join(PATIENCE_SECONDS)
        assert received == payload
    client.end()
    number = events.opened(client)
    assert events.closed(number)["bytes"] == {"in": 2 * size, "out": 2 * size}
    told = [event.data for event in events.now("connection.data", connection=number)]
    assert [(data["direction"], data["length"]) for data in told] == [
        ("in", size),
        ("out", size),
    ] * 2
    assert all(data["truncated"] is (len(data["data"]) < size) for data in told)


# -- how they end ---------------------------------------------------------------------------------


@way
def test_the_reasons_of_an_end(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor, way: dict[str, Any]
) -> None:
    service = serve(**way)

    def reason_of(client: Client) -> str:
        return str(events.closed(events.opened(client))["reason"])

    client = connect(service)
    client.say("quit")
    assert reason_of(client) == "server_closed"

    client = connect(service)
    client.ask("hello")
    client.reset()
    number = events.wait("connection.opened", count=2).connection
    assert number is not None
    assert events.closed(number)["reason"] == "client_reset"

    client = connect(service)
    client.say("raise something")
    assert reason_of(client) == "handler_error"
    error = events.wait("connection.error", connection=events.opened(client)).data
    assert error["type"] == "ValueError"
    assert "obedient.py" in error["traceback"]

    client = connect(service)
    client.say("exit")
    assert reason_of(client) == "handler_error"

    for how in ("close", "reset"):
        client = connect(service)
        client.ask("hello")
        deck.connection(events.opened(client)).close(how=how)
        if how == "reset":
            with pytest.raises(ConnectionResetError):
                client.receive()
        else:
            assert client.receive() == b""
        assert events.closed(deck.connections.recently_closed()[-1].id)
        events.wait("connection.closed", reason="killed", count=1 if how == "close" else 2)

    client = connect(service)
    client.ask("hello")
    events.opened(client)
    service.stop(drain_timeout=0)
    assert client.receive() == b""
    assert reason_of(client) == "service_stopped"
    status = service.status()
    assert status.closed == {
        "server_closed": 1,
        "client_reset": 1,
        "handler_error": 2,
        "killed": 2,
        "service_stopped": 1,
    }
    assert status.errors >= 2
    assert status.connections.open == 0


@way
def test_what_cannot_be_loaded_fails_the_start(deck: Supervisor, way: dict[str, Any]) -> None:
    service = deck.add(name="echo", address="tcp://127.0.0.1:0", handler="obedient:Nobody", **way)
    with pytest.raises(StartFailed, match="has no class Nobody"):
        service.start()
    assert service.state == "failed"
    assert service.status().pids == []


def test_shared_state_is_refused_under_forking(deck: Supervisor) -> None:
    service = deck.add(
        name="chat", address="tcp://127.0.0.1:0", handler="chat", concurrency="forking"
    )
    with pytest.raises(StartFailed, match="keeps state that all its clients share"):
        service.start()


@way
def test_so_many_requests(
    serve: Serve, connect: Connect, events: Transcript, way: dict[str, Any]
) -> None:
    service = serve("greeting", requests=2, **way)
    for _ in range(2):
        assert connect(service).rest() == b"Thank you for connection"
    told = events.wait("service.state", state="stopped").data
    assert told["why"] == "requests"
    assert service.status().closed == {"server_closed": 2}


@way
def test_a_single_request(deck: Supervisor, events: Transcript, way: dict[str, Any]) -> None:
    service = deck.add(name="greeter", address="tcp://127.0.0.1:0", handler="greeting", **way)
    assert service.handle_request(timeout=0.05) is False
    assert service.state == "stopped"
    handled: list[bool] = []
    handling = threading.Thread(
        target=lambda: handled.append(service.handle_request(timeout=PATIENCE_SECONDS))
    )
    handling.start()
    events.wait("service.state", state="running", count=2)
    assert service.address is not None
    with Client(service.address) as client:
        assert client.rest() == b"Thank you for connection"
    handling.join(PATIENCE_SECONDS)
    assert handled == [True]
    assert service.state == "stopped"


@way
def test_a_stop_waits_for_those_who_are_being_served(
    serve: Serve, connect: Connect, events: Transcript, way: dict[str, Any]
) -> None:
    service = serve(**way)
    client = connect(service)
    client.ask("hello")
    events.opened(client)
    address = service.address
    assert address is not None
    stopping = threading.Thread(target=service.stop, args=(PATIENCE_SECONDS,))
    stopping.start()
    events.wait("service.state", state="draining")
    assert client.ask("still here") == "still here"
    client.end()
    stopping.join(PATIENCE_SECONDS)
    assert service.state == "stopped"
    assert service.status().closed == {"client_closed": 1}
    with pytest.raises(ConnectionRefusedError):
        Client(address)


@way
def test_a_stop_waits_for_one_who_has_only_just_come(
    serve: Serve, connect: Connect, events: Transcript, way: dict[str, Any]
) -> None:
    service = serve(**way)
    client = connect(service)
    client.ask("hello")
    stopping = threading.Thread(target=service.stop, args=(PATIENCE_SECONDS,))
    stopping.start()
    events.wait("service.state", state="draining")
    assert client.ask("still here") == "still here"
    client.end()
    stopping.join(PATIENCE_SECONDS)
    assert service.status().closed == {"client_closed": 1}


@way
def test_a_stop_at_once_is_the_reason_of_every_end(
    serve: Serve, connect: Connect, events: Transcript, way: dict[str, Any]
) -> None:
    service = serve(**way)
    client = connect(service)
    client.ask("hello")
    service.stop(drain_timeout=0)
    assert client.receive() == b""
    assert service.status().closed == {"service_stopped": 1}
    assert events.closed(1)["bytes"] == {"in": 6, "out": 6}


@way
def test_a_handler_that_never_returns_is_ended_with_its_process(
    serve: Serve,
    connect: Connect,
    events: Transcript,
    monkeypatch: pytest.MonkeyPatch,
    way: dict[str, Any],
) -> None:
    monkeypatch.setattr("socketdeck.service.END_GRACE_SECONDS", 0.1)
    service = serve("obedient:Stubborn", **way)
    client = connect(service)
    number = events.opened(client)
    pids = service.status().pids
    service.stop(drain_timeout=0)
    assert service.state == "stopped"
    assert events.closed(number)["reason"] == "service_stopped"
    children = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    assert psutil.wait_procs(children, timeout=PATIENCE_SECONDS)[1] == []


# -- the process itself ---------------------------------------------------------------------------


def test_it_is_pinned_to_a_core_unless_told_otherwise(serve: Serve, connect: Connect) -> None:
    every = os.sched_getaffinity(0)
    for affinity, cores in ((True, 1), (False, len(every))):
        service = serve(host="process", affinity=affinity)
        pid = int(connect(service).ask("pid"))
        assert service.status().pids == [pid]
        assert len(os.sched_getaffinity(pid)) == cores
        service.stop(drain_timeout=0)


def test_a_child_that_is_killed_is_restarted(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve(host="process", restart={"delay": 0, "maximum_delay": 0})
    client = connect(service)
    pid = int(client.ask("pid"))
    os.kill(pid, signal.SIGKILL)
    assert client.receive() == b""
    assert events.closed(1)["reason"] == "child_signalled"
    told = events.wait("service.state", state="backoff").data
    assert "SIGKILL" in told["error"]["message"]
    assert events.wait("events.dropped", source=f"process {pid}").data["count"] is None
    events.wait("service.state", state="running", count=2)
    assert int(connect(service).ask("pid")) != pid
    assert service.status().restarts == 1


def test_a_forked_child_that_is_killed_ends_its_connection_alone(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve(concurrency="forking")
    client, other = connect(service), connect(service)
    other.ask("hello")
    pid = int(client.ask("pid"))
    number = events.opened(client)
    os.kill(pid, signal.SIGKILL)
    assert events.closed(number)["reason"] == "child_signalled"
    assert "SIGKILL" in events.wait("connection.error", connection=number).data["message"]
    lost = events.wait("events.dropped", source=f"process {pid}").data
    assert lost["count"] is None, "what it had not told yet"
    assert other.ask("still here") == "still here"
    assert service.state == "running"


def test_a_forking_worker_that_is_killed_ends_with_all_its_children(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve(concurrency="forking", restart={"delay": 0, "maximum_delay": 0})
    client = connect(service)
    child = psutil.Process(int(client.ask("pid")))
    number = events.opened(client)
    os.kill(service.status().pids[0], signal.SIGKILL)
    assert client.receive() == b""
    assert events.closed(number)["reason"] == "child_signalled"
    told = events.wait("service.state", state="backoff").data
    assert "SIGKILL" in told["error"]["message"]
    assert psutil.wait_procs([child], timeout=PATIENCE_SECONDS)[1] == []
    events.wait("service.state", state="running", count=2)
    assert connect(service).ask("hello") == "hello"


@pytest.mark.parametrize("concurrency", ["threading", "forking"])
def test_a_program_that_a_handler_starts_holds_nothing_of_the_panel(
    own_folder: Path, journal: Any, connect: Connect, concurrency: str
) -> None:
    (own_folder / "launching.py").write_text(
        "import os\n"
        "from socketserver import StreamRequestHandler\n"
        "class Launching(StreamRequestHandler):\n"
        "    def handle(self):\n"
        f"        os.system('ls -l /proc/self/fd > {own_folder}/held')\n"
        "        self.wfile.write(b'done')\n"
    )
    with Supervisor(handlers_folder=own_folder, journal=journal) as deck:
        service = deck.add(
            name="launching",
            address="tcp://127.0.0.1:0",
            handler="launching:Launching",
            host="process",
            concurrency=concurrency,
        )
        service.start()
        assert connect(service).rest() == b"done"
        held = (own_folder / "held").read_text()
        assert "pipe:" in held, "what it prints to"
        assert "socket:" not in held


def test_a_stop_does_not_wait_for_a_stranger_who_holds_the_wire(
    own_folder: Path, journal: Any, connect: Connect
) -> None:
    (own_folder / "leaving.py").write_text(
        "import os, signal\n"
        "from socketserver import StreamRequestHandler\n"
        "class Leaving(StreamRequestHandler):\n"
        "    def handle(self):\n"
        "        told, tell = os.pipe()\n"
        "        pid = os.fork()\n"
        "        if not pid:\n"
        "            os.setsid()\n"
        "            os.write(tell, b'x')\n"
        "            signal.pause()\n"
        "        os.read(told, 1)\n"
        "        self.wfile.write(b'%d' % pid)\n"
        "        self.request.shutdown(1)\n"
    )
    with Supervisor(handlers_folder=own_folder, journal=journal) as deck:
        service = deck.add(
            name="leaving", address="tcp://127.0.0.1:0", handler="leaving:Leaving", host="process"
        )
        service.start()
        stranger = int(connect(service).rest())
        try:
            service.stop(drain_timeout=0)
            assert "leaving-wire" not in [thread.name for thread in threading.enumerate()]
        finally:
            os.kill(stranger, signal.SIGKILL)


@pytest.mark.parametrize("fails", ["thread", "pidfd"])
def test_a_start_that_fails_leaves_nothing_behind(
    deck: Supervisor, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    service = deck.add(name="unlucky", address="tcp://127.0.0.1:0", handler="echo", host="process")
    start = threading.Thread.start

    def unlucky(thread: threading.Thread) -> None:
        if thread.name == "unlucky-wire":
            raise RuntimeError("can't start new thread")
        start(thread)

    def none(pid: int) -> int:
        raise OSError("too many open files")

    with monkeypatch.context() as patch:
        if fails == "thread":
            patch.setattr(threading.Thread, "start", unlucky)
        else:
            patch.setattr(os, "pidfd_open", none)
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(StartFailed):
            service.start()
        assert len(os.listdir("/proc/self/fd")) == before
        assert psutil.Process().children() == []
    service.start()
    assert service.exchange(b"hello").data == b"hello"


def test_each_connection_of_a_forking_service_has_its_process(
    serve: Serve, connect: Connect, events: Transcript, deck: Supervisor
) -> None:
    service = serve(concurrency="forking")
    clients = [connect(service) for _ in range(5)]
    pids = [int(client.ask("pid")) for client in clients]
    assert len(set(pids)) == 5
    for client, pid in zip(clients, pids, strict=True):
        assert deck.connection(events.opened(client)).view().pid == pid
    assert set(pids) < set(service.status().pids)
    assert service.status().threads == 5
    for client in clients:
        client.end()
    events.wait("connection.closed", count=5)


def test_what_a_module_prints_outside_a_handler_is_told_of_the_service(
    own_folder: Path, journal: Any, events: Transcript
) -> None:
    (own_folder / "loud.py").write_text(
        "from socketserver import BaseRequestHandler\n"
        "print('loading')\n"
        "class Loud(BaseRequestHandler):\n"
        "    def handle(self): pass\n"
    )
    with Supervisor(handlers_folder=own_folder, journal=journal) as deck:
        service = deck.add(
            name="loud", address="tcp://127.0.0.1:0", handler="loud:Loud", host="process"
        )
        service.start()
        told = events.wait("service.log", service="loud", text="loading")
        assert told.connection is None


def test_two_thousand_short_connections_lose_no_event(serve: Serve, events: Transcript) -> None:
    service = serve("greeting", concurrency="forking")
    address = service.address
    assert address is not None
    each, at_once = 500, 4

    def come() -> None:
        for _ in range(each):
            with Client(address) as client:
                assert client.rest() == b"Thank you for connection"

    clients = [threading.Thread(target=come) for _ in range(at_once)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    count = each * at_once
    events.wait("connection.closed", count=count)
    by_connection: dict[int | None, list[str]] = {}
    for event in events.now(service=service.name):
        if event.connection is not None:
            by_connection.setdefault(event.connection, []).append(event.kind)
    assert len(by_connection) == count
    assert {frozenset(kinds) for kinds in by_connection.values()} == {
        frozenset({"connection.opened", "service.log", "connection.data", "connection.closed"})
    }
    assert {(kinds[0], kinds[-1]) for kinds in by_connection.values()} == {
        ("connection.opened", "connection.closed")
    }
    assert events.now("events.dropped") == []
    status = service.status()
    assert status.closed == {"server_closed": count}
    assert status.bytes.out == count * len(b"Thank you for connection")


PANEL = f"""
import sys
from pathlib import Path
from socketdeck import Supervisor

deck = Supervisor(handlers_folder=Path({str(HANDLERS)!r}))
for name, fields in (("forks", {{"concurrency": "forking"}}), ("serves", {{"host": "process"}})):
    service = deck.add(
        name=name, address="tcp://127.0.0.1:0", handler="obedient:Obedient", **fields
    )
    service.start()
    print(service.address.port, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_children_end_with_their_panel_however_it_ends(how: signal.Signals) -> None:
    panel = subprocess.Popen(
        [sys.executable, "-c", PANEL],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )
    assert panel.stdout is not None
    assert panel.stdin is not None
    try:
        ports = [int(panel.stdout.readline()) for _ in range(2)]
        clients = [Client(Address("tcp", "127.0.0.1", port)) for port in ports]
        handlers = [psutil.Process(int(client.ask("pid"))) for client in clients]
        children = psutil.Process(panel.pid).children(recursive=True)
        assert set(handlers) <= set(children)
        assert len(children) == 3, "two workers, and one that was forked"
    finally:
        panel.send_signal(how)
        panel.wait(PATIENCE_SECONDS)
        panel.stdout.close()
        panel.stdin.close()
    _, alive = psutil.wait_procs(children, timeout=PATIENCE_SECONDS)
    assert alive == []
    for client in clients:
        with client:
            assert client.receive() == b""


def test_a_stopped_services_port_is_free_though_a_child_goes_on(
    serve: Serve, connect: Connect, deck: Supervisor, events: Transcript
) -> None:
    service = serve(concurrency="forking")
    client = connect(service)
    client.ask("hello")
    events.opened(client)
    address = str(service.address)
    stopping = threading.Thread(target=service.stop, args=(PATIENCE_SECONDS,))
    stopping.start()
    events.wait("service.state", service=service.name, state="draining")
    other = deck.add(name="other", address=address, handler="greeting")
    other.start(patient=True)  # the state is told a moment before the port is given up
    assert connect(other).rest() == b"Thank you for connection"
    assert client.ask("still here") == "still here"
    client.end()
    stopping.join(PATIENCE_SECONDS)

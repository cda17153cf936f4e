"""The panel as people start it: one command, its end, and what clients may hold of it."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from app.configuration import Configuration
from app.live.door import UNKNOWN_CLIENTS
from tests.panels import ROOT, SECONDS, TOKEN, Rest, ServedPanel, connected

LIVE_CLIENTS = Configuration.from_environment({}).live_clients
WEBSOCKETS = 1000


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedPanel]:
    with ServedPanel(tmp_path / "data") as running:
        yield running


@pytest.fixture
def rest(served: ServedPanel) -> Iterator[Rest]:
    client = served.rest()
    yield client
    client.session.close()


def ended(pid: int) -> None:
    """Wait until a process is gone; fails where it stays."""
    try:
        psutil.Process(pid).wait(SECONDS)
    except psutil.NoSuchProcess:
        return


def written(data: Path, seq: int) -> None:
    """Wait until history has written down all events up to this number: a second at most."""
    deadline = time.monotonic() + SECONDS
    with contextlib.closing(sqlite3.connect(data / "socketdeck.db")) as database:
        while time.monotonic() < deadline:
            (last,) = database.execute("SELECT max(last_seq) FROM event_batches").fetchone()
            if last is not None and last >= seq:
                return
            os.sched_yield()
    raise AssertionError(f"history has not written event {seq}")


def port_of(served: ServedPanel) -> int:
    return int(served.url.rpartition(":")[2])


def handshake(port: int, headers: str = "") -> bytes:
    return (
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{headers}"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def frame(text: bytes) -> bytes:
    """A short text, as a WebSocket's client sends it (RFC 6455, 5.2), masked with zeroes."""
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


def until_connected(client: socket.socket) -> bool:
    """Read until Socket.IO says whether the namespace took it; whether it did."""
    seen = b""
    while piece := client.recv(4096):
        seen += piece
        if b"40/live," in seen or b"44/live," in seen:
            return b"40/live," in seen
    return False


# -- its start --------------------------------------------------------------------------------


def test_it_says_where_it_is_and_how_to_sign_in(served: ServedPanel) -> None:
    assert served.said[0] == f"Socketdeck serves {served.url}/\n"
    with requests.Session() as visitor:
        assert visitor.get(served.link, timeout=SECONDS).url == f"{served.url}/"
        assert visitor.get(f"{served.url}/services/echo", timeout=SECONDS).status_code == 200
    assert TOKEN not in "".join(served.said)


def refused(data: Path, **settings: str) -> str:
    """Start a panel that cannot be; the one sentence that it says."""
    environment = {
        **os.environ,
        "SOCKETDECK_PORT": "0",
        "SOCKETDECK_DATA": str(data),
        **{f"SOCKETDECK_{name}": value for name, value in settings.items()},
    }
    done = subprocess.run(
        [sys.executable, "-m", "app"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refused(tmp_path / "data", PORT=str(port))
    assert f"127.0.0.1:{port}: it is in use by python" in said
    assert f"pid {os.getpid()}" in said
    assert "SOCKETDECK_PORT" in said


def test_a_panel_that_runs_already_is_told_as_that(served: ServedPanel, tmp_path: Path) -> None:
    said = refused(tmp_path / "data", PORT=str(port_of(served)))
    assert f"it runs already, process {served.worker} at {served.url}/" in said


def test_a_data_folder_in_use_is_one_sentence(served: ServedPanel, tmp_path: Path) -> None:
    said = refused(tmp_path / "data")
    assert f"in use by another panel, process {served.worker} at {served.url}/" in said


@pytest.mark.parametrize("host", ["192.0.2.1", "nobody.invalid"])
def test_a_host_that_is_not_this_machines(tmp_path: Path, host: str) -> None:
    said = refused(tmp_path / "data", HOST=host)
    assert host in said
    assert "choose another in SOCKETDECK_HOST" in said


def test_folders_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for setting in ("HANDLERS", "DATA"):
        said = refused(tmp_path / "data", **{setting: str(file)})
        assert f"folder {file} cannot be used: it is no folder" in said
        assert f"name another in SOCKETDECK_{setting}" in said


def test_a_database_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("a letter, or any other text, but no database: " * 100)
    said = refused(tmp_path / "data", DATABASE=f"sqlite:///{file}")
    assert f"the database {file} cannot be used: file is not a database; move the file away" in said


@pytest.mark.parametrize("setting", ["PORT", "HOST", "TOKEN"])
def test_bad_settings_are_told(tmp_path: Path, setting: str) -> None:
    environment = {
        **os.environ,
        "SOCKETDECK_DATA": str(tmp_path / "data"),
        f"SOCKETDECK_{setting}": "not good",
    }
    done = subprocess.run(
        [sys.executable, "-m", "app"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 1
    assert f"SOCKETDECK_{setting}" in done.stderr
    assert not (tmp_path / "data").exists()


# -- its end ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP])
def test_a_signal_ends_all_of_it(served: ServedPanel, rest: Rest, number: signal.Signals) -> None:
    one = rest.start("one", drain_timeout=0)["status"]["address"]
    child = rest.start("child", host="process", drain_timeout=0)["status"]
    pids = [served.worker, *child["pids"]]
    with (
        connected(one) as peer,
        connected(child["address"]) as other,
        rest.follow() as events,
        socket.create_connection(("127.0.0.1", port_of(served))) as silent,
    ):
        silent.sendall(handshake(port_of(served)))
        assert silent.recv(12) == b"HTTP/1.1 101"
        for client in (peer, other):
            client.sendall(b"x")
            assert client.recv(1) == b"x"
        began = time.monotonic()
        status, said, complaints = served.end(number)
        took = time.monotonic() - began
        assert (status, said, complaints) == (0, "", ""), "nobody is waited for"
        assert took < 10, "no drain was asked for"
        assert peer.recv(1) == b""
        with pytest.raises(AssertionError, match="the stream ended"):
            events.until_kind("nothing")
    for pid in pids:
        ended(pid)


def test_ctrl_c_in_a_terminal(served: ServedPanel, rest: Rest) -> None:
    """A terminal sends the signal to the whole group: it is one request, and drains are kept."""
    address = rest.start("one", drain_timeout=60)["status"]["address"]
    with connected(address) as peer, rest.follow(service="one") as events:
        peer.sendall(b"x")
        assert peer.recv(1) == b"x"
        os.killpg(served.process.pid, signal.SIGINT)
        events.until(lambda event: event["data"].get("state") == "draining")
        peer.sendall(b"y")
        assert peer.recv(1) == b"y"
        # The same again is for whoever does not want to wait.
        os.killpg(served.process.pid, signal.SIGINT)
        assert peer.recv(1) == b""
    out, err = served.process.communicate(timeout=SECONDS)
    assert (served.process.returncode, err) == (0, "")
    assert out == "Waiting for 1 open connection, 10 s at most; Ctrl-C again closes it.\n"


@pytest.mark.parametrize("victim", ["arbiter", "worker"])
def test_either_process_ends_with_the_other(served: ServedPanel, rest: Rest, victim: str) -> None:
    child = rest.start("child", host="process", drain_timeout=0)["status"]["pids"]
    forking = rest.start("forks", concurrency="forking", drain_timeout=0)["status"]["pids"]
    worker = served.worker
    os.kill(served.process.pid if victim == "arbiter" else worker, signal.SIGKILL)
    assert served.process.wait(SECONDS) != 0
    for pid in (worker, *child, *forking):
        ended(pid)


def test_it_comes_back_after_kill_9(tmp_path: Path) -> None:
    with ServedPanel(tmp_path / "data") as first:
        rest = first.rest()
        port = rest.start("fixed")["status"]["address"].rpartition(":")[2]
        rest.patch("/services/fixed", json={"address": f"tcp://127.0.0.1:{port}"})
        rest.post("/services/fixed/restart")
        rest.start("child", host="process")
        rest.start("stopped")
        rest.post("/services/stopped/stop")
        with (
            connected(rest.service("fixed")["status"]["address"]) as peer,
            rest.follow(service="fixed") as events,
        ):
            peer.sendall(b"x")
            assert peer.recv(1) == b"x"
            (was_open,) = rest.get("/connections", params={"service": "fixed"}).json()["items"]
            last = events.until(lambda event: event["data"].get("direction") == "out")["seq"]
            written(tmp_path / "data", last)
            rest.session.close()
            first.kill_all()
    with ServedPanel(tmp_path / "data") as second:
        rest = second.rest()
        with rest.follow(after=last) as events:
            waiting = {"fixed", "child"}
            while waiting:
                event = events.until(lambda event: event["data"].get("state") == "running")
                waiting.discard(event["service"])
        kinds = [event["kind"] for event in events.seen]
        assert kinds[0] == "events.dropped"
        assert events.seen[0]["data"]["count"] is None
        closed = [event for event in events.seen if event["kind"] == "connection.closed"]
        assert [event["connection"] for event in closed] == [was_open["id"]]
        assert closed[0]["data"]["reason"] == "panel_restarted"
        seqs = [event["seq"] for event in events.seen]
        assert seqs == sorted(set(seqs))
        assert seqs[0] > last
        found = rest.get(f"/connections/{was_open['id']}").json()
        assert (found["state"], found["close_reason"]) == ("closed", "panel_restarted")
        assert rest.get("/readyz").status_code == 200
        states = {
            service["name"]: service["status"]["state"]
            for service in rest.get("/services").json()["items"]
        }
        assert states["stopped"] == "stopped"
        with connected(f"tcp://127.0.0.1:{port}") as peer:
            peer.sendall(b"x")
            assert peer.recv(1) == b"x"
            (now,) = rest.get("/connections", params={"service": "fixed"}).json()["items"]
        assert now["id"] > was_open["id"]
        rest.session.close()


# -- what clients may hold --------------------------------------------------------------------


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """A thousand sockets are more than the usual limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_descriptors")
def test_idle_websockets(served: ServedPanel, rest: Rest) -> None:
    port = port_of(served)
    clients = []
    for _ in range(WEBSOCKETS):
        client = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        client.sendall(handshake(port))
        clients.append(client)
    assert rest.get("/services").status_code == 200
    answers = [client.recv(12) for client in clients]
    assert rest.get("/services").status_code == 200
    assert answers.count(b"HTTP/1.1 101") == UNKNOWN_CLIENTS
    assert answers.count(b"HTTP/1.1 503") == WEBSOCKETS - UNKNOWN_CLIENTS
    # Those who got in and say nothing are shown out.
    for client, answer in zip(clients, answers, strict=True):
        if answer.endswith(b"101"):
            while client.recv(4096):
                pass
        client.close()


@pytest.mark.usefixtures("many_descriptors")
def test_live_links_of_somebody_who_is_signed_in(served: ServedPanel, rest: Rest) -> None:
    """So many are kept open, idle; the others are refused, and requests answered all the while."""
    port = port_of(served)
    with requests.Session() as visitor:
        visitor.post(f"{served.url}/api/v1/session", json={"token": TOKEN}, timeout=SECONDS)
        ((name, value),) = visitor.cookies.items()
    sent = handshake(port, f"Cookie: {name}={value}\r\n")
    with contextlib.ExitStack() as clients:
        taken = 0
        for _ in range(WEBSOCKETS):
            client = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
            clients.enter_context(client)
            client.sendall(sent)
            if client.recv(12) == b"HTTP/1.1 101":
                client.sendall(frame(b"40/live,"))
                taken += until_connected(client)
        assert taken == LIVE_CLIENTS
        for _ in range(20):
            assert rest.get("/services").status_code == 200


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: 127"])
def test_clients_that_send_no_whole_head(served: ServedPanel, rest: Rest, begun: bytes) -> None:
    clients = []
    for _ in range(400):
        client = socket.create_connection(("127.0.0.1", port_of(served)), timeout=SECONDS)
        client.sendall(begun)
        clients.append(client)
        if len(clients) % 100 == 0:
            assert rest.get("/services").status_code == 200
    # The oldest of them made way.
    assert clients[0].recv(1) == b""
    for client in clients:
        client.close()


def unfinished(port: int, framing: str, body: bytes) -> bytes:
    """A request to create a service, as far as it comes: the body is one, its framing says more."""
    return (
        f"POST /api/v1/services?start=true HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
    ).encode() + body


def answer_of(client: socket.socket) -> bytes:
    """All that comes until the panel closes."""
    answer = b""
    while piece := client.recv(4096):
        answer += piece
    return answer


CREATION = b'{"name":"half","handler":"echo","address":"tcp://127.0.0.1:0"}'


def test_clients_that_send_no_whole_body(served: ServedPanel, rest: Rest) -> None:
    port = port_of(served)
    clients = []
    for _ in range(400):
        client = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        client.sendall(unfinished(port, "Content-Length: 1000", CREATION))
        clients.append(client)
    assert rest.post("/services/echo/stop", json={}).status_code == 200
    # The oldest of them, which was waited for in vain, was told that its body is none.
    assert clients[0].recv(12) == b"HTTP/1.1 400"
    assert rest.get("/services/half").status_code == 404
    for client in clients:
        client.close()
    assert rest.get("/services/half").status_code == 404


@pytest.mark.parametrize(
    ("framing", "body", "said"),
    [
        ("Content-Length: 200", CREATION, b"broke off"),
        ("Transfer-Encoding: chunked", b"%x\r\n%s\r\n" % (len(CREATION), CREATION), b"broke off"),
        ("Transfer-Encoding: chunked", b"%x\r\n%s" % (len(CREATION), CREATION), b"not chunked"),
        ("Transfer-Encoding: chunked", b"zz\r\n" + CREATION, b"not chunked"),
    ],
)
def test_a_body_that_breaks_off_or_is_badly_chunked(
    served: ServedPanel, rest: Rest, framing: str, body: bytes, said: bytes
) -> None:
    port = port_of(served)
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
        client.sendall(unfinished(port, framing, body))
        client.shutdown(socket.SHUT_WR)
        answer = answer_of(client)
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert said in answer
    assert rest.get("/services/half").status_code == 404
    rest.session.close()
    assert served.end()[2] == "", "this is no fault of the panel"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n", 400),
        (b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nA: " + b"x" * 10_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 100_000, 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ],
)
def test_what_is_no_request(served: ServedPanel, rest: Rest, sent: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", port_of(served)), timeout=SECONDS) as client:
        client.sendall(sent)
        answer = b""
        while piece := client.recv(4096):
            answer += piece
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:200]
    assert b"application/problem+json" in answer
    assert rest.get("/services").status_code == 200


def test_requests_one_after_the_other_on_one_connection(served: ServedPanel) -> None:
    request = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port_of(served)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port_of(served)), timeout=SECONDS) as client:
        client.sendall(request * 3)  # pipelined (RFC 9112, 9.3.2)
        answer = b""
        while answer.count(b'{"status":"ok"}') < 3:
            piece = client.recv(4096)
            assert piece, answer
            answer += piece
        client.sendall(request[:20])
        client.sendall(request[20:])
        assert client.recv(12) == b"HTTP/1.1 200"

"""What socketserver promises, kept by its managed classes: used as plain socketserver is used.

The cases are those of CPython's `test.test_socketserver`, which is not installed everywhere.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import signal
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from socketdeck import Journal, managed

from .client import PATIENCE_SECONDS
from .transcript import Transcript

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")

MIX_INS: dict[str, tuple[type, ...]] = {
    "plain": (),
    "threading": (socketserver.ThreadingMixIn,),
    "forking": (socketserver.ForkingMixIn,),
}
BASES: list[Any] = [
    socketserver.TCPServer,
    socketserver.UDPServer,
    socketserver.UnixStreamServer,
    socketserver.UnixDatagramServer,
]
Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Makes a server of a managed class, and serves in a thread until the end of the test."""
    names = itertools.count()
    with contextlib.ExitStack() as running:

        def start(
            base: Any,
            handler: Any,
            mix_in: str = "plain",
            journal: Journal | None = None,
            **body: Any,
        ) -> Any:
            made = type("Server", (*MIX_INS[mix_in], base), body)
            unix = base.address_family == socket.AF_UNIX
            address: Any = str(tmp_path / f"{next(names)}") if unix else ("127.0.0.1", 0)
            server = managed(made, journal=journal)(address, handler)
            serving = threading.Thread(target=server.serve_forever)
            serving.start()
            if unix:
                running.callback(os.unlink, address)  # socketserver leaves it where it is
            running.callback(server.server_close)
            running.callback(serving.join, PATIENCE_SECONDS)
            running.callback(server.shutdown)
            return server

        yield start


def connection_to(server: Any) -> socket.socket:
    """A client of a TCP server."""
    return socket.create_connection(server.server_address, timeout=PATIENCE_SECONDS)


def talk(server: Any, line: bytes, tmp_path: Path) -> bytes:
    """Send a line and give what comes back."""
    with socket.socket(server.address_family, server.socket_type) as client:
        client.settimeout(PATIENCE_SECONDS)
        if server.address_family == socket.AF_UNIX and server.socket_type == socket.SOCK_DGRAM:
            client.bind(str(tmp_path / f"client-{client.fileno()}"))
        try:
            client.connect(server.server_address)
            client.sendall(line)
            return client.recv(100)
        finally:
            if isinstance(name := client.getsockname(), str) and name:
                os.unlink(name)


class StreamLine(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(self.rfile.readline())


class DatagramLine(socketserver.DatagramRequestHandler):
    def handle(self) -> None:
        self.wfile.write(self.rfile.readline())


@pytest.mark.parametrize("mix_in", MIX_INS)
@pytest.mark.parametrize("base", BASES)
def test_a_line_comes_back(run: Run, tmp_path: Path, base: Any, mix_in: str) -> None:
    stream = base.socket_type == socket.SOCK_STREAM
    server = run(base, StreamLine if stream else DatagramLine, mix_in)
    for number in range(3):
        line = b"hello world %d\n" % number
        assert talk(server, line, tmp_path) == line


@pytest.mark.parametrize("mix_in", MIX_INS)
def test_a_closed_server_has_no_socket_and_no_children(run: Run, mix_in: str) -> None:
    server = run(socketserver.TCPServer, StreamLine, mix_in)
    server.shutdown()
    server.server_close()
    assert server.socket.fileno() == -1
    assert not getattr(server, "active_children", None)


def test_shutdown_ends_a_server_that_has_only_just_begun() -> None:
    server_class = managed(socketserver.TCPServer)
    for _ in range(50):
        with server_class(("127.0.0.1", 0), StreamLine) as server:
            serving = threading.Thread(target=server.serve_forever)
            serving.start()
            server.shutdown()
            serving.join(PATIENCE_SECONDS)
            assert not serving.is_alive()


def test_a_server_can_serve_again_after_a_shutdown(run: Run, tmp_path: Path) -> None:
    server = run(socketserver.TCPServer, StreamLine)
    for _ in range(3):
        assert talk(server, b"again\n", tmp_path) == b"again\n"
        server.shutdown()
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
    assert talk(server, b"again\n", tmp_path) == b"again\n"
    server.shutdown()
    serving.join(PATIENCE_SECONDS)


def test_a_server_that_never_served_can_be_closed() -> None:
    server_class = managed(socketserver.ThreadingTCPServer)
    server_class(("127.0.0.1", 0), StreamLine).server_close()
    with server_class(("127.0.0.1", 0), StreamLine) as server:
        pass
    assert server.socket.fileno() == -1


def test_a_failed_bind_leaves_nothing_open() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with pytest.raises(OverflowError):
            managed(socketserver.TCPServer)(("127.0.0.1", -1), StreamLine)
    assert len(os.listdir("/proc/self/fd")) == before


# -- what a handler raises ------------------------------------------------------------------------


class Bad(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        raise self.server.raises("test")  # type: ignore[attr-defined]


def serve_one_bad(
    raises: type[BaseException], mix_in: str, log: Path, journal: Journal | None = None
) -> list[str]:
    """Handle one request whose handler raises; what the server's hooks wrote down."""

    class Server(*MIX_INS[mix_in], socketserver.TCPServer):  # type: ignore[misc]
        def handle_error(self, request: Any, client_address: Any) -> None:
            with log.open("a") as file:
                file.write("handled\n")

        def close_request(self, request: Any) -> None:
            super().close_request(request)
            with log.open("a") as file:
                file.write("closed\n")

    server = managed(Server, journal=journal)(("127.0.0.1", 0), Bad)
    server.raises = raises
    try:
        with connection_to(server):
            server.handle_request()
    finally:
        server.server_close()
    return log.read_text().splitlines()


@pytest.mark.parametrize("mix_in", MIX_INS)
def test_an_exception_is_handled_by_the_server(tmp_path: Path, mix_in: str) -> None:
    written = serve_one_bad(ValueError, mix_in, tmp_path / "log")
    assert written.count("handled") == 1
    assert "closed" in written


def test_an_exit_ends_a_plain_server(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        serve_one_bad(SystemExit, "plain", tmp_path / "log")
    assert (tmp_path / "log").read_text() == "closed\n"


def test_an_exit_ends_a_handlers_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unhandled: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: unhandled.append(args.exc_type))
    assert serve_one_bad(SystemExit, "threading", tmp_path / "log") == ["closed"]
    assert unhandled == [SystemExit]


def test_an_exit_ends_a_child(tmp_path: Path) -> None:
    assert "handled" not in serve_one_bad(SystemExit, "forking", tmp_path / "log")


@pytest.mark.parametrize("mix_in", ["plain", "threading"])
def test_an_exit_of_a_watched_handler_ends_its_request_alone(
    tmp_path: Path, mix_in: str, journal: Journal, events: Transcript
) -> None:
    assert serve_one_bad(SystemExit, mix_in, tmp_path / "log", journal) == ["closed"]
    events.wait("connection.error", type="SystemExit")
    events.wait("connection.closed", reason="handler_error")


# -- the files of a stream handler ----------------------------------------------------------------


def test_the_files_of_a_handler_are_those_of_its_socket() -> None:
    seen: dict[str, Any] = {}

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            seen["buffered"] = isinstance(self.wfile, io.BufferedIOBase)
            seen["same"] = self.wfile.fileno() == self.request.fileno() == self.rfile.fileno()

    with managed(socketserver.TCPServer)(("127.0.0.1", 0), Handler) as server:
        connection_to(server).close()
        server.handle_request()
    assert seen == {"buffered": True, "same": True}


def test_a_write_is_whole_though_signals_interrupt_it() -> None:
    size = 4 << 20
    written: list[int] = []
    interrupted = threading.Event()
    received: list[int] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            written.append(self.wfile.write(b"ready\n"))  # seen at once, without a flush
            assert self.rfile.readline() == b"go\n"
            written.append(self.wfile.write(bytes(size)))

    before = signal.signal(signal.SIGUSR1, lambda *_: interrupted.set())
    main = threading.get_ident()

    def client(address: Any) -> None:
        with socket.create_connection(address) as connected, connected.makefile("rb") as reader:
            assert reader.readline() == b"ready\n"
            connected.sendall(b"go\n")
            count = len(reader.read(100))
            while True:  # the server is in the midst of a send, or soon will be
                signal.pthread_kill(main, signal.SIGUSR1)
                if interrupted.wait(1):
                    break
            received.append(count + len(reader.read()))

    try:
        with managed(socketserver.TCPServer)(("127.0.0.1", 0), Handler) as server:
            talking = threading.Thread(target=client, args=(server.server_address,))
            talking.start()
            server.handle_request()
            talking.join(PATIENCE_SECONDS)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert written == [len(b"ready\n"), size]
    assert received == [size]


# -- the hooks of a server ------------------------------------------------------------------------


def test_handle_request_gives_up_after_the_servers_timeout() -> None:
    class Server(socketserver.TCPServer):
        timeout: Any = 0.01
        timed_out = 0

        def handle_timeout(self) -> None:
            self.timed_out += 1

    with managed(Server)(("127.0.0.1", 0), StreamLine) as server:
        server.handle_request()
        assert server.timed_out == 1
        server.timeout = None
        server.socket.settimeout(0.01)
        server.handle_request()
        assert server.timed_out == 2


def test_a_request_that_is_not_verified_is_shut_down() -> None:
    class Server(socketserver.TCPServer):
        shut_down = 0

        def verify_request(self, request: Any, client_address: Any) -> bool:
            return False

        def shutdown_request(self, request: Any) -> None:
            self.shut_down += 1
            super().shutdown_request(request)

    with managed(Server)(("127.0.0.1", 0), StreamLine) as server:
        connection_to(server).close()
        server.handle_request()
        assert server.shut_down == 1


def test_who_is_not_verified_is_told_as_rejected(
    run: Run, journal: Journal, events: Transcript
) -> None:
    server = run(
        socketserver.TCPServer, StreamLine, journal=journal, verify_request=lambda *_: False
    )
    with connection_to(server) as client:
        assert client.recv(1) == b""
        host, port = client.getsockname()
        events.wait("connection.rejected", reason="rejected_handler", peer=f"{host}:{port}")
    assert events.kinds() == ["connection.rejected"]


def test_service_actions_come_at_intervals_and_after_each_request(run: Run, tmp_path: Path) -> None:
    acted = threading.Semaphore(0)
    server = run(socketserver.TCPServer, StreamLine, service_actions=lambda self: acted.release())
    assert talk(server, b"x\n", tmp_path) == b"x\n"
    for _ in range(2):
        assert acted.acquire(timeout=PATIENCE_SECONDS)


def test_threads_that_have_ended_are_not_kept() -> None:
    with managed(socketserver.ThreadingTCPServer)(("127.0.0.1", 0), StreamLine) as server:
        for _ in range(10):
            with connection_to(server):
                server.handle_request()
        assert len(server._threads) < 10  # type: ignore[attr-defined]


def test_a_server_of_ones_own_without_a_socket() -> None:
    """`BaseServer` asks for a `fileno` and a `get_request`, and for no socket."""
    read, write = os.pipe()
    lines: list[bytes] = []

    class Pipe(socketserver.BaseServer):
        def fileno(self) -> int:
            return read

        def get_request(self) -> tuple[bytes, str]:
            return os.read(read, 100), "pipe"

        def finish_request(self, request: Any, client_address: Any) -> None:
            lines.append(request)
            if request == b"end":
                threading.Thread(target=self.shutdown).start()

    server = managed(Pipe)("pipe", socketserver.BaseRequestHandler)
    os.write(write, b"end")
    server.serve_forever()
    assert lines == [b"end"]
    server.server_close()
    os.close(read)
    os.close(write)


def test_a_request_may_be_no_socket_and_its_address_anything(
    run: Run, journal: Journal, events: Transcript
) -> None:
    """What a server's own `get_request` makes of a connection is its handler's alone."""
    handled: list[Any] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            handled.append((self.request.recv(10), self.client_address))

    class Wrapped:
        def __init__(self, wrapped: socket.socket) -> None:
            self._wrapped = wrapped

        def __getattr__(self, name: str) -> Any:
            return getattr(self._wrapped, name)

    def get_request(self: Any) -> tuple[Any, Any]:
        accepted, _ = self.socket.accept()
        return Wrapped(accepted), {"any": "thing"}

    server = run(socketserver.TCPServer, Handler, journal=journal, get_request=get_request)
    with connection_to(server) as client:
        client.sendall(b"hello")
        assert client.recv(1) == b""
    assert handled == [(b"hello", {"any": "thing"})]

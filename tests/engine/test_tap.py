"""The tapped socket: it is a socket in every way, and counts all that moves through it."""

from __future__ import annotations

import array
import contextlib
import fcntl
import io
import os
import selectors
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from socketdeck import Connection, Supervisor

from .client import PATIENCE_SECONDS, Client
from .conftest import Connect, Serve
from .transcript import Transcript

LEVELS = ["off", "counters", "events", "payload"]
HELLO = b"hello, world"


class Borrowed(NamedTuple):
    """One conversation with its server's end in the test's hands."""

    request: socket.socket
    client: Client
    connection: Connection


Borrow = Callable[..., Borrowed]


@pytest.fixture
def borrow(
    serve: Serve,
    connect: Connect,
    deck: Supervisor,
    loaded: Any,
    release: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> Borrow:
    """Connects to a service whose handler lends its request to the test.

    The taps count, as where no kernel does; what it counts is seen in `test_capture`.
    """
    monkeypatch.setattr("socketdeck.kernel.counts_bytes", lambda: False)

    def make(level: str = "payload", address: str = "tcp://127.0.0.1:0", size: int = 0) -> Borrowed:
        service = serve(
            "obedient:Lender", address, capture={"level": level, "bytes": size}, drain_timeout=0
        )
        client = connect(service)
        request = loaded("obedient").lent.get(timeout=PATIENCE_SECONDS)
        (connection,) = (
            found for found in deck.connections.open() if found.service == service.name
        )
        return Borrowed(request, client, connection)

    return make


@pytest.fixture
def borrowed(borrow: Borrow) -> Borrowed:
    return borrow()


def data_events(events: Transcript, connection: Connection) -> list[tuple[str, bytes | None, int]]:
    found = events.now("connection.data", connection=connection.id)
    return [(seen.data["direction"], seen.data["data"], seen.data["length"]) for seen in found]


# -- in -------------------------------------------------------------------------------------------


def by_recv(request: socket.socket) -> bytes:
    return request.recv(100)


def by_recv_exactly(request: socket.socket) -> bytes:
    return request.recv(len(HELLO), socket.MSG_WAITALL)


def by_recv_into(request: socket.socket) -> bytes:
    buffer = bytearray(100)
    return bytes(buffer[: request.recv_into(buffer)])


def by_recv_into_part(request: socket.socket) -> bytes:
    buffer = array.array("I", bytes(400))
    count = request.recv_into(buffer, 100)
    return buffer.tobytes()[:count]


def by_recvfrom(request: socket.socket) -> bytes:
    return request.recvfrom(100)[0]


def by_recvfrom_into(request: socket.socket) -> bytes:
    buffer = memoryview(bytearray(100))
    return bytes(buffer[: request.recvfrom_into(buffer)[0]])


def by_recvmsg(request: socket.socket) -> bytes:
    return request.recvmsg(100, 64)[0]


def by_recvmsg_into(request: socket.socket) -> bytes:
    parts = [bytearray(5), bytearray(50)]
    length = request.recvmsg_into(parts)[0]
    return b"".join(parts)[:length]


def by_buffered_file(request: socket.socket) -> bytes:
    with request.makefile("rb") as file:
        return file.read(len(HELLO))


def by_raw_file(request: socket.socket) -> bytes:
    with request.makefile("rb", buffering=0) as file:
        return file.read(100) or b""


def by_text_file(request: socket.socket) -> bytes:
    with request.makefile("r", encoding="ascii") as file:
        return file.read(len(HELLO)).encode()


WAYS_IN = [
    by_recv,
    by_recv_exactly,
    by_recv_into,
    by_recv_into_part,
    by_recvfrom,
    by_recvfrom_into,
    by_recvmsg,
    by_recvmsg_into,
    by_buffered_file,
    by_raw_file,
    by_text_file,
]


@pytest.mark.parametrize("read", WAYS_IN)
@pytest.mark.parametrize("level", LEVELS)
def test_what_comes_in_is_counted(
    borrow: Borrow, events: Transcript, level: str, read: Callable[[socket.socket], bytes]
) -> None:
    request, client, connection = borrow(level)
    client.send(HELLO)
    assert read(request) == HELLO
    if level == "off":
        assert (connection.bytes_in, connection.messages_in) == (0, 0)
    else:
        assert (connection.bytes_in, connection.messages_in) == (len(HELLO), 1)
    told = {"payload": [("in", HELLO, len(HELLO))], "events": [("in", None, len(HELLO))]}
    assert data_events(events, connection) == told.get(level, [])
    assert (connection.bytes_out, connection.messages_out) == (0, 0)


@pytest.mark.parametrize("read", WAYS_IN)
def test_the_peers_end_is_seen_however_it_is_read(
    borrowed: Borrowed,
    events: Transcript,
    release: Callable[[], None],
    read: Callable[[socket.socket], bytes],
) -> None:
    request, client, connection = borrowed
    client.end()
    assert read(request) == b""
    assert (connection.bytes_in, connection.messages_in) == (0, 0)
    release()
    assert events.closed(connection.id)["reason"] == "client_closed"


@pytest.mark.parametrize("read", [by_recv, by_recv_into, by_recvfrom, by_recvmsg])
def test_a_reset_is_seen_however_it_is_read(
    borrowed: Borrowed,
    events: Transcript,
    release: Callable[[], None],
    read: Callable[[socket.socket], bytes],
) -> None:
    request, client, connection = borrowed
    client.reset()
    with pytest.raises(ConnectionResetError):
        read(request)
    release()
    assert events.closed(connection.id)["reason"] == "client_reset"


@pytest.mark.parametrize(
    "peek",
    [
        lambda request: request.recv(100, socket.MSG_PEEK),
        lambda request: request.recv_into(bytearray(100), 0, socket.MSG_PEEK),
        lambda request: request.recvfrom(100, socket.MSG_PEEK),
        lambda request: request.recvfrom_into(bytearray(100), 0, socket.MSG_PEEK),
        lambda request: request.recvmsg(100, 0, socket.MSG_PEEK),
        lambda request: request.recvmsg_into([bytearray(100)], 0, socket.MSG_PEEK),
        lambda request: request.recv(100, socket.MSG_PEEK | socket.MSG_DONTWAIT),
    ],
)
@pytest.mark.parametrize("level", LEVELS[1:])
def test_a_peek_is_not_a_read(
    borrow: Borrow, events: Transcript, level: str, peek: Callable[[socket.socket], Any]
) -> None:
    request, client, connection = borrow(level)
    client.send(HELLO)
    assert request.recv(100, socket.MSG_PEEK) == HELLO
    peek(request)
    assert (connection.bytes_in, connection.messages_in) == (0, 0)
    assert data_events(events, connection) == []
    assert request.recv(100) == HELLO
    assert (connection.bytes_in, connection.messages_in) == (len(HELLO), 1)


def test_reading_nothing_is_not_the_end(
    borrowed: Borrowed, events: Transcript, release: Callable[[], None]
) -> None:
    request, client, connection = borrowed
    client.send(HELLO)
    assert request.recv(0) == b""
    assert request.recv_into(bytearray()) == 0
    assert request.recvmsg(0)[0] == b""
    assert request.recv(100) == HELLO
    release()
    assert events.closed(connection.id)["reason"] == "server_closed"


def test_nothing_there_yet_is_no_event(
    borrowed: Borrowed, events: Transcript, release: Callable[[], None]
) -> None:
    request, _, connection = borrowed
    request.setblocking(False)
    for read in (by_recv, by_recv_into, by_recvfrom, by_recvmsg, by_recvmsg_into):
        with pytest.raises(BlockingIOError):
            read(request)
    request.settimeout(0.01)
    with pytest.raises(TimeoutError):
        request.recv(1)
    assert connection.messages_in == 0
    release()
    assert events.closed(connection.id)["reason"] == "server_closed"


# -- out ------------------------------------------------------------------------------------------


def by_send(request: socket.socket) -> None:
    assert request.send(HELLO) == len(HELLO)


def by_sendall(request: socket.socket) -> None:
    request.sendall(HELLO)


def by_sendall_of_a_bytearray(request: socket.socket) -> None:
    request.sendall(bytearray(HELLO))


def by_sendall_of_words(request: socket.socket) -> None:
    request.sendall(memoryview(array.array("I", HELLO)))


def by_send_of_a_slice(request: socket.socket) -> None:
    assert request.send(memoryview(b"<" + HELLO + b">")[1:-1]) == len(HELLO)


def by_sendto(request: socket.socket) -> None:
    request.sendto(HELLO, request.getpeername())


def by_sendmsg(request: socket.socket) -> None:
    request.sendmsg([HELLO[:5], bytearray(HELLO[5:])])


def by_sendmsg_of_words(request: socket.socket) -> None:
    request.sendmsg(iter([array.array("I", HELLO)]), [], 0)


def by_file(request: socket.socket) -> None:
    with request.makefile("wb") as file:
        file.write(HELLO)


def by_text_out(request: socket.socket) -> None:
    with request.makefile("w") as file:
        file.write(HELLO.decode())


WAYS_OUT = [
    by_send,
    by_sendall,
    by_sendall_of_a_bytearray,
    by_sendall_of_words,
    by_send_of_a_slice,
    by_sendto,
    by_sendmsg,
    by_sendmsg_of_words,
    by_file,
    by_text_out,
]


@pytest.mark.parametrize("write", WAYS_OUT)
@pytest.mark.parametrize("level", LEVELS)
def test_what_goes_out_is_counted(
    borrow: Borrow, events: Transcript, level: str, write: Callable[[socket.socket], None]
) -> None:
    request, client, connection = borrow(level)
    write(request)
    assert client.receive() == HELLO
    if level == "off":
        assert (connection.bytes_out, connection.messages_out) == (0, 0)
    else:
        assert (connection.bytes_out, connection.messages_out) == (len(HELLO), 1)
    told = {"payload": [("out", HELLO, len(HELLO))], "events": [("out", None, len(HELLO))]}
    assert data_events(events, connection) == told.get(level, [])


@pytest.mark.parametrize("count", [None, 5_000])
@pytest.mark.parametrize("level", LEVELS)
def test_a_file_that_is_sent_is_counted(
    borrow: Borrow, tmp_path: Path, level: str, count: int | None
) -> None:
    request, client, connection = borrow(level)
    content = os.urandom(20_000)
    (tmp_path / "file").write_bytes(content)
    with (tmp_path / "file").open("rb") as file:
        length = request.sendfile(file, 100, count)
    assert length == (count or len(content) - 100)
    request.shutdown(socket.SHUT_WR)
    assert client.rest() == content[100 : 100 + length]
    assert connection.bytes_out == (0 if level == "off" else length)


def test_a_file_that_the_kernel_cannot_send_is_counted_once(borrowed: Borrowed) -> None:
    request, client, connection = borrowed
    content = os.urandom(20_000)
    assert request.sendfile(io.BytesIO(content)) == len(content)
    request.shutdown(socket.SHUT_WR)
    assert client.rest() == content
    assert connection.bytes_out == len(content)


@pytest.mark.parametrize("write", [by_send, by_sendall, by_sendmsg, by_file])
def test_a_broken_pipe_is_the_clients_doing(
    borrowed: Borrowed,
    events: Transcript,
    release: Callable[[], None],
    write: Callable[[socket.socket], None],
) -> None:
    request, client, connection = borrowed
    client.reset()
    with contextlib.suppress(ConnectionResetError):  # the first write may still find the RST
        request.recv(1)
    with pytest.raises(BrokenPipeError):
        write(request)
    release()
    assert events.closed(connection.id)["reason"] == "client_reset"


def test_sending_nothing_is_no_message(borrowed: Borrowed) -> None:
    request, _, connection = borrowed
    assert request.send(b"") == 0
    request.sendall(b"")
    assert request.sendmsg([]) == 0
    assert (connection.bytes_out, connection.messages_out) == (0, 0)


# -- what is kept of it ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "length", "kept"), [(4, 10, 4), (10, 10, 10), (16, 10, 10), (0, 5_000, 5_000)]
)
def test_the_first_bytes_are_kept(
    borrow: Borrow, events: Transcript, limit: int, length: int, kept: int
) -> None:
    request, client, connection = borrow(size=limit)
    sent = os.urandom(length)
    client.send(sent)
    assert request.recv(length, socket.MSG_WAITALL) == sent
    request.sendall(bytearray(sent))
    assert data_events(events, connection) == [
        ("in", sent[:kept], length),
        ("out", sent[:kept], length),
    ]
    truncated = {event.data["truncated"] for event in events.now("connection.data")}
    assert truncated == {kept < length}


def test_what_is_kept_does_not_change_with_the_handlers_buffer(
    borrowed: Borrowed, events: Transcript
) -> None:
    request, client, connection = borrowed
    buffer = bytearray(100)
    client.send(HELLO)
    request.recv_into(buffer)
    request.sendall(memoryview(buffer)[: len(HELLO)])
    buffer[:] = b"x" * 100
    buffer.clear()  # nothing holds it
    assert [seen[1] for seen in data_events(events, connection)] == [HELLO, HELLO]


def test_the_connection_shows_what_was_counted(borrowed: Borrowed, deck: Supervisor) -> None:
    request, client, connection = borrowed
    client.send(HELLO)
    request.recv(100)
    request.sendall(HELLO * 2)
    view = connection.view()
    assert (view.bytes.in_, view.bytes.out) == (len(HELLO), 2 * len(HELLO))
    assert (view.messages.in_, view.messages.out) == (1, 1)
    (service,) = deck.services()
    status = service.status()
    assert (status.bytes.in_, status.bytes.out) == (len(HELLO), 2 * len(HELLO))


# -- it is a socket -------------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("scheme", ["tcp", "unix"])
def test_it_is_a_socket(borrow: Borrow, level: str, scheme: str, tmp_path: Path) -> None:
    address = "tcp://127.0.0.1:0" if scheme == "tcp" else f"unix://{tmp_path}/s"
    request, client, _ = borrow(level, address)
    assert isinstance(request, socket.socket)
    assert request.type == socket.SOCK_STREAM
    assert request.gettimeout() is None
    assert not request.get_inheritable()
    client.send(HELLO)
    assert socket.socket.recv(request, 100, socket.MSG_PEEK) == HELLO
    assert os.read(request.fileno(), 5) == HELLO[:5]
    flags = fcntl.fcntl(request, fcntl.F_GETFL)
    assert not flags & os.O_NONBLOCK
    waiting = fcntl.ioctl(request, 0x541B, b"\0\0\0\0")  # FIONREAD
    assert struct.unpack("i", waiting)[0] == len(HELLO) - 5
    with selectors.DefaultSelector() as selector:
        selector.register(request, selectors.EVENT_READ)
        (ready,) = selector.select(PATIENCE_SECONDS)
        assert ready[0].fileobj is request


def test_unix_sockets_pass_descriptors(borrow: Borrow, tmp_path: Path) -> None:
    request, client, connection = borrow(address=f"unix://{tmp_path}/s")
    (tmp_path / "file").write_bytes(b"passed on")
    with (tmp_path / "file").open("rb") as file:
        socket.send_fds(client.socket, [HELLO], [file.fileno()])
        data, descriptors, _, _ = socket.recv_fds(request, 100, 1)
    assert data == HELLO
    assert connection.bytes_in == len(HELLO)
    with os.fdopen(descriptors[0], "rb") as passed:
        assert passed.read() == b"passed on"
        socket.send_fds(request, [b"back"], [passed.fileno()])
    _, descriptors, _, _ = socket.recv_fds(client.socket, 100, 1)
    os.close(descriptors[0])
    assert connection.bytes_out == len(b"back")


def test_a_dup_counts_for_the_same_connection_and_keeps_it_open(
    borrowed: Borrowed, events: Transcript, release: Callable[[], None]
) -> None:
    request, client, connection = borrowed
    with request.dup() as twin:
        client.send(HELLO)
        assert twin.recv(100) == HELLO
        assert connection.bytes_in == len(HELLO)
        release()
        events.wait("connection.data", connection=connection.id)
        assert client.receive() == b"", "the server's shutdown_request reaches the client"
        assert connection.is_open
    assert events.closed(connection.id)["reason"] == "server_closed"


def test_closing_a_socket_twice_ends_one_handle(
    borrowed: Borrowed, events: Transcript, release: Callable[[], None]
) -> None:
    request, _, connection = borrowed
    with request.dup():
        request.close()
        request.close()
        release()  # and socketserver closes it once more
        for thread in threading.enumerate():
            if thread.name == connection.thread:
                thread.join(PATIENCE_SECONDS)
        assert connection.is_open
    assert events.closed(connection.id)


def test_a_killed_connection_is_ended_though_its_handler_kept_a_dup_alone(
    borrowed: Borrowed, events: Transcript
) -> None:
    request, client, connection = borrowed
    with request.dup() as twin:
        request.close()
        connection.close()
        assert twin.recv(100) == b""
        assert client.receive() == b""
    assert events.closed(connection.id)["reason"] == "killed"


def test_what_became_of_a_descriptor_that_was_given_away_is_not_touched(
    borrowed: Borrowed, events: Transcript, release: Callable[[], None]
) -> None:
    request, _, connection = borrowed
    one, other = socket.socketpair()
    with one, other:
        descriptor = request.detach()
        os.dup2(one.fileno(), descriptor)  # the handler closed it, and the number is another's
        connection.close()
        with socket.socket(fileno=descriptor) as another:
            another.sendall(HELLO)
            assert other.recv(100) == HELLO
    release()
    assert events.closed(connection.id)["reason"] == "killed"


def test_an_open_file_keeps_the_connection_open(borrowed: Borrowed, events: Transcript) -> None:
    request, client, connection = borrowed
    with request.makefile("rb") as file:
        request.close()
        client.send(HELLO)
        assert file.read(len(HELLO)) == HELLO
        assert connection.bytes_in == len(HELLO)
        assert connection.is_open
    assert events.closed(connection.id)["reason"] == "server_closed"


def test_what_is_detached_belongs_to_the_handler_until_it_returns(
    borrowed: Borrowed, events: Transcript, release: Callable[[], None]
) -> None:
    request, client, connection = borrowed
    with socket.socket(fileno=request.detach()) as own:
        assert request.fileno() == -1
        client.send(HELLO)
        assert own.recv(100) == HELLO
        assert connection.is_open
        release()
        assert events.closed(connection.id)["reason"] == "server_closed"
        own.sendall(b"still here")
        assert client.receive() == b"still here"


def test_detaching_twice_is_as_stock(borrowed: Borrowed) -> None:
    os.close(borrowed.request.detach())
    assert borrowed.request.detach() == -1


def test_what_is_forgotten_unclosed_ends_its_connection(borrow: Borrow, events: Transcript) -> None:
    request, _, connection = borrow()
    twins = [request.dup()]
    request.close()
    assert connection.is_open
    with pytest.warns(ResourceWarning, match="unclosed"):
        twins.clear()
    assert events.closed(connection.id)["reason"] == "server_closed"


def anonymous(side: int) -> ssl.SSLContext:
    """TLS without a certificate (RFC 4492, ECDH_anon): what matters here is the socket."""
    context = ssl.SSLContext(side)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("aNULL:@SECLEVEL=0")
    return context


@pytest.mark.parametrize("level", LEVELS)
def test_a_handler_may_wrap_it_in_tls(
    borrow: Borrow, deck: Supervisor, release: Callable[[], None], level: str
) -> None:
    request, client, connection = borrow(level)
    done: list[bytes] = []

    def serve_tls() -> None:
        with anonymous(ssl.PROTOCOL_TLS_SERVER).wrap_socket(request, server_side=True) as wrapped:
            done.append(wrapped.recv(100))
            wrapped.sendall(done[0].upper())

    server = threading.Thread(target=serve_tls)
    server.start()
    with anonymous(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(client.socket) as wrapped:
        wrapped.sendall(HELLO)
        assert wrapped.recv(100) == HELLO.upper()
        assert connection.is_open
    server.join()
    release()
    deck.services()[0].stop(drain_timeout=PATIENCE_SECONDS)
    assert connection.close_reason in ("server_closed", "client_closed")


def test_a_killed_connection_is_ended_though_its_handler_wrapped_it_in_tls(
    borrow: Borrow, events: Transcript, release: Callable[[], None]
) -> None:
    request, client, connection = borrow()
    ended = threading.Event()

    def serve_tls() -> None:
        with (
            contextlib.suppress(OSError),
            anonymous(ssl.PROTOCOL_TLS_SERVER).wrap_socket(request, server_side=True) as wrapped,
        ):
            wrapped.sendall(HELLO)
            wrapped.recv(100)
        ended.set()

    server = threading.Thread(target=serve_tls)
    server.start()
    with anonymous(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(client.socket) as wrapped:
        assert wrapped.recv(100) == HELLO
        connection.close()
        assert ended.wait(PATIENCE_SECONDS), "the handler still waits for its client"
    server.join()
    release()
    assert events.closed(connection.id)["reason"] == "killed"


def test_a_level_can_be_switched_on_a_live_connection(borrow: Borrow, events: Transcript) -> None:
    from socketdeck.tap import TappedSocket
    from socketdeck.tap_levels import SOCKET_CLASSES

    request, client, connection = borrow("off")
    for level in ("counters", "events", "payload", "off"):
        request.__class__ = SOCKET_CLASSES[level]
        assert isinstance(request, TappedSocket)
        client.send(HELLO)
        assert request.recv(100) == HELLO
    assert connection.messages_in == 3
    assert [seen[1] for seen in data_events(events, connection)] == [None, HELLO]

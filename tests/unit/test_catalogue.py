"""The built-in handlers, under the standard library's own servers: they are ordinary handlers."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import random
import socket
import socketserver
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from socketdeck.catalogue import CATALOGUE, STARTER
from socketdeck.catalogue.chargen import CYCLE, LINES, ChargenDatagram
from socketdeck.catalogue.chat import Chat
from socketdeck.catalogue.http import HttpOptions
from socketdeck.catalogue.peer import readable
from socketdeck.catalogue.qotd import QUOTES
from socketdeck.catalogue.time import seconds_since_1900

STREAMS, DATAGRAMS = ("tcp", "unix"), ("udp", "unixgram")

SERVERS: dict[str, type[socketserver.BaseServer]] = {
    "tcp": socketserver.ThreadingTCPServer,
    "unix": socketserver.ThreadingUnixStreamServer,
    "udp": socketserver.UDPServer,
    "unixgram": socketserver.UnixDatagramServer,
}


class Client:
    """One end of a conversation; `receive` of a stream goes on to the end of what is asked."""

    def __init__(self, transport: str, address: Any, own: str | None = None) -> None:
        family = socket.AF_INET if transport in ("tcp", "udp") else socket.AF_UNIX
        kind = socket.SOCK_STREAM if transport in STREAMS else socket.SOCK_DGRAM
        self.socket = socket.socket(family, kind)
        self.socket.settimeout(20)
        if own is not None:
            self.socket.bind(own)
        self.socket.connect(address)
        self.file = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def end(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def line(self) -> bytes:
        return self.file.readline()

    def all(self) -> bytes:
        return self.file.read()

    def datagram(self) -> bytes:
        return self.socket.recv(65_536)

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        self.file.close()
        self.socket.close()


class Service:
    """A stock server in a thread, what its handlers raised, and clients for it."""

    def __init__(self, name: str, transport: str, folder: Path, **options: Any) -> None:
        entry = CATALOGUE[name]
        parent = entry.handler_for(transport)
        handler = type(
            parent.__name__, (parent,), {"options": entry.options.model_validate(options)}
        )
        self.transport = transport
        self.errors: list[BaseException | None] = []
        self._folder, self._numbers = folder, itertools.count()
        self._clients: list[Client] = []
        listens_on = (
            ("127.0.0.1", 0) if transport in ("tcp", "udp") else f"{folder}/{next(self._numbers)}"
        )
        self.server = SERVERS[transport](listens_on, handler)
        self.server.handle_error = self._failed  # type: ignore[method-assign]
        self.server.max_packet_size = 65_536  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()

    def _failed(self, request: Any, client_address: Any) -> None:
        self.errors.append(sys.exc_info()[1])

    def connect(self, *, named: bool = True) -> Client:
        own = f"{self._folder}/{id(self)}-{next(self._numbers)}"
        client = Client(
            self.transport,
            self.server.server_address,
            own if named and self.transport == "unixgram" else None,
        )
        self._clients.append(client)
        return client

    def ask(self, data: bytes = b"") -> bytes:
        """What a client gets that sends this and ends."""
        client = self.connect()
        if self.transport in DATAGRAMS:
            client.socket.send(data)
            return client.datagram()
        with contextlib.suppress(OSError):  # one who speaks first may have closed already
            client.send(data)
            client.end()
        return client.all()

    def close_clients(self) -> None:
        while self._clients:
            self._clients.pop().close()

    def close(self) -> None:
        """Ends only when each handler has: the stock server waits for their threads."""
        self.close_clients()
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


Serve = Callable[..., Service]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with contextlib.ExitStack() as stack:

        def start(name: str, transport: str = "tcp", **options: Any) -> Service:
            folder = tmp_path / str(len(stack._exit_callbacks))  # type: ignore[attr-defined]
            folder.mkdir()
            service = Service(name, transport, folder, **options)
            stack.callback(service.close)
            return service

        yield start


# -- the entries ---------------------------------------------------------------------------------


def test_the_catalogue_has_what_it_promises() -> None:
    assert list(CATALOGUE) == [
        "greeting",
        "echo",
        "discard",
        "daytime",
        "chargen",
        "time",
        "qotd",
        "upper",
        "chat",
        "http",
    ]


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=lambda entry: entry.name)
def test_an_entry_describes_itself_and_its_options(entry: Any) -> None:
    assert entry.title
    assert entry.description.endswith(".")
    for transport in entry.transports:
        handler = entry.handler_for(transport)
        assert issubclass(handler, socketserver.BaseRequestHandler)
        assert handler.Options is entry.options
        assert isinstance(handler.options, entry.options)
    for field in entry.options.model_json_schema()["properties"].values():
        assert field["title"]
        assert field["description"]
    with pytest.raises(ValidationError, match="not permitted"):
        entry.options.model_validate({"no_such_option": 1})


def test_an_entry_has_no_class_for_what_it_does_not_serve() -> None:
    with pytest.raises(LookupError):
        CATALOGUE["chat"].handler_for("udp")


def test_chat_alone_shares_state() -> None:
    assert [entry.name for entry in CATALOGUE.values() if entry.shares_state] == ["chat"]


@pytest.mark.parametrize(
    ("client_address", "text"),
    [
        (("127.0.0.1", 5000), "127.0.0.1:5000"),
        (("::1", 5000, 0, 0), "[::1]:5000"),
        ("/run/client", "/run/client"),
        (b"\0abstract", "@abstract"),
        ("", "an unnamed socket"),
        (None, "an unnamed socket"),
    ],
)
def test_a_client_address_is_readable(client_address: Any, text: str) -> None:
    assert readable(client_address) == text


# -- greeting ------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", STREAMS + DATAGRAMS)
def test_greeting_says_thank_you(serve: Serve, transport: str) -> None:
    assert serve("greeting", transport).ask() == b"Thank you for connection"


def test_greeting_prints_who_came(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    client = serve("greeting").connect()
    client.all()
    host, port = client.socket.getsockname()
    assert capsys.readouterr().out == f"got connection from {host}:{port}\n"


def test_greeting_says_what_it_is_told(serve: Serve) -> None:
    assert serve("greeting", message="grüezi\n").ask() == "grüezi\n".encode()


# -- echo, discard -------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", STREAMS)
def test_echo_sends_back_all_that_comes(serve: Serve, transport: str) -> None:
    client = serve("echo", transport, buffer_size=1000).connect()
    data = random.randbytes(1 << 20)

    def send() -> None:
        client.send(data)
        client.end()

    sender = threading.Thread(target=send)
    sender.start()
    assert client.all() == data
    sender.join()


@pytest.mark.parametrize("transport", DATAGRAMS)
@pytest.mark.parametrize("size", [0, 1, 65_507])
def test_echo_sends_datagrams_back_whole(serve: Serve, transport: str, size: int) -> None:
    data = random.randbytes(size)
    assert serve("echo", transport, buffer_size=1).ask(data) == data


def test_a_sender_without_a_name_gets_no_answer_and_does_no_harm(serve: Serve) -> None:
    service = serve("echo", "unixgram")
    service.connect(named=False).socket.send(b"from nobody")
    assert service.ask(b"from somebody") == b"from somebody"
    assert service.errors == []


def test_a_sender_who_does_not_read_is_not_waited_for(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = serve("echo", "unixgram")
    capacity = 1 + int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(f"{tmp_path}/deaf")
        # Not connected: the queue of one that is connected to the sender has no bound (unix(7)).
        for _ in range(2 * capacity):
            deaf.sendto(b"?", service.server.server_address)
        assert service.ask(b"still there?") == b"still there?"
    assert "no answer to " in capsys.readouterr().out
    assert service.errors == []


def test_a_sender_who_has_gone_is_no_error(serve: Serve, tmp_path: Path) -> None:
    service = serve("echo", "unixgram")
    gone = service.connect()
    path = gone.socket.getsockname()
    service.server.max_packet_size = 1 << 16  # type: ignore[attr-defined]
    (tmp_path / path).unlink()
    gone.socket.send(b"!")
    assert service.ask(b"next") == b"next"
    assert service.errors == []


@pytest.mark.parametrize("transport", STREAMS)
def test_discard_takes_all_and_says_nothing(serve: Serve, transport: str) -> None:
    assert serve("discard", transport).ask(random.randbytes(1 << 20)) == b""


@pytest.mark.parametrize("transport", DATAGRAMS)
def test_discard_takes_datagrams(serve: Serve, transport: str) -> None:
    service = serve("discard", transport)
    service.connect().socket.send(b"x" * 1000)
    assert service.errors == []


# -- daytime, time, qotd -------------------------------------------------------------------------


@pytest.mark.parametrize("transport", STREAMS + DATAGRAMS)
def test_daytime_is_a_line_of_text(serve: Serve, transport: str) -> None:
    line = serve("daytime", transport, format="%Y-%m-%d %H:%M:%S %z").ask()
    assert line.endswith(b"\r\n")
    told = datetime.strptime(line.decode().strip(), "%Y-%m-%d %H:%M:%S %z")
    assert abs(told.timestamp() - time.time()) < 5


def test_daytime_knows_zones(serve: Serve) -> None:
    assert serve("daytime", timezone="Asia/Tokyo", format="%Z").ask() == b"JST\r\n"
    assert serve("daytime").ask().endswith(b"-UTC\r\n")
    assert serve("daytime", timezone="local").ask()


@pytest.mark.parametrize(
    "options",
    [
        {"timezone": "Mars/Olympus"},
        {"timezone": "../../etc/passwd"},
        {"timezone": "/etc"},
        {"timezone": "Europe"},
        {"format": ""},
        {"format": "%n"},
        {"format": "a\nb"},
        {"format": "a\0b"},
        {"format": 5},
    ],
)
def test_daytime_refuses_what_makes_no_line(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CATALOGUE["daytime"].options.model_validate(options)


@pytest.mark.parametrize("transport", STREAMS + DATAGRAMS)
def test_time_is_four_bytes(serve: Serve, transport: str) -> None:
    (seconds,) = struct.unpack("!I", serve("time", transport).ask())
    assert abs(seconds - 2_208_988_800 - time.time()) < 5


def test_time_can_be_wrong_on_purpose(serve: Serve) -> None:
    (seconds,) = struct.unpack("!I", serve("time", offset=-3600).ask())
    assert abs(seconds - 2_208_988_800 + 3600 - time.time()) < 5


@pytest.mark.parametrize(
    ("epoch_seconds", "answer"),
    [
        (0, 2_208_988_800),  # RFC 868: 00:00 1 January 1970
        (189_302_400, 2_398_291_200),  # 00:00 1 January 1976
        (420_595_200, 2_629_584_000),  # 00:00 1 May 1983
        (2_085_978_495.9, 4_294_967_295),  # the last second of the era
        (2_085_978_496, 0),
        (-2_208_988_801, 4_294_967_295),
    ],
)
def test_time_counts_as_the_rfc_does(epoch_seconds: float, answer: int) -> None:
    assert seconds_since_1900(epoch_seconds) == struct.pack("!I", answer)


@pytest.mark.parametrize("transport", STREAMS + DATAGRAMS)
def test_qotd_is_one_of_the_quotes(serve: Serve, transport: str) -> None:
    assert serve("qotd", transport).ask().decode().removesuffix("\r\n") in QUOTES


def test_qotd_of_the_day_is_the_same_for_all(serve: Serve) -> None:
    service = serve("qotd", quotes=[f"quote {number}" for number in range(1000)], choice="daily")
    # Two that differ stand on both sides of midnight; three cannot.
    assert len({service.ask() for _ in range(3)}) < 3


def test_quotes_fit_their_rfc() -> None:
    options = CATALOGUE["qotd"].options
    assert all(len(quote.encode()) < 510 for quote in QUOTES)
    options.model_validate({"quotes": ["x" * 509]})
    for quotes in ([], [""], ["x" * 510], ["ä" * 300], "text"):
        with pytest.raises(ValidationError):
            options.model_validate({"quotes": quotes})


# -- upper ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", STREAMS + DATAGRAMS)
def test_upper_answers_in_upper_case(serve: Serve, transport: str) -> None:
    assert serve("upper", transport).ask("straße 1\n".encode()) == b"STRASSE 1\n"


def test_upper_answers_each_line_at_once(serve: Serve) -> None:
    client = serve("upper").connect()
    for word in (b"one", b"two"):
        client.send(word + b"\n")
        assert client.line() == word.upper() + b"\n"


def test_upper_leaves_bytes_that_are_no_text(serve: Serve) -> None:
    assert serve("upper").ask(b"a\xff\xfeb\n") == b"A\xff\xfeB\n"


def test_upper_answers_a_long_line_in_pieces(serve: Serve) -> None:
    client = serve("upper", max_line=4).connect()
    client.send(b"abcdefgh")
    assert client.file.read(8) == b"ABCDEFGH"


# -- chargen -------------------------------------------------------------------------------------


def test_the_pattern_is_the_rfc_s() -> None:
    assert LINES[0].startswith(b" !\"#$%&'()*+,-./0123456789")
    assert LINES[0].endswith(b"abcdefg\r\n")
    assert LINES[1] == LINES[0][1:72] + b"h\r\n"
    assert {len(line) for line in LINES} == {74}
    assert len(LINES) == 95


@pytest.mark.parametrize("transport", STREAMS)
def test_chargen_writes_the_pattern_until_the_client_goes(serve: Serve, transport: str) -> None:
    service = serve("chargen", transport)
    client = service.connect()
    client.send(b"thrown away")
    assert client.file.read(3 * len(CYCLE)) == 3 * CYCLE
    service.close_clients()
    service.server.shutdown()
    service.server.server_close()  # waits for the handler
    assert service.errors == []


@pytest.mark.parametrize("transport", STREAMS)
def test_chargen_goes_on_for_a_client_that_only_reads(serve: Serve, transport: str) -> None:
    client = serve("chargen", transport, max_bytes=200).connect()
    client.end()
    assert client.all() == CYCLE[:200]


def test_a_slow_chargen_keeps_its_pace_for_a_client_that_only_reads(serve: Serve) -> None:
    client = serve("chargen", lines_per_second=100, max_bytes=4 * len(LINES[0])).connect()
    client.end()
    began = time.monotonic()
    assert client.all() == b"".join(LINES[:4])
    assert time.monotonic() - began > 0.02


@pytest.mark.parametrize("after_its_end", [False, True])
def test_a_slow_chargen_sees_that_its_client_is_gone(serve: Serve, after_its_end: bool) -> None:
    """The service's end waits for the handler, which would otherwise write in 1,000 s."""
    client = serve("chargen", lines_per_second=0.001).connect()
    assert client.line() == LINES[0]
    if after_its_end:
        client.end()
    client.reset()


def test_chargen_has_a_slowest_pace() -> None:
    with pytest.raises(ValidationError):
        CATALOGUE["chargen"].options.model_validate({"lines_per_second": 1e-320})


def test_chargen_ends_after_so_many_bytes(serve: Serve) -> None:
    client = serve("chargen", max_bytes=10_000).connect()
    assert client.all() == (CYCLE + CYCLE)[:10_000]


def test_chargen_keeps_its_pace(serve: Serve) -> None:
    client = serve("chargen", lines_per_second=50).connect()
    client.line()
    began = time.monotonic()
    for number in range(1, 11):
        assert client.line() == LINES[number]
    assert time.monotonic() - began > 0.15


def test_chargen_is_not_held_up_by_what_the_client_writes(serve: Serve) -> None:
    client = serve("chargen").connect()

    def flood() -> None:
        with contextlib.suppress(OSError):
            while True:
                client.send(b"x" * 65_536)

    writer = threading.Thread(target=flood)
    writer.start()
    assert client.file.read(200_000).startswith(CYCLE)
    client.socket.shutdown(socket.SHUT_RDWR)
    writer.join()


@pytest.mark.parametrize("transport", DATAGRAMS)
def test_chargen_answers_a_datagram_with_some_of_the_pattern(
    serve: Serve, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = iter([0, 512])
    monkeypatch.setattr(random, "randint", lambda low, high: next(lengths))
    service = serve("chargen", transport)
    assert service.ask(b"?") == b""
    assert service.ask(b"?") == CYCLE[:512]
    assert issubclass(ChargenDatagram, socketserver.BaseRequestHandler)


# -- chat ----------------------------------------------------------------------------------------


def enter(service: Service, nick: str) -> Client:
    """A client that has joined the chat and goes by a name."""
    client = service.connect()
    assert b"you are guest-" in client.line()
    client.send(f"/nick {nick}\n".encode())
    assert client.line().endswith(f"is now {nick}\n".encode())
    return client


@pytest.mark.parametrize("transport", STREAMS)
def test_what_one_writes_the_others_read(serve: Serve, transport: str) -> None:
    service = serve("chat", transport)
    ann = enter(service, "ann")
    bob = enter(service, "bob")
    assert ann.line() == b"* guest-2 joined\n"
    assert ann.line() == b"* guest-2 is now bob\n"
    ann.send("hé\r\n".encode())
    assert bob.line() == "ann: hé\n".encode()
    bob.send(b"/who\n")
    assert bob.line() == b"* here: ann, bob\n"
    bob.send(b"/quit\n")
    assert bob.all() == b""
    assert ann.line() == b"* bob left\n"


def test_a_nick_is_one_s_own(serve: Serve) -> None:
    service = serve("chat")
    enter(service, "ann")
    bob = enter(service, "bob")
    for nick, answer in [
        ("ANN", b"* somebody here is called ANN\n"),
        ("", b"* a nick is one word"),
        ("two words", b"* a nick is one word"),
        ("x" * 21, b"* a nick is one word"),
        ("Bob", b"* bob is now Bob\n"),
    ]:
        bob.send(f"/nick {nick}\n".encode())
        assert bob.line().startswith(answer)
    bob.send(b"/dance\n")
    assert bob.line().startswith(b"* there is no /dance;")


def test_two_chats_are_two_rooms(serve: Serve) -> None:
    one, other = enter(serve("chat"), "ann"), enter(serve("chat"), "ann")
    other.send(b"/who\n")
    assert other.line() == b"* here: ann\n"
    one.send(b"/who\n")
    assert one.line() == b"* here: ann\n"
    assert Chat.room.nicks() == []


def test_a_client_that_breaks_off_has_left(serve: Serve) -> None:
    service = serve("chat")
    ann, bob = enter(service, "ann"), enter(service, "bob")
    bob.reset()
    assert [ann.line() for _ in range(3)][-1] == b"* bob left\n"
    assert service.errors == []


def test_a_client_that_does_not_read_is_shown_out_and_holds_nobody_up(serve: Serve) -> None:
    service = serve("chat", max_unread=8, max_line=65_536)
    ann = enter(service, "ann")
    deaf = enter(service, "deaf")
    assert [ann.line() for _ in range(2)][-1] == b"* guest-2 is now deaf\n"
    stop = threading.Event()

    def talk() -> None:
        while not stop.is_set():
            ann.send(b"x" * 60_000 + b"\n")

    talker = threading.Thread(target=talk)
    talker.start()
    assert ann.line() == b"* deaf left\n"
    stop.set()
    talker.join()
    assert deaf.line()  # what had been sent to it can still be read


def test_a_line_has_a_bound(serve: Serve) -> None:
    service = serve("chat", max_line=16)
    ann, bob = enter(service, "ann"), enter(service, "bob")
    bob.send(b"x" * 17 + b"\n" + b"y" * 100_000 + b"\n" + b"z" * 16 + b"\r\n")
    assert bob.line() == b"* that line was longer than 16 bytes\n"
    assert bob.line() == b"* that line was longer than 16 bytes\n"
    assert [ann.line() for _ in range(3)][-1] == b"bob: " + b"z" * 16 + b"\n"


def test_nothing_but_text_reaches_another_s_terminal(serve: Serve) -> None:
    service = serve("chat")
    ann, bob = enter(service, "ann"), enter(service, "bob")
    bob.send(b"\x1b[31mred\x07\xff\n")
    assert [ann.line() for _ in range(3)][-1] == "bob: [31mred\N{REPLACEMENT CHARACTER}\n".encode()


def test_a_room_has_a_bound(serve: Serve) -> None:
    service = serve("chat", max_members=1)
    enter(service, "ann")
    assert service.connect().all() == b"* the room is full\n"


# -- http ----------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path) -> str:
    folder = tmp_path / "site"
    (folder / "sub").mkdir(parents=True)
    (folder / "page.html").write_text("<p>hello")
    (tmp_path / "secret").write_text("no")
    return str(folder)


def get(service: Service, path: str, *lines: str) -> http.client.HTTPResponse:
    client = service.connect()
    request = "\r\n".join([f"GET {path} HTTP/1.1", "Host: x", *lines, "", ""])
    client.send(request.encode("latin-1"))
    response = http.client.HTTPResponse(client.socket)
    response.begin()
    return response


@pytest.mark.parametrize("transport", STREAMS)
def test_http_serves_files(serve: Serve, site: str, transport: str) -> None:
    service = serve("http", transport, directory=site)
    response = get(service, "/page.html")
    assert (response.status, response.read()) == (200, b"<p>hello")
    assert response.headers["Content-Type"] == "text/html"
    assert service.errors == []


def test_http_logs_its_requests(
    serve: Serve, site: str, capsys: pytest.CaptureFixture[str]
) -> None:
    service = serve("http", directory=site)
    get(service, "/page.html").read()
    assert '"GET /page.html HTTP/1.1" 200' in capsys.readouterr().err


@pytest.mark.parametrize(
    "path", ["/missing", "/../secret", "/%2e%2e/secret", "/a%00b", "/page.html/"]
)
def test_http_finds_nothing_outside(serve: Serve, site: str, path: str) -> None:
    service = serve("http", directory=site)
    response = get(service, path)
    assert response.status == 404
    response.read()
    assert service.errors == []


def test_http_lists_folders_unless_told_not_to(serve: Serve, site: str) -> None:
    response = get(serve("http", directory=site), "/")
    assert response.status == 200
    assert b"page.html" in response.read()
    response = get(serve("http", directory=site, listing=False), "/sub/")
    assert response.status == 403
    response.read()


def test_http_without_a_folder_says_that_it_works(serve: Serve) -> None:
    assert b"It works" in get(serve("http"), "/").read()


def test_http_keeps_a_connection_alive_when_told_to(serve: Serve, site: str) -> None:
    service = serve("http", directory=site, keep_alive=True)
    client = service.connect()
    for _ in range(2):
        client.send(b"GET /page.html HTTP/1.1\r\nHost: x\r\n\r\n")
        response = http.client.HTTPResponse(client.socket)
        response.begin()
        assert response.read() == b"<p>hello"


def test_http_gives_up_on_a_silent_client(serve: Serve) -> None:
    service = serve("http", timeout=0.05)
    client = service.connect()
    client.send(b"GET / HT")
    assert client.all() == b""
    assert service.errors == []


def test_http_names_itself_as_told(serve: Serve) -> None:
    response = get(serve("http", server_version="mine/1"), "/")
    assert response.headers["Server"] == "mine/1"
    response.read()
    response = get(serve("http"), "/")
    assert response.headers["Server"].startswith("SimpleHTTP/")
    response.read()


@pytest.mark.parametrize("directory", ["/no/such/folder", __file__, "a\0b", "", 5])
def test_http_refuses_what_is_no_folder(directory: Any) -> None:
    with pytest.raises(ValidationError):
        HttpOptions.model_validate({"directory": directory})


def test_http_s_folder_may_be_relative(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(site)
    assert HttpOptions.model_validate({"directory": "sub"}).directory == f"{site}/sub"


@pytest.mark.parametrize("version", ["a\r\nX-Injected: 1", "ü", ""])
def test_http_s_version_is_one_header(version: str) -> None:
    with pytest.raises(ValidationError):
        HttpOptions.model_validate({"server_version": version})


# -- whatever clients do -------------------------------------------------------------------------


@pytest.mark.parametrize("name", CATALOGUE)
def test_bad_clients_do_not_end_a_stream_service(serve: Serve, name: str) -> None:
    service = serve(name, **({"max_bytes": 1_000} if name == "chargen" else {}))
    for data in (b"", b"\0\xff" * 50_000, b"\r\n" * 1000):
        client = service.connect()
        with contextlib.suppress(ConnectionError):
            client.send(data)
        client.reset()
    with contextlib.suppress(ConnectionError):
        service.ask(b"GET / HTTP/1.0\r\n\r\n")
    service.close_clients()
    assert [error for error in service.errors if not isinstance(error, ConnectionError)] == []


@pytest.mark.parametrize("transport", DATAGRAMS)
@pytest.mark.parametrize(
    "name", ["greeting", "echo", "discard", "daytime", "time", "qotd", "upper"]
)
def test_any_datagram_is_answered_or_not(serve: Serve, name: str, transport: str) -> None:
    service = serve(name, transport)
    client = service.connect()
    for data in (b"", b"\xff" * 65_507, b"\0"):
        client.socket.send(data)
        if name != "discard":
            client.datagram()
    assert service.errors == []


# -- the starter file ----------------------------------------------------------------------------


@pytest.fixture
def starter() -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "hello"}
    exec(compile(STARTER.read_text(), str(STARTER), "exec"), names)
    return names


def test_the_starter_does_what_it_says(
    starter: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), starter["Hello"]) as server:
        client = Client("tcp", server.server_address)
        client.send(b"world\nmore\n")
        client.end()
        server.handle_request()
        assert client.all() == (
            b"What is your name? Hello, world! You are visitor 1.\nYou said: more\n"
        )
        client.close()
    assert capsys.readouterr().out.startswith("visitor 1 from ('127.0.0.1', ")


def test_the_starter_answers_datagrams_too(starter: dict[str, Any]) -> None:
    with socketserver.UDPServer(("127.0.0.1", 0), starter["HelloDatagram"]) as server:
        client = Client("udp", server.server_address)
        client.socket.send(b"world")
        server.handle_request()
        assert client.datagram() == b"Hello, world!\n"
        client.close()

"""Addresses: what is read, what is refused and why, and what binding makes of them."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketdeck.address import Address, remove_dead_socket
from socketdeck.errors import AddressError, AddressUnavailable
from socketdeck.peer import peer_text

Bind = Callable[[str], socket.socket]

PORTS = st.integers(0, 65_535)
LABELS = st.from_regex(r"[a-z_][a-z0-9_-]{0,20}", fullmatch=True)
HOST_NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
SIX = st.ip_addresses(v=6).filter(lambda address: not address.is_link_local)
HOSTS = st.one_of(st.just(""), HOST_NAMES, st.ip_addresses(v=4).map(str), SIX.map(str))
PATHS = (
    st.lists(
        st.text(st.characters(blacklist_characters="/\0", codec="utf-8"), min_size=1, max_size=8),
        min_size=1,
    )
    .filter(lambda parts: not {".", ".."} & set(parts))
    .map(lambda parts: "/" + "/".join(parts))
    .filter(lambda path: len(os.fsencode(path)) <= 107)
)


@pytest.fixture
def bind() -> Iterator[Bind]:
    """Binds an address, listening where it is a stream; closes it at the end."""
    with ExitStack() as opened:
        yield lambda text: opened.enter_context(Address.parse(text).bind(backlog=16))


# -- reading and writing --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("tcp://127.0.0.1:80", Address("tcp", "127.0.0.1", 80)),
        ("udp://[::1]:53", Address("udp", "::1", 53)),
        ("tcp://:0", Address("tcp", "", 0)),
        ("tcp://LocalHost:65535", Address("tcp", "localhost", 65_535)),
        ("tcp://[FE80::A%Wlan0]:1", Address("tcp", "fe80::a%Wlan0", 1)),
        ("unix:///run/a.sock", Address("unix", path="/run/a.sock")),
        ("unixgram:///run//b/../c.sock", Address("unixgram", path="/run/c.sock")),
    ],
)
def test_reads(text: str, address: Address) -> None:
    assert Address.parse(text) == address


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no address"),
        ("127.0.0.1:80", "is no address"),
        ("http://127.0.0.1:80", "is no address"),
        ("tcp://127.0.0.1", "is no tcp address"),
        ("tcp://127.0.0.1:", "is no tcp address"),
        ("tcp://127.0.0.1:-1", "is no tcp address"),
        ("tcp://127.0.0.1:80/path", "is no tcp address"),
        ("udp://::1:53", "is no udp address"),
        ("tcp://127.0.0.1:\u0661\u0662", "is no tcp address"),
        ("tcp://127.0.0.1:65536", "too large"),
        ("tcp://[127.0.0.1]:80", "not an IPv6 address"),
        ("tcp://[]:80", "not an IPv6 address"),
        ("tcp://[fe80::1]:80", r"of which interface, as in tcp://\[fe80::1%eth0\]:80"),
        ("tcp://256.0.0.1:80", "not an IPv4 address"),
        ("tcp://-a:80", "neither an IP address nor a host name"),
        ("tcp://a b:80", "neither an IP address nor a host name"),
        ("unix://run/a.sock", "no absolute path"),
        ("unix://", "no absolute path"),
        ("unix:///", "names a folder"),
        ("unix:///run/", "names a folder"),
        ("unix:///run/..", "names a folder"),
        ("unix:///a\0b", "NUL"),
        ("unix:///\ud800", "not valid text"),
        ("unix:///" + "x" * 107, "108 bytes long"),
    ],
)
def test_refuses(text: str, why: str) -> None:
    with pytest.raises(AddressError, match=why):
        Address.parse(text)


@given(st.sampled_from(["tcp", "udp"]), HOSTS, PORTS)
def test_an_internet_address_survives_the_round_trip(scheme: str, host: str, port: int) -> None:
    bracketed = f"[{host}]" if ":" in host else host
    address = Address.parse(f"{scheme}://{bracketed}:{port}")
    assert (address.transport, address.host, address.port) == (scheme, host, port)
    assert Address.parse(str(address)) == address


@given(st.sampled_from(["unix", "unixgram"]), PATHS)
def test_a_path_survives_the_round_trip(scheme: str, path: str) -> None:
    address = Address.parse(f"{scheme}://{path}")
    assert (address.transport, address.path) == (scheme, path)
    assert Address.parse(str(address)) == address


@given(st.text())
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    for prefix in ("", "tcp://", "unix://"):
        try:
            address = Address.parse(prefix + text)
        except AddressError:
            continue
        assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("tcp://127.0.0.1:80", "tcp://127.0.0.1:80", True),
        ("tcp://127.0.0.1:80", "tcp://127.0.0.1:81", False),
        ("tcp://127.0.0.1:80", "udp://127.0.0.1:80", False),
        ("tcp://127.0.0.1:80", "tcp://127.0.0.2:80", False),
        ("tcp://:80", "tcp://127.0.0.2:80", True),
        ("tcp://0.0.0.0:80", "tcp://127.0.0.2:80", True),
        ("tcp://0.0.0.0:80", "tcp://[::1]:80", False),
        ("tcp://0.0.0.0:80", "tcp://[::]:80", True),
        ("tcp://0.0.0.0:80", "tcp://[::ffff:127.0.0.2]:80", True),
        ("tcp://0.0.0.0:80", "tcp://somewhere:80", True),
        ("tcp://[::]:80", "tcp://[::1]:80", True),
        ("tcp://[::]:80", "tcp://127.0.0.1:80", True),
        ("tcp://[::0]:80", "tcp://127.0.0.1:80", True),
        ("tcp://[::1]:80", "tcp://[0:0:0:0:0:0:0:1]:80", True),
        ("tcp://[::1]:80", "tcp://127.0.0.1:80", False),
        ("tcp://[fe80::1%a]:80", "tcp://[FE80:0::1%a]:80", True),
        ("tcp://[fe80::1%a]:80", "tcp://[fe80::1%b]:80", False),
        ("tcp://127.0.0.1:80", "tcp://[::ffff:127.0.0.1]:80", True),
        ("tcp://127.0.0.1:80", "tcp://[::ffff:127.0.0.2]:80", False),
        ("tcp://127.0.0.1:80", "tcp://localhost:80", True),
        ("tcp://[::1]:80", "tcp://LocalHost.:80", True),
        ("tcp://127.0.0.2:80", "tcp://localhost:80", False),
        ("tcp://somewhere:80", "tcp://somewhere.:80", True),
        ("tcp://somewhere:80", "tcp://elsewhere:80", False),
        ("tcp://:0", "tcp://:0", False),
        ("unix:///a", "unix:///a", True),
        ("unix:///a", "unixgram:///a", True),
        ("unix:///a", "unix:///b", False),
        ("unix:///a", "tcp://:80", False),
    ],
)
def test_overlaps(one: str, other: str, overlap: bool) -> None:
    assert Address.parse(one).overlaps(Address.parse(other)) is overlap
    assert Address.parse(other).overlaps(Address.parse(one)) is overlap


def test_overlaps_by_another_way_to_the_folder(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    address = Address("unix", path=f"{tmp_path}/folder/a")
    assert address.overlaps(Address("unix", path=f"{tmp_path}/link/a"))
    assert not address.overlaps(Address("unix", path=f"{tmp_path}/link/b"))
    (tmp_path / "a").symlink_to(tmp_path / "folder" / "a")  # bind(2) does not follow this one
    assert not address.overlaps(Address("unix", path=f"{tmp_path}/a"))


# -- binding --------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "", "0.0.0.0", "[::]"])
@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_the_kernel_chooses_a_port_and_a_client_finds_it(
    bind: Bind, scheme: str, host: str
) -> None:
    address = Address.parse(f"{scheme}://{host}:0")
    found = address.bound_as(bind(str(address))).reachable()
    assert found.port > 0
    client = socket.socket(
        socket.AF_INET6 if ":" in found.host else socket.AF_INET, found.socket_type
    )
    with client:
        client.connect(found.connect_to())


def test_an_empty_host_answers_ipv4_and_ipv6(bind: Bind) -> None:
    port = bind("tcp://:0").getsockname()[1]
    for host in ("127.0.0.1", "::1"):
        socket.create_connection((host, port), timeout=5).close()


def test_a_restart_need_not_wait_for_time_wait(bind: Bind) -> None:
    first = bind("tcp://127.0.0.1:0")
    port = first.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    accepted, _ = first.accept()
    accepted.close()  # the side that closes first has TIME_WAIT
    client.close()
    first.close()
    bind(f"tcp://127.0.0.1:{port}")


@pytest.fixture
def held_elsewhere() -> Iterator[Callable[[str], tuple[str, int]]]:
    """Another process binds an address: as bound, and the process's number."""
    holds = (
        "import sys; from socketdeck.address import Address;"
        "address = Address.parse(sys.argv[1]); bound = address.bind(backlog=1);"
        "print(address.bound_as(bound), flush=True); sys.stdin.read()"
    )
    with ExitStack() as held:

        def hold(text: str) -> tuple[str, int]:
            process = held.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", holds, text],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            assert process.stdin is not None
            assert process.stdout is not None
            held.callback(process.stdin.close)
            return process.stdout.readline().strip(), process.pid

        yield hold


HELD = ["tcp://127.0.0.1:0", "udp://127.0.0.1:0", "tcp://[::1]:0", "unix://{}/s", "unixgram://{}/s"]


@pytest.mark.parametrize("text", HELD)
def test_an_address_in_use_says_which_process_has_it(
    bind: Bind, held_elsewhere: Callable[[str], tuple[str, int]], text: str, tmp_path: Path
) -> None:
    address, pid = held_elsewhere(text.format(tmp_path))
    with pytest.raises(AddressUnavailable, match=rf"in use by .*\(pid {pid}\)"):
        bind(address)


@pytest.mark.parametrize("text", HELD)
def test_what_this_process_holds_is_not_told_by_a_number(
    bind: Bind, text: str, tmp_path: Path
) -> None:
    address = Address.parse(text.format(tmp_path))
    address = address.bound_as(bind(str(address)))
    with pytest.raises(AddressUnavailable, match=r"in use by this panel$"):
        bind(str(address))
    with pytest.raises(AddressUnavailable, match=r"in use by the service x$"):
        address.bind(backlog=1, holders=lambda asked: "the service x" if asked == address else None)


@pytest.mark.parametrize("scheme", ["unix", "unixgram"])
def test_a_live_socket_file_is_left_alone_by_whatever_way(
    bind: Bind, scheme: str, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    bind(f"{scheme}://{tmp_path}/folder/live")
    with pytest.raises(AddressUnavailable, match=r"in use by this panel$"):
        bind(f"{scheme}://{tmp_path}/link/live")
    assert (tmp_path / "folder" / "live").is_socket()


@pytest.mark.parametrize("before", ["unix", "unixgram"])
@pytest.mark.parametrize("scheme", ["unix", "unixgram"])
def test_a_dead_socket_file_is_replaced(
    bind: Bind, scheme: str, before: str, tmp_path: Path
) -> None:
    path = tmp_path / "dead"
    bind(f"{before}://{path}").close()
    old = path.stat().st_ino, path.stat().st_ctime_ns
    bind(f"{scheme}://{path}")
    assert (path.stat().st_ino, path.stat().st_ctime_ns) != old


@pytest.mark.parametrize("kind", ["file", "folder", "link", "fifo"])
def test_what_is_not_a_socket_is_left_alone(bind: Bind, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "thing"
    match kind:
        case "file":
            path.write_text("precious")
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to(tmp_path / "nowhere")
        case "fifo":
            os.mkfifo(path)
    before = path.lstat()
    with pytest.raises(AddressUnavailable, match="is not a socket; choose another path"):
        bind(f"unix://{path}")
    assert path.lstat().st_ino == before.st_ino


def test_removing_a_dead_socket_is_content_with_none(tmp_path: Path) -> None:
    remove_dead_socket(Address("unix", path=str(tmp_path / "nothing")))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("tcp://no-such-host.invalid:80", "the host 'no-such-host.invalid' is not known"),
        ("tcp://" + "a." * 200 + ":80", "is not known"),
        ("tcp://192.0.2.1:8080", "this machine has no such address"),
        ("udp://192.0.2.1:8080", "this machine has no such address"),
        ("unix:///no/such/folder/a.sock", "the folder /no/such/folder does not exist"),
        ("unix:///etc/hostname/a.sock", "/etc/hostname is not a folder"),
        ("unix:///proc/a.sock", "the folder /proc cannot hold a socket"),
    ],
)
def test_says_in_one_sentence_why_not(bind: Bind, text: str, why: str) -> None:
    with pytest.raises(AddressUnavailable, match=why) as caught:
        bind(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_a_refused_port_says_which_ports_are(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """Root may bind any port, so the kernel's refusal is played."""

    def refuse(self: socket.socket, where: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(AddressUnavailable, match="ports below 1024 need the right to bind them"):
        Address.parse(f"{scheme}://127.0.0.1:80").bind()


def test_a_folder_that_may_not_be_written_to_is_not_called_a_port(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(self: socket.socket, where: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(AddressUnavailable, match="Permission denied"):
        Address.parse(f"unix://{tmp_path}/a").bind()


def test_a_failed_bind_closes_its_socket(tmp_path: Path) -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    for text in ("tcp://192.0.2.1:1", "tcp://no-such-host.invalid:1", f"unix://{tmp_path}/a/b"):
        with pytest.raises(AddressUnavailable):
            Address.parse(text).bind(backlog=1)
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_a_machine_without_ipv6_is_served_by_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.socket

    def without_six(family: int = -1, *rest: int, **named: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return real(family, *rest, **named)

    monkeypatch.setattr(socket, "socket", without_six)
    with closing(Address.parse("tcp://:0").bind(backlog=1)) as bound:
        assert bound.family == socket.AF_INET


# -- how peers are shown --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client_address", "text"),
    [
        (("127.0.0.1", 80), "127.0.0.1:80"),
        (("::1", 80, 0, 0), "[::1]:80"),
        (("::ffff:10.0.0.1", 80, 0, 0), "10.0.0.1:80"),
        ("", None),
        (b"", None),
        (None, None),
        ("/run/client.sock", "/run/client.sock"),
        (b"/run/\xff", "/run/\\udcff"),
        (b"\0name", "@name"),
        ("\0name", "@name"),
        (b"\0\x1b[2J\n", "@\\x1b[2J\\n"),
        (b"\0\xff", "@\\xff"),
        (("odd",), "('odd',)"),
        (7, "7"),
    ],
)
def test_peers_as_people_read_them(client_address: object, text: str | None) -> None:
    assert peer_text(client_address) == text


@given(st.one_of(st.binary(), st.text(), st.tuples(st.text(), st.integers())))
def test_a_peer_never_holds_what_does_not_print(client_address: object) -> None:
    text = peer_text(client_address)
    assert text is None or text.isprintable()
    assert text is None or text.encode()

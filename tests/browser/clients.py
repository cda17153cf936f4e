"""Clients of services: a socket that is watched for what it does, and `nc` as people type it."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator

from tests.panels import SECONDS, connected, target

has_netcat = shutil.which("nc") is not None


def ask(address: str, data: bytes) -> bytes:
    """Connect, send, and read until the service closes or, of datagrams, until one comes back."""
    with connected(address) as client:
        client.sendall(data)
        if client.type == socket.SOCK_DGRAM:
            return client.recv(65_535)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65_536), b""))


def netcat(address: str) -> str:
    """What `nc HOST PORT` prints until the service closes."""
    _, (host, port) = target(address)
    done = subprocess.run(
        ["nc", host, str(port)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.stdout


@contextlib.contextmanager
def typing_netcat(address: str) -> Iterator[subprocess.Popen[bytes]]:
    """`nc HOST PORT` with somebody at its keyboard: `stdin` and `stdout` are pipes."""
    _, (host, port) = target(address)
    with subprocess.Popen(
        ["nc", host, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        yield process
        process.kill()


def port_is_free(port: int) -> bool:
    """Whether a TCP service could listen there, on loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True

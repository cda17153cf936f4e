"""Handlers that stand where their client says, to be found there."""

import itertools
import os
import signal
import socket
import threading
from socketserver import BaseRequestHandler, DatagramRequestHandler, StreamRequestHandler

release = threading.Event()
"""What `DatagramWaiter` waits for, after it has said so to its client; a test sets it."""


class Standing(StreamRequestHandler):
    """Does as each line says, and answers when that is done; it waits for lines in `listen`."""

    def handle(self) -> None:
        while line := self.listen():
            word, _, rest = line.partition(" ")
            getattr(self, f"do_{word}")(rest)
            self.wfile.write(b"done\n")

    def listen(self) -> str:
        return self.rfile.readline().decode().strip()

    def do_hello(self, rest: str) -> None:
        """Nothing."""

    def do_dive(self, depth: str) -> None:
        """Listen so many calls further down, and come up again."""
        self.wfile.write(b"down\n")
        self.dive(int(depth))

    def dive(self, depth: int) -> None:
        self.dive(depth - 1) if depth else self.listen()

    def do_hold(self, rest: str) -> None:
        """Never let anybody else have the interpreter again, nor hear a signal."""
        self.wfile.write(b"holding\n")
        sum(itertools.repeat(0))

    def do_detach(self, rest: str) -> None:
        """Take the socket apart, and serve on without it."""
        with socket.socket(fileno=self.request.detach()) as own:
            own.sendall(b"apart\n")
            own.recv(100)

    def do_patience(self, seconds: str) -> None:
        self.request.settimeout(float(seconds))

    def do_flood(self, length: str) -> None:
        """Send one message, of so many bytes."""
        self.request.sendall(b"m" * int(length))

    def do_interrupted(self, rest: str) -> None:
        """Wait in a system call for a signal that only this process sends itself."""
        heard: list[int] = []
        signal.signal(signal.SIGALRM, lambda number, frame: heard.append(number))
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        self.wfile.write(b"waiting\n")
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.settimeout(1.0)
            try:
                ours.recv(1)
            except TimeoutError:
                self.wfile.write(f"timed out after {heard}\n".encode())

    def do_close_all(self, rest: str) -> None:
        """Close every descriptor that is not one of this conversation."""
        mine = self.request.fileno()
        for name in os.listdir("/proc/self/fd"):
            if int(name) > 2 and int(name) != mine:
                try:
                    os.close(int(name))
                except OSError:
                    continue


class DatagramWaiter(DatagramRequestHandler):
    """Tells its client that it is here, and waits."""

    def handle(self) -> None:
        self.socket.sendto(b"here", self.client_address)
        release.wait()


class Brief(BaseRequestHandler):
    """Reads once, and is done."""

    def handle(self) -> None:
        self.request.recv(100)

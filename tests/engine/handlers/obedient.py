"""Handlers that do what their client says, a line (or a datagram) at a time."""

import logging
import os
import queue
import socket
import sys
import threading
from socketserver import BaseRequestHandler, DatagramRequestHandler, StreamRequestHandler

release = threading.Event()
"""What `wait` and `stay` wait for; a test sets it."""


class Nasty(Exception):
    """Cannot even be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no")


def obey(order: str) -> str | None:
    """Do what an order says; what is to be answered, or `None`."""
    word, _, rest = order.partition(" ")
    match word:
        case "thread":
            return threading.current_thread().name
        case "pid":
            return str(os.getpid())
        case "print":
            print(rest)
        case "print-some":
            print(rest, end="")
        case "print-error":
            print(rest, file=sys.stderr)
        case "log":
            logging.getLogger("obedient").warning(rest)
        case "log-badly":
            logging.getLogger("obedient").warning("%d", "no number")
        case "print-surrogate":
            print("\udcff is no text")
        case "take-streams":
            sys.stdout = sys.stderr = None
        case "raise-surrogate":
            raise ValueError("\udcff is no text")
        case "raise-nasty":
            raise Nasty
        case "raise":
            raise ValueError(rest)
        case "exit":
            raise SystemExit(rest)
        case "interrupt":
            raise KeyboardInterrupt(rest)
        case "wait":
            release.wait()
        case _:
            return order
    return "done"


class Obedient(StreamRequestHandler):
    """Answers each line by what came of it; `quit` ends the conversation from this side."""

    def handle(self) -> None:
        while line := self.rfile.readline().decode().removesuffix("\n"):
            if line == "quit":
                return
            if answer := obey(line):
                self.wfile.write(answer.encode() + b"\n")


class ObedientDatagram(DatagramRequestHandler):
    """Answers each datagram by what came of it."""

    def handle(self) -> None:
        if answer := obey(self.rfile.read().decode()):
            self.wfile.write(answer.encode())


class Stubborn(BaseRequestHandler):
    """Never returns, whatever becomes of its connection, until it is released."""

    def handle(self) -> None:
        release.wait()


class Silent(BaseRequestHandler):
    """Returns at once."""

    def handle(self) -> None:
        return


lent: "queue.SimpleQueue[socket.socket]" = queue.SimpleQueue()


class Lender(BaseRequestHandler):
    """Lends its request to the test, until it is released."""

    def handle(self) -> None:
        lent.put(self.request)
        release.wait()


class Fragile(BaseRequestHandler):
    """Reads, and cannot bear that its client ends."""

    def handle(self) -> None:
        while self.request.recv(100):
            pass
        raise EOFError("the client has gone")


class Forwarder(BaseRequestHandler):
    """Sends what follows `HOST PORT` there."""

    def handle(self) -> None:
        data, server_socket = self.request
        host, port, text = data.decode().split(" ", 2)
        server_socket.sendto(text.encode(), (host, int(port)))


class Whole(BaseRequestHandler):
    """Reads 300,000 bytes in one call, and sends them back in one."""

    def handle(self) -> None:
        while data := self.request.recv(300_000, socket.MSG_WAITALL):
            self.request.sendall(data)

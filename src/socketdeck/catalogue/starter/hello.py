"""Your first handler. Change it, save it, restart the service: the new code is served.

A handler says what a server does with one client. It is a class of Python's own `socketserver`
module (https://docs.python.org/3/library/socketserver.html) and knows nothing of Socketdeck: what
you write here runs unchanged under a plain `socketserver.TCPServer`, and the other way round.

To serve this one, make a service with the handler `hello:Hello` (file, colon, class) on an address
such as `tcp://127.0.0.1:7000`, start it, and talk to it:

    nc 127.0.0.1 7000

Files in this folder can import one another. None may be called like a module of Python itself.
"""

import threading
from socketserver import DatagramRequestHandler, StreamRequestHandler


class Hello(StreamRequestHandler):
    """Asks for a name, says hello, then answers line by line."""

    # A service's options replace class attributes: {"greeting": "Good morning"} is one.
    greeting = "Hello"

    # What all clients share. Under `threading` many run `handle` at once, so whoever touches it
    # holds the lock. Under `forking` each client is a process and counts for itself.
    visits = 0
    lock = threading.Lock()

    def handle(self) -> None:
        """Called once for each connection; when it returns, the connection is closed."""
        with Hello.lock:
            Hello.visits += 1
            number = Hello.visits

        # print() shows among the service's events, beside the connection it belongs to.
        print(f"visitor {number} from {self.client_address}")

        # self.rfile and self.wfile are the connection as files of bytes. self.request is the
        # socket itself, if you would rather use recv() and sendall().
        self.wfile.write(b"What is your name? ")
        name = self.rfile.readline(1024).strip().decode(errors="replace")
        self.wfile.write(f"{self.greeting}, {name}! You are visitor {number}.\n".encode())

        # readline() returns b"" when the client has closed its side. The number bounds what a
        # client that never ends its line can make us remember.
        while line := self.rfile.readline(1024):
            self.wfile.write(b"You said: " + line)


class HelloDatagram(DatagramRequestHandler):
    """The same for datagrams, on an address such as `udp://127.0.0.1:7000`.

    There is no connection: each datagram is a request of its own. self.rfile holds the one that
    came, and what is written to self.wfile goes back as one.
    """

    def handle(self) -> None:
        name = self.rfile.read().strip().decode(errors="replace")
        self.wfile.write(f"Hello, {name}!\n".encode())

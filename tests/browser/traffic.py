"""Traffic that looks like somebody's: clients that come, say something now and then, and go."""

from __future__ import annotations

import heapq
import itertools
import random
import socket
import threading
import time
from collections.abc import Iterator

from tests.panels import connected

Client = Iterator[float]
"""Does one thing each time it is asked, and answers after how many seconds to ask again."""


class Traffic:
    """Clients in turn, on one thread, as each wants; seeded, so that it is the same every time."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._numbers = itertools.count()
        self._due: list[tuple[float, int, Client]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)

    def add(self, client: Client, after: float = 0.0) -> None:
        """One more client; before `start`."""
        self._put(time.monotonic() + after, client)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Have all clients hang up."""
        self._ended.set()
        self._thread.join()

    def _put(self, due: float, client: Client) -> None:
        heapq.heappush(self._due, (due, next(self._numbers), client))

    def _run(self) -> None:
        while self._due and not self._ended.wait(max(0.0, self._due[0][0] - time.monotonic())):
            due, _, client = heapq.heappop(self._due)
            pause = next(client, None)
            if pause is not None:
                self._put(due + pause, client)
        self._due.clear()

    # -- clients ------------------------------------------------------------------------------

    def talks(self, address: str, lines: list[bytes], pauses: tuple[float, float]) -> Client:
        """Connects, says the lines one by one, each answered, and hangs up."""
        with connected(address) as client:
            for line in lines:
                yield self.random.uniform(*pauses)
                client.sendall(line)
                if not client.recv(65_536):
                    return
            yield self.random.uniform(*pauses)

    def comes_and_goes(
        self, address: str, choice: list[list[bytes]], pauses: tuple[float, float]
    ) -> Client:
        """Talks again and again, each time something else."""
        while True:
            yield self.random.uniform(*pauses)
            yield from self.talks(address, self.random.choice(choice), pauses)

    def listens(self, address: str, lines: list[bytes], pauses: tuple[float, float]) -> Client:
        """Stays connected, says something now and then, and reads whatever others say."""
        with connected(address) as client:
            client.setblocking(False)
            for line in itertools.cycle(lines):
                yield self.random.uniform(*pauses)
                client.sendall(line)
                try:
                    client.recv(65_536)
                except BlockingIOError:
                    continue

    def fetches(self, address: str, paths: list[bytes], pause: float) -> Client:
        """Asks a web server for something, each time on a new connection."""
        for path in itertools.cycle(paths):
            with connected(address) as client:
                client.sendall(b"GET " + path + b" HTTP/1.0\r\n\r\n")
                while client.recv(65_536):
                    pass
            yield pause * self.random.uniform(0.3, 1.7)

    def reports(self, address: str, count: int, pause: float) -> Client:
        """Several senders of datagrams, each with a reading of its own."""
        senders = [connected(address) for _ in range(count)]
        sockets: list[socket.socket] = [sender.__enter__() for sender in senders]
        for number in itertools.count():
            reading = 20 + 3 * self.random.random()
            place = number % count
            sockets[place].send(f"sensor/{place + 1} temperature={reading:.2f}".encode())
            yield pause

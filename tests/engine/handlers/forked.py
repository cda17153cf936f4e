"""Handlers that do in a forked child what one may do there, as their client says."""

import os
import signal
import socket
import sys
import threading
from socketserver import BaseRequestHandler, StreamRequestHandler


class Resident(StreamRequestHandler):
    """Answers each line by what came of it."""

    def handle(self) -> None:
        while line := self.rfile.readline().decode().strip():
            word, _, rest = line.partition(" ")
            do = getattr(self, f"do_{word}", None)
            answer = do(rest) if do else line
            self.wfile.write(f"{answer}\n".encode())

    def do_pid(self, rest: str) -> int:
        return os.getpid()

    def do_modules(self, rest: str) -> str:
        return " ".join(sys.modules)

    def do_exit(self, status: str) -> None:
        os._exit(int(status))

    def do_alarm(self, rest: str) -> str:
        """Be interrupted by a timer of one's own; whether nobody else's came before it."""
        heard: list[int] = []
        before = signal.signal(signal.SIGALRM, lambda number, frame: heard.append(number))
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        while not heard:
            signal.pause()
        left = signal.setitimer(signal.ITIMER_REAL, 0)
        return "undisturbed" if (before, heard, left[0]) == (0, [signal.SIGALRM], 0.0) else "no"

    def do_stream(self, count: str) -> str:
        """Send so many pieces of ten bytes."""
        for _ in range(int(count)):
            self.request.sendall(b"123456789\n")
        return "done"

    def do_threads(self, rest: str) -> str:
        """Whose threads are here, and whether one of our own can speak."""
        names = [thread.name for thread in threading.enumerate()]
        thread = threading.Thread(target=self.request.sendall, args=(b"spoken\n",))
        thread.start()
        thread.join()
        return " ".join(names)

    def do_babble(self, rest: str) -> str:
        """Write this to every socket of the panel's that is open, nonsense where it is empty."""
        for name in os.listdir("/proc/self/fd"):
            try:
                found = socket.socket(fileno=os.dup(int(name)))
            except OSError:
                continue
            with found:
                if found.family == socket.AF_UNIX:
                    found.send(rest.encode() or b"\xff nonsense")
        return "done"


class Forker(BaseRequestHandler):
    """Forks, and comes out of `handle` in both processes."""

    def handle(self) -> None:
        if os.fork():
            os.wait()
        else:
            self.request.sendall(b"from the other one")


class Replaced(BaseRequestHandler):
    """Puts another program in its place: one that sends back what it gets."""

    def handle(self) -> None:
        os.dup2(self.request.fileno(), 0)
        os.dup2(self.request.fileno(), 1)
        os.execvp("cat", ["cat"])


class Deserter(BaseRequestHandler):
    """Ends its process as soon as its client has said anything."""

    def handle(self) -> None:
        self.request.recv(100)
        os._exit(3)

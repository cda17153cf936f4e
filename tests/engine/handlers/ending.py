"""Handlers that end their own server, each in its way."""

import threading
from socketserver import BaseRequestHandler


class Ending(BaseRequestHandler):
    """Does to its server what the client says, and answers when it is done."""

    def handle(self) -> None:
        what = self.request.recv(100)
        if what == b"shutdown":
            # Never on the serving thread, as socketserver's documentation has it.
            threading.Thread(target=self.server.shutdown).start()
        elif what == b"server_close":
            self.server.server_close()
        elif what == b"close":
            self.server.socket.close()  # type: ignore[attr-defined]
        self.request.sendall(b"done")

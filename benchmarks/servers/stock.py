"""Stock `socketserver`, as the yardstick."""

from __future__ import annotations

import select
import socketserver
import sys
import threading
from importlib import import_module
from typing import Any

from benchmarks.child import Talk
from benchmarks.plan import HANDLERS

BACKLOG = 4096
"""The engine's own default. Stock's 5 makes clients wait whole seconds for their SYN to be sent
again: a trap worth avoiding, but no measure of what a connection costs."""


def handler_class(path: str) -> type[socketserver.BaseRequestHandler]:
    """The handler `module:Class` of the folder `handlers`."""
    if str(HANDLERS) not in sys.path:
        sys.path.insert(0, str(HANDLERS))
    module, _, name = path.partition(":")
    found: type[socketserver.BaseRequestHandler] = getattr(import_module(module), name)
    return found


def server_class(name: str, **attributes: Any) -> type[socketserver.TCPServer]:
    """The class of that name, with room for what the load asks."""
    attributes |= {"request_queue_size": BACKLOG, "max_packet_size": 65507}
    return type(name, (getattr(socketserver, name),), attributes)


def serve(talk: Talk, *, server: str, handler: str) -> None:
    """The class named `server` of `socketserver` on a port of its own, until the parent is done."""
    with server_class(server)(("127.0.0.1", 0), handler_class(handler)) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        talk.say(port=serving.server_address[1])
        while talk.hear() is not None:
            talk.say()
        serving.shutdown()
        thread.join()


def serve_forking(talk: Talk, *, handler: str) -> None:
    """A ForkingTCPServer in a process of one thread, the best that it can have.

    The parent is listened to between two rounds of its loop, for want of a second thread.
    """

    def service_actions(serving: socketserver.ForkingTCPServer) -> None:
        socketserver.ForkingTCPServer.service_actions(serving)
        if select.select([talk], [], [], 0)[0]:
            if talk.hear() is None:
                raise SystemExit
            talk.say()

    forking = server_class("ForkingTCPServer", service_actions=service_actions)
    with forking(("127.0.0.1", 0), handler_class(handler)) as serving:
        talk.say(port=serving.server_address[1])
        serving.serve_forever(poll_interval=0.05)

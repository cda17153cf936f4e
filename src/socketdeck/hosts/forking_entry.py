"""How a forking worker starts.

    python -c "from socketdeck.hosts.forking_entry import main; main()" WIRE LISTENER

A module of its own, since what it does first must come before anything imports `threading`.
"""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Take the wire and the socket by their descriptors, and serve."""
    lighten_forks()
    import socket

    from socketdeck.hosts.forking import run

    os.environ.pop("LD_BIND_NOW", None)  # it was for this process alone
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wire, listening = map(int, sys.argv[1:])
    for descriptor in (wire, listening):
        os.set_inheritable(descriptor, False)  # a handler's programs are not to hold them
    run(socket.socket(fileno=wire), socket.socket(fileno=listening))


def lighten_forks() -> None:
    """Have `threading` put itself right in a forked child only where there was another thread.

    It would touch 130 pages to find that there was none. Where it does not ask to be called as it
    does in Python 3.11 to 3.14, or has asked already, everything stays as it is.
    """
    if "threading" in sys.modules:
        return
    register, asked = os.register_at_fork, []
    os.register_at_fork = lambda **hooks: asked.append(hooks)
    try:
        import threading
    finally:
        os.register_at_fork = register
    threads = getattr(threading, "_active", None)
    if threads is None or [list(hooks) for hooks in asked] != [["after_in_child"]]:
        for hooks in asked:
            register(**hooks)
        return
    put_right = asked[0]["after_in_child"]

    def after_in_child() -> None:
        if len(threads) > 1:
            put_right()

    register(after_in_child=after_in_child)

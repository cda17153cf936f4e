"""How long a thread may keep the interpreter lock, where there is a crowd of them.

A thread that waits for the lock looks at its watch each switch interval, which is 5 ms
(sys.setswitchinterval, ceval_gil.c). When ten thousand clients leave at once ten thousand handlers
wake up and do little but look at their watches, for half a minute. In a crowd they are to be
patient; then it takes four seconds.
"""

from __future__ import annotations

import sys

CROWD = 512
"""Open connections from which on it is one; looked at again whenever it grew by as many."""

SECONDS_EACH = 1e-5

_usual = sys.getswitchinterval()


def mind(connections: int) -> None:
    """So many connections are open: called with every one that comes or goes."""
    if connections % CROWD == 0:
        wanted = max(_usual, connections * SECONDS_EACH)
        if wanted != sys.getswitchinterval():
            sys.setswitchinterval(wanted)

"""The hot path: all that happens between a handler's `recv` or `sendall` and the kernel.

It is written twice. In Python: `Counts` of a connection, the `Inbox` of what happened, the
`numbering` of what is taken out of it and, in `tap_python`, a class of tapped socket for each level
of looking. And in C (`native.c`), which the
set-up builds where there is a compiler, for a fifth of the cost; nobody else can tell which it is.
With SOCKETDECK_PURE in the environment it is Python's.
"""

from __future__ import annotations

import os

VERSION = 3
"""Of what `native.c` offers: what was built for another version is left alone."""

try:
    if os.environ.get("SOCKETDECK_PURE"):
        raise ImportError("Python's is asked for")
    from socketdeck.hot import _native

    if _native.VERSION != VERSION:
        raise ImportError("what was built is not of this version")
    from socketdeck.hot._native import Counts, Inbox

    native = True
except ImportError:
    from socketdeck.hot.counts import Counts
    from socketdeck.hot.inbox import Inbox

    native = False

__all__ = ["Counts", "Inbox", "native"]

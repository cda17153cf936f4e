"""What is loaded for good, kept out of the garbage collector's rounds (`gc`)."""

from __future__ import annotations

import gc


def leave_out_what_is_loaded() -> None:
    """Collect once, and have the collector go through nothing of what is there now ever again.

    For a program that has loaded all it will serve with: each full round goes through tens of
    thousands of functions and classes otherwise, and holds up every handler for as long, 20 to
    90 ms. In a child of fork(2) it also spares the pages that would be copied. Blocks for one such
    round.
    """
    gc.collect()
    gc.freeze()

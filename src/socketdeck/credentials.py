"""Who is at the other end of a Unix socket, by the names that people know."""

from __future__ import annotations

import contextlib
import os
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

Credentials = tuple[int, int, int]
"""Process, user and group, as SO_PEERCRED tells them (unix(7))."""

_START_TIME = 19
"""Of the fields of /proc/PID/stat behind the name (proc_pid_stat(5), field 22)."""

_ROUNDING_SECONDS = 0.1


def named(credentials: Credentials, connected_at: float | None) -> dict[str, Any]:
    """The fields of `status.PeerCredentials`.

    `connected_at` is when an open connection was made; of a closed one (`None`) the process may
    have gone, and its number be another's, so that no name is told.
    """
    pid, uid, gid = credentials
    process = None if connected_at is None else process_name(pid, connected_at)
    return {"pid": pid, "uid": uid, "gid": gid, "user": user_name(uid), "process": process}


@lru_cache(maxsize=256)
def user_name(uid: int) -> str | None:
    """The name of a user, as the system knew it when first asked."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return None


def process_name(pid: int, alive_at: float) -> str | None:
    """The name of a process that was there at that time; `None` where it is gone, or not seen."""
    if pid <= 0:  # of another namespace
        return None
    with contextlib.suppress(OSError, ValueError, IndexError):
        text = Path(f"/proc/{pid}/stat").read_bytes()
        name, _, fields = text.partition(b"(")[2].rpartition(b")")
        since_boot = int(fields.split()[_START_TIME]) / os.sysconf("SC_CLK_TCK")
        booted_at = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        if booted_at + since_boot <= alive_at + _ROUNDING_SECONDS:
            return name.decode("utf-8", "backslashreplace")
    return None

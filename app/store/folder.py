"""The data folder: private to its owner, and of one panel at a time."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from app.store.errors import DataFolderBusy, StoreError

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700

PATIENCE_SECONDS = 3.0
"""A panel that was just killed has processes that end a moment later."""

PAUSE_SECONDS = 0.05


class DataFolder:
    """A data folder that is ours until `close`; made with its parents where it does not exist.

    The lock is flock(2) on a file that holds our process id: the kernel releases it however the
    process ends. A folder that existed keeps its mode, as it may serve others too; the files that
    hold secrets have their own.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        except OSError as error:
            raise StoreError(
                f"the data folder {path} cannot be used: {error.strerror}; "
                "name another in SOCKETDECK_DATA"
            ) from error
        try:
            self._take()
        except BaseException:
            os.close(self._lock)
            raise

    def _take(self) -> None:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while not self._locked():
            if time.monotonic() < give_up:
                time.sleep(PAUSE_SECONDS)
                continue
            holder = os.pread(self._lock, 20, 0).decode("ascii", "replace").strip()
            raise DataFolderBusy(
                f"the data folder {self.path} is in use by another panel, "
                f"process {holder or 'unknown'}; stop it, or name another in SOCKETDECK_DATA"
            )
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode("ascii"), 0)

    def _locked(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Release it; the file stays, as removing it would race with another panel's lock."""
        os.close(self._lock)


def make_private_file(path: Path) -> None:
    """Have an empty file there, readable by its owner alone, or narrow the one that is there."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    try:
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, PRIVATE_FILE)
    finally:
        os.close(descriptor)

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
    process ends. Behind the id stands the URL at which the panel is served, for whoever finds the
    folder locked. A folder that existed keeps its mode, as it may serve others too; the files that
    hold secrets have their own.
    """

    def __init__(self, path: Path, url: str = "") -> None:
        self.path = path
        self._url = url
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        except OSError as error:
            raise unusable("data", path, error) from error
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
            raise DataFolderBusy(
                f"the data folder {self.path} is in use by another panel, {_holder(self._lock)}; "
                "stop it, or name another in SOCKETDECK_DATA"
            )
        told = f"{os.getpid()} {self._url}\n".encode("ascii")
        os.pwrite(self._lock, told, 0)
        os.ftruncate(self._lock, len(told))

    def _locked(self) -> bool:
        return _locks(self._lock, fcntl.LOCK_EX)

    def close(self) -> None:
        """Release it; the file stays, as removing it would race with another panel's lock."""
        os.close(self._lock)


def find_panel(path: Path) -> str | None:
    """Which panel runs on a data folder, as `process N at URL`; `None` where none does."""
    try:
        lock = os.open(path / "lock", os.O_RDONLY)
    except OSError:
        return None
    try:
        return None if _locks(lock, fcntl.LOCK_SH) else _holder(lock)
    finally:
        os.close(lock)


def panel_url(path: Path) -> str | None:
    """Where the panel is served that runs on a data folder; `None` where none does."""
    running = find_panel(path)
    return None if running is None else running.partition(" at ")[2] or None


def unusable(which: str, path: Path, error: OSError) -> StoreError:
    """What to raise where the `which` folder, which has a setting of that name, gave this error."""
    reason = "it is no folder" if isinstance(error, FileExistsError) else error.strerror
    return StoreError(
        f"the {which} folder {path} cannot be used: {reason}; "
        f"name another in SOCKETDECK_{which.upper()}"
    )


def make_private_file(path: Path) -> None:
    """Have an empty file there, readable by its owner alone, or narrow the one that is there."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    try:
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, PRIVATE_FILE)
    finally:
        os.close(descriptor)


def _locks(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(lock: int) -> str:
    process, _, url = os.pread(lock, 1024, 0).decode("ascii", "replace").strip().partition(" ")
    return f"process {process or 'unknown'}" + (f" at {url}" if url else "")

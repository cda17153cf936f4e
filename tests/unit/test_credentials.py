"""Who is at the other end of a Unix socket, by name."""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from pathlib import Path

from socketdeck.credentials import named, process_name, user_name


def test_a_peer_that_is_there_has_names() -> None:
    found = named((os.getpid(), os.getuid(), os.getgid()), time.time())
    comm = Path("/proc/self/comm").read_text().rstrip("\n")
    assert found == {
        "pid": os.getpid(),
        "uid": os.getuid(),
        "gid": os.getgid(),
        "user": pwd.getpwuid(os.getuid()).pw_name,
        "process": comm,
    }


def test_of_a_closed_connection_no_process_is_told() -> None:
    """Its number may be another's by now."""
    assert named((os.getpid(), os.getuid(), os.getgid()), None)["process"] is None


def test_a_process_that_began_after_the_connection_is_another() -> None:
    assert process_name(os.getpid(), time.time() - 10**6) is None


def test_a_process_that_is_gone_or_of_elsewhere() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    assert process_name(child.pid, time.time()) is None
    assert process_name(0, time.time()) is None
    assert process_name(-1, time.time()) is None


def test_a_name_with_brackets_and_blanks(tmp_path: Path) -> None:
    program = tmp_path / "a) R (b"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([str(program), "60"]) as child:
        try:
            assert process_name(child.pid, time.time()) == "a) R (b"
        finally:
            child.kill()


def test_a_user_that_nobody_knows() -> None:
    assert user_name(4_000_000_000) is None
    assert user_name(-1) is None

"""Commands, and the system's packages: how they are run, brought where possible, asked for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class SetupFailed(Exception):
    """The set-up cannot go on; the text is one sentence that says what to do."""


class _PackageManager(NamedTuple):
    command: str
    install: str


_PACKAGE_MANAGERS = (
    _PackageManager("apt-get", "apt-get install -y"),
    _PackageManager("dnf", "dnf install -y"),
    _PackageManager("zypper", "zypper install -y"),
    _PackageManager("pacman", "pacman -S"),
    _PackageManager("apk", "apk add"),
)

_package_lists_are_fresh = False


def say(text: str) -> None:
    """Tell the user, on stderr: stdout belongs to what the set-up is for."""
    print(text, file=sys.stderr, flush=True)


def run(*command: str | Path, **environment: str) -> None:
    """Run to the end with `environment` added; what goes wrong it tells on stderr itself.

    Raises CalledProcessError or OSError.
    """
    subprocess.run(
        command,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


def answer_of(*command: str | Path) -> str | None:
    """What a command prints, stripped, or None if it fails, hangs for 20 s or is not there."""
    try:
        return subprocess.run(
            command,
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=20,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def install_packages(*packages: str) -> bool:
    """Install Debian's packages where that is possible: as root, with apt; else False."""
    global _package_lists_are_fresh
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    say(f"Installing {', '.join(packages)} ...")
    apt = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120")
    try:
        if not _package_lists_are_fresh:
            _run_quietly(*apt, "update")
            _package_lists_are_fresh = True
        _run_quietly(*apt, "install", "-y", "--no-install-recommends", *packages)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def command_to_install(*packages: str) -> str:
    """The command for a person to type; `packages` by Debian's names."""
    for manager in _PACKAGE_MANAGERS:
        if shutil.which(manager.command):
            return f"sudo {manager.install} {' '.join(packages)}"
    return f"your system's package manager ({' '.join(packages)})"


def _run_quietly(*command: str) -> None:
    """Run; what it printed is shown only if it fails."""
    finished = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )
    if finished.returncode:
        say(finished.stdout.strip())
    finished.check_returncode()

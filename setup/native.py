"""The engine's hot path in C, built on the spot where there is a compiler; else Python's serves."""

import shutil
import subprocess
import sysconfig
from pathlib import Path

from setup.paths import CACHE, ROOT
from setup.stamp import fingerprint, fits
from setup.system import command_to_install, install_packages, say

HOT = ROOT / "src" / "socketdeck" / "hot"
SOURCE = HOT / "native.c"
FLAGS = ("-std=gnu11", "-O2", "-Wall", "-fPIC", "-shared")
_STAMP = CACHE / "native"
_VERSION = sysconfig.get_python_version()
_PACKAGES = ("gcc", "libc6-dev", f"python{_VERSION}-dev")


def bring_native(*, install: bool) -> None:
    """Build it unless it is there; blocks for some seconds. What it needs is installed if asked.

    Where it cannot be built nothing is lost but time, and that is said.
    """
    target = HOT / f"_native{sysconfig.get_config_var('EXT_SUFFIX')}"
    made_from = fingerprint(SOURCE) + target.name
    if target.exists() and fits(_STAMP, made_from):
        return
    if not _can_build() and install:
        install_packages(*_PACKAGES)
    compiler = _compiler()
    if compiler is None or not _can_build():
        say(
            "Without a C compiler and Python's headers, to look at a connection costs five times "
            f"as much; install them with: {command_to_install(*_PACKAGES)}"
        )
        return
    say("Building the hot path in C ...")
    for stale in HOT.glob("_native.*so"):
        stale.unlink()
    unfinished = target.with_suffix(".unfinished")
    command = (compiler, *FLAGS, f"-I{_headers()}", "-o", str(unfinished), str(SOURCE))
    finished = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if finished.returncode:
        say(f"{finished.stderr.strip()}\n{SOURCE.name} could not be built; Python's code serves.")
        return
    unfinished.rename(target)  # whole or not at all
    CACHE.mkdir(exist_ok=True)
    _STAMP.write_text(made_from)


def _compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def _headers() -> Path:
    return Path(sysconfig.get_path("include"))


def _can_build() -> bool:
    has_interpreter_lock = not sysconfig.get_config_var("Py_GIL_DISABLED")
    return bool(_compiler()) and (_headers() / "Python.h").exists() and has_interpreter_lock

"""Compiles the C programs of this folder on the spot, once for each version of a source."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from benchmarks.plan import CACHE, ROOT

FLAGS = ("-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror")


class CannotBuild(Exception):
    """There is no C compiler, or it refused a source."""


def program(name: str) -> Path:
    """The path of the program made of `NAME.c`; compiles it unless the cache has it.

    Blocks for about a second the first time. Raises CannotBuild.
    """
    source = ROOT / f"{name}.c"
    digest = hashlib.sha256(source.read_bytes() + " ".join(FLAGS).encode()).hexdigest()[:16]
    binary = CACHE / f"{name}-{digest}"
    if binary.exists():
        return binary
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise CannotBuild(
            "The load generator needs a C compiler and none was found; "
            "install one, for example with: apt-get install gcc libc6-dev"
        )
    CACHE.mkdir(exist_ok=True)
    unfinished = binary.with_suffix(f".{os.getpid()}")  # two runs at once: the rename decides
    made = subprocess.run(
        [compiler, *FLAGS, "-o", str(unfinished), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise CannotBuild(f"{compiler} could not compile {source.name}:\n{made.stderr}")
    for stale in CACHE.glob(f"{name}-*"):
        if stale != unfinished:
            stale.unlink(missing_ok=True)
    unfinished.rename(binary)
    return binary

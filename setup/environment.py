"""The virtual environment and its packages, pinned in the requirement files.

pip takes a package for installed as soon as its metadata is there, which it writes before the
end: an environment that pip was interrupted in cannot be trusted. So a note stands in it while
pip installs, and where the note is found the environment is thrown away and made again. What
needs the network comes before the note: without one, an environment that works is left as it is.
"""

import importlib.util
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from setup.paths import CACHE, ROOT, VENV
from setup.stamp import fingerprint, fits
from setup.system import SetupFailed, answer_of, command_to_install, install_packages, run, say

PYTHON = VENV / "bin" / "python"

# What a purpose installs, the larger one last; each file names the ones before it.
_REQUIREMENTS = {
    "runtime": (ROOT / "requirements.txt",),
    "dev": (ROOT / "requirements.txt", ROOT / "requirements-dev.txt"),
}
_WHEELS = CACHE / "wheels"
_COMMAND = VENV / "bin" / "socketdeck"
_UNFINISHED = VENV / "unfinished"
_MADE_FOR = VENV / "made-for"
_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def bring_environment(which: str) -> None:
    """Make `.venv` hold the requirements, "runtime" or "dev"; instant where it does already."""
    if is_ready(which):
        _write_command()
        return
    if not _is_usable():
        _create()
    say(f"Installing Python packages into {VENV.name} ...")
    requirements = _REQUIREMENTS[which]
    install(requirements[-1])
    _site_packages().joinpath("socketdeck.pth").write_text(f"{ROOT / 'src'}\n")
    for name, files in _REQUIREMENTS.items():
        if set(files) <= set(requirements):
            _stamp(name).write_text(fingerprint(*files))
    _write_command()


def is_ready(which: str) -> bool:
    """Whether `.venv` holds the requirements as they are written now."""
    return fits(_stamp(which), fingerprint(*_REQUIREMENTS[which])) and _is_usable()


def install(requirements: Path) -> None:
    """Install a requirement file into `.venv`; raises SetupFailed if pip does not manage."""
    quietly = ("-qq", "--disable-pip-version-check", "--no-input", "--no-cache-dir")
    pip = (PYTHON, "-I", "-m", "pip")
    try:
        run(*pip, "wheel", *quietly, "--wheel-dir", _WHEELS, "--requirement", requirements)
        _UNFINISHED.touch()
        local = ("--no-index", "--find-links", _WHEELS)
        run(*pip, "install", *quietly, *local, "--requirement", requirements)
    except subprocess.CalledProcessError:
        raise SetupFailed(
            "The Python packages could not be installed, for the reason above; the set-up needs a "
            "network the first time: run the same command again when there is one."
        ) from None
    _UNFINISHED.unlink()


def _write_command() -> None:
    """Put the command line there, as pip would for a package that is installed."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from app.cli import main; "
    run_it = shlex.join([str(PYTHON), "-c", f"{code}sys.exit(main())"])
    text = f'#!/bin/sh\nexec {run_it} "$@"\n'
    if not _COMMAND.is_file() or _COMMAND.read_text() != text:
        _COMMAND.write_text(text)
        _COMMAND.chmod(0o755)


def _stamp(which: str) -> Path:
    return VENV / f"{which}-packages"


def _site_packages() -> Path:
    return VENV / "lib" / f"python{_VERSION}" / "site-packages"


def _is_usable() -> bool:
    """Whether this Python is `.venv`'s, whole, and neither it nor the folder has changed since.

    An environment holds absolute paths and its Python's version: it survives neither the
    clone's move nor the system's step to a newer Python.
    """
    return (
        Path(sys.prefix) == VENV
        and not _UNFINISHED.exists()
        and (fits(_MADE_FOR, _description()) or not _MADE_FOR.exists())
        and (_site_packages() / "pip").is_dir()
    )


def _description() -> str:
    return f"Python {_VERSION} in {ROOT}\n"


def _create() -> None:
    say(f"Making the virtual environment {VENV.name} with Python {_VERSION} ...")
    # In `.venv` itself this is the Python that it was made from.
    base_python = Path(getattr(sys, "_base_executable", sys.executable))
    shutil.rmtree(VENV, ignore_errors=True)
    VENV.mkdir()
    _UNFINISHED.touch()
    package = f"python{_VERSION}-venv"
    try:
        if importlib.util.find_spec("ensurepip") or install_packages(package):
            run(base_python, "-I", "-m", "venv", VENV)
        else:
            run(base_python, "-I", "-m", "venv", "--without-pip", VENV)
            _bootstrap_pip(base_python)
    except subprocess.CalledProcessError:
        raise SetupFailed(
            f"Python's venv module does not work here; install it with: "
            f"{command_to_install(package)}"
        ) from None
    _MADE_FOR.write_text(_description())


def _bootstrap_pip(base_python: Path) -> None:
    """Bring pip into `.venv` without ensurepip, which Debian keeps in a package of its own.

    By the system's pip if there is one, else from Debian's package of pip's wheel: reading a
    package takes no rights, only installing does. Raises CalledProcessError.
    """
    options = ("-qq", "--disable-pip-version-check", "--no-cache-dir")
    if answer_of(base_python, "-I", "-m", "pip", "--version"):
        run(base_python, "-I", "-m", "pip", "--python", PYTHON, "install", *options, "pip")
        return
    with tempfile.TemporaryDirectory() as scratch:
        wheels = _pip_wheels(Path("/usr/share/python-wheels")) or _pip_wheels_from_debian(scratch)
        if not wheels:
            raise subprocess.CalledProcessError(1, "pip")
        wheel = wheels[-1]
        run(PYTHON, wheel / "pip", "install", *options, "--no-index", wheel)


def _pip_wheels(folder: Path) -> list[Path]:
    return sorted(folder.glob("pip-*.whl"))


def _pip_wheels_from_debian(scratch: str) -> list[Path]:
    download = ("apt-get", "-qq", "download", "python3-pip-whl")
    try:
        subprocess.run(download, cwd=scratch, check=True, capture_output=True)
        for package in Path(scratch).glob("*.deb"):
            run("dpkg-deb", "-x", package, scratch)
    except (OSError, subprocess.CalledProcessError):
        return []
    return _pip_wheels(Path(scratch, "usr/share/python-wheels"))

"""The browser for the tests: one that is here, Debian's, or Playwright's."""

import os
import shutil
import subprocess
from pathlib import Path

from setup.environment import PYTHON
from setup.paths import CACHE
from setup.system import SetupFailed, answer_of, command_to_install, install_packages, run, say

# Where the path of the browser found is kept, for the Makefile to hand on.
FOUND = CACHE / "browser"

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

# What Playwright's own node is linked to and a bare Debian has not.
_DRIVERS_LIBRARY = "libatomic1"


def bring_browser() -> None:
    """Find or install a Chromium, and keep its path; raises SetupFailed if none is to be had."""
    asked_for = os.environ.get("SOCKETDECK_BROWSER")
    if not asked_for and FOUND.exists() and os.access(FOUND.read_text().strip(), os.X_OK):
        return
    browser = asked_for or _on_path()
    if not browser and install_packages("chromium"):
        browser = _on_path()
    if not browser:
        browser = _playwrights_own()
    if not browser:
        raise SetupFailed(
            f"The tests need a browser; install Chromium with: {command_to_install('chromium')}, "
            "or name one in SOCKETDECK_BROWSER."
        )
    if not _driver_starts() and not (install_packages(_DRIVERS_LIBRARY) and _driver_starts()):
        raise SetupFailed(
            "Playwright, which drives the tests' browser, does not start here; it may lack a "
            f"library: {command_to_install(_DRIVERS_LIBRARY)}"
        )
    FOUND.parent.mkdir(exist_ok=True)
    FOUND.write_text(f"{browser}\n")


def _on_path() -> str | None:
    """A browser that starts: Ubuntu's `chromium-browser` may be a stub that only asks for snap."""
    candidates = filter(None, map(shutil.which, _NAMES))
    return next((path for path in candidates if answer_of(path, "--version")), None)


def _driver_starts() -> bool:
    return answer_of(PYTHON, "-I", "-m", "playwright", "--version") is not None


def _playwrights_own() -> str | None:
    """Playwright's Chromium, brought into the clone; None without a network or its libraries."""
    say("Downloading a browser for the tests (about 200 MB) ...")
    folder = str(CACHE / "browsers")
    try:
        run(
            PYTHON, "-I", "-m", "playwright", "install", "chromium", PLAYWRIGHT_BROWSERS_PATH=folder
        )
    except subprocess.CalledProcessError:
        return None
    builds = sorted(Path(folder).glob("chromium-*/chrome-linux*/chrome"))
    return next((str(path) for path in builds if answer_of(path, "--version")), None)

"""Node and the front end's packages, pinned in package-lock.json."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from setup import environment, vendor
from setup.paths import CACHE, NODE_MODULES, ROOT, VENDOR, VENV
from setup.stamp import fingerprint, fits
from setup.system import SetupFailed, answer_of, run, say

_MANIFEST = ROOT / "package.json"
_LOCK = ROOT / "package-lock.json"
_NODE_REQUIREMENTS = Path(__file__).with_name("requirements-node.txt")
# npm itself empties the folder before it installs, so what it was interrupted in has no stamp.
_PACKAGES_STAMP = NODE_MODULES / ".all-packages"
_VENDOR_STAMP = VENDOR / ".stamp"


def bring_vendor() -> None:
    """Make `static/vendor` hold the browser's modules; instant where it does already."""
    wanted = fingerprint(_LOCK, Path(vendor.__file__))
    if fits(_VENDOR_STAMP, wanted):
        return
    if not _has_all_packages():
        _install_packages("--omit=dev")
    vendor.copy_modules()
    _VENDOR_STAMP.write_text(wanted)


def bring_packages() -> None:
    """Make `node_modules` hold all packages, those of tests and linters too, and node be there."""
    bring_node()
    if not _has_all_packages():
        _install_packages()
        _PACKAGES_STAMP.write_text(fingerprint(_LOCK))


def bring_node() -> str:
    """The PATH on which node and npm are found, new enough for package.json.

    Debian 12's are too old and many machines have none: then a wheel brings both into `.venv`.
    """
    path = os.pathsep.join((str(VENV / "bin"), os.environ.get("PATH", os.defpath)))
    if not _node_suits(path):
        say("Installing node and npm into .venv ...")
        environment.install(_NODE_REQUIREMENTS)
    if not _node_suits(path):
        raise SetupFailed(
            f"Node {_oldest_node()} or newer with npm is needed for the front end's packages and "
            "none runs here; install it from your system's packages."
        )
    return path


def _has_all_packages() -> bool:
    return fits(_PACKAGES_STAMP, fingerprint(_LOCK))


def _install_packages(*options: str) -> None:
    path = bring_node()
    say("Installing front-end packages ...")
    npm = shutil.which("npm", path=path) or "npm"
    quietly = ("--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
    # What the cache holds is what the lock's hashes say; without a network, give up in seconds.
    cached = ("--cache", CACHE / "npm", "--prefer-offline")
    patience = ("--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")
    try:
        run(npm, "ci", *options, "--ignore-scripts", *quietly, *cached, *patience, PATH=path)
    except subprocess.CalledProcessError:
        raise SetupFailed(
            "The front-end packages could not be installed, for the reason above; the set-up needs "
            "a network the first time: run the same command again when there is one."
        ) from None


def _node_suits(path: str) -> bool:
    node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    if not node or not npm:
        return False
    version = re.match(r"v(\d+)\.", answer_of(node, "--version") or "")
    return version is not None and int(version[1]) >= _oldest_node()


def _oldest_node() -> int:
    requirement: str = json.loads(_MANIFEST.read_text())["engines"]["node"]
    return int(requirement.removeprefix(">="))

"""System tools: the clients that tests talk to services with, and the benchmarks' compiler."""

import shutil

from setup.system import SetupFailed, command_to_install, install_packages, say

# The command, and the Debian package that has it.
_TEST_CLIENTS = {"nc": "netcat-openbsd", "socat": "socat", "curl": "curl"}
_COMPILER = ("gcc", "libc6-dev")


def bring_test_clients() -> None:
    """Install nc, socat and curl where they lack; without them their tests are skipped."""
    lacking = [tool for tool in _TEST_CLIENTS if not shutil.which(tool)]
    packages = [_TEST_CLIENTS[tool] for tool in lacking]
    if lacking and not install_packages(*packages):
        say(
            f"Tests that talk through {', '.join(lacking)} will be skipped; install with: "
            f"{command_to_install(*packages)}"
        )


def bring_compiler() -> None:
    """A C compiler as `cc`; raises SetupFailed where there is none and it cannot be installed."""
    if not shutil.which("cc") and not install_packages(*_COMPILER):
        raise SetupFailed(
            "The benchmarks build their load generator with a C compiler; install one with: "
            f"{command_to_install(*_COMPILER)}"
        )

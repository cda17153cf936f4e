"""`python3 -E -m setup PURPOSE` from the clone's root; the exit code is 0 once all is there."""

import fcntl
import os
import sys

from setup import browser, environment, frontend, native, tools
from setup.paths import ROOT
from setup.system import SetupFailed, say


def bring_panel() -> None:
    environment.bring_environment("runtime")
    frontend.bring_vendor()
    native.bring_native(install=False)


def bring_tests() -> None:
    bring_lint()
    frontend.bring_vendor()
    native.bring_native(install=True)
    tools.bring_test_clients()
    browser.bring_browser()


def bring_lint() -> None:
    environment.bring_environment("dev")
    frontend.bring_packages()


def bring_bench() -> None:
    tools.bring_compiler()
    native.bring_native(install=True)
    bring_panel()


PURPOSES = {
    "panel": bring_panel,
    "tests": bring_tests,
    "lint": bring_lint,
    "bench": bring_bench,
}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in PURPOSES:
        say(f"usage: setup/prepare {'|'.join(PURPOSES)}")
        return 2
    try:
        _wait_for_other_set_ups(arguments)
        PURPOSES[arguments[0]]()
    except SetupFailed as failure:
        say(str(failure))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _wait_for_other_set_ups(arguments: list[str]) -> None:
    """Hold the clone's lock until this process ends: two set-ups at once would tread on each other.

    One that had to wait starts over, in the environment that the other has made meanwhile.
    """
    folder = os.open(ROOT / "setup", os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("Waiting for another set-up of this folder to end ...")
        fcntl.flock(folder, fcntl.LOCK_EX)
        os.execv(ROOT / "setup" / "prepare", ["prepare", *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

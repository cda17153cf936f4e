"""CPython's own tests of socketserver, run on managed classes.

`test.test_socketserver` is loaded anew with a `socketserver` whose server classes are managed, in
each of these ways:

- `bases`: the classes that the tests derive from are managed: what they override stands in front.
- `front`: what a test instantiates is managed as a whole, as the engine does it with any class.
- `watched`: the same, with a journal that takes down what happens.

Where Python's test package is not installed (Debian splits it off) these are skipped, and the cases
of `test_socketserver_cases` stand for them.
"""

from __future__ import annotations

import importlib.util
import socketserver
import sys
import types
import unittest
import warnings
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import pytest

from socketdeck import Journal, managed

SERVERS = [
    "BaseServer",
    "TCPServer",
    "UDPServer",
    "UnixStreamServer",
    "UnixDatagramServer",
    "ThreadingTCPServer",
    "ThreadingUDPServer",
    "ThreadingUnixStreamServer",
    "ThreadingUnixDatagramServer",
    "ForkingTCPServer",
    "ForkingUDPServer",
    "ForkingUnixStreamServer",
    "ForkingUnixDatagramServer",
]

try:
    INSTALLED = importlib.util.find_spec("test.test_socketserver")
except ModuleNotFoundError:
    INSTALLED = None

NOT_WATCHED = {
    "test_sync_not_handled": "SystemExit in a watched handler ends its request, not the server",
    "test_threading_not_handled": "the same: it is an event, not a thread's unhandled exception",
}
"""What a journal changes, on purpose. Forking is left out as well: see `_cases`."""

journals: list[Journal] = []
"""The journal of the watched test that runs; the classes outlive each test, so they look here."""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, journal: Journal) -> Iterator[None]:
    """The tests write their logs into the current folder; watched ones write to a journal."""
    monkeypatch.chdir(tmp_path)
    journals.append(journal)
    journal.wake()  # or its drainer would look like a thread that the test has left behind
    yield
    journals.clear()


def as_bases(server_class: Any) -> Any:
    """The managed class itself, to be derived from."""
    return managed(server_class)


def in_front(server_class: Any) -> Any:
    """A class whose instances, and those of what derives from it, are of the managed class."""

    def new(cls: Any, *_: Any, **__: Any) -> Any:
        return object.__new__(managed(cls))

    return _derived(server_class, new)


def watched(server_class: Any) -> Any:
    """The same, with the running test's journal."""

    def new(cls: Any, *_: Any, **__: Any) -> Any:
        return object.__new__(managed(cls, journal=journals[-1]))

    return _derived(server_class, new)


def _derived(server_class: Any, new: Callable[..., Any]) -> Any:
    body = {"__new__": new, "__module__": "socketserver"}
    return type(server_class.__name__, (server_class,), body)


def _load(prepare: Callable[[Any], Any]) -> types.ModuleType | None:
    """The tests' module with a `socketserver` of prepared classes; `None` if there is none."""
    found = INSTALLED
    if found is None or found.origin is None:
        return None
    name = f"cpython_{prepare.__name__}"
    loader = SourceFileLoader(name, found.origin)
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    prepared = types.ModuleType("socketserver")
    prepared.__dict__.update(vars(socketserver))
    for name in SERVERS:
        if hasattr(socketserver, name):
            setattr(prepared, name, prepare(getattr(socketserver, name)))
    real = sys.modules["socketserver"]
    sys.modules["socketserver"] = prepared
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loader.exec_module(module)
    except (ImportError, unittest.SkipTest):
        return None
    finally:
        sys.modules["socketserver"] = real
    return module


def _cases(prepare: Callable[[Any], Any]) -> Iterator[tuple[str, type[unittest.TestCase]]]:
    """The test classes, each under a name of its own."""
    module = _load(prepare)
    for name, found in vars(module).items() if module else ():
        if not (isinstance(found, type) and issubclass(found, unittest.TestCase)):
            continue
        body: dict[str, Any] = {"__module__": __name__}
        if prepare is watched:
            for test in unittest.TestLoader().getTestCaseNames(found):
                # A journal's drainer may hold a lock at the fork; the engine forks in a process
                # that has no other thread.
                why = NOT_WATCHED.get(test) or ("forks" if "orking" in test else None)
                if why:
                    body[test] = unittest.skip(why)(getattr(found, test))
        yield f"Test{name}_{prepare.__name__}", type(name, (found,), body)


for _prepare in (as_bases, in_front, watched):
    globals().update(_cases(_prepare))

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def test_the_tests_ran_where_they_are_installed() -> None:
    """They are collected by name: a change of theirs must not make them vanish unseen."""
    if INSTALLED is None:
        pytest.skip("Python's test package is not installed here")
    found = {name for name in globals() if name.startswith("Test")}
    for mode in ("as_bases", "in_front", "watched"):
        assert {f"TestSocketServerTest_{mode}", f"TestErrorHandlerTest_{mode}"} <= found


def test_what_the_tests_used_was_managed() -> None:
    module = _load(in_front)
    if module is None:
        pytest.skip("Python's test package is not installed here")
    from socketdeck.managed import ManagedMixIn

    module_sockets = module.socketserver
    server = module_sockets.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler)
    server.server_close()
    assert type(server).__mro__[0:2] == (type(server), ManagedMixIn)

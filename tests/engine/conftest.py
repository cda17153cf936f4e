"""A supervisor, services on ports of the kernel's choice, clients, and a look for leaks."""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import pytest

from socketdeck import Journal, Service, Supervisor

from .client import Client
from .leaks import Belongings
from .transcript import Transcript

HANDLERS = Path(__file__).parent / "handlers"


class Serve(Protocol):
    def __call__(self, handler: str = ..., address: str = ..., **fields: Any) -> Service: ...


class Connect(Protocol):
    def __call__(self, service: Service, name: Path | str | None = None) -> Client: ...


@pytest.fixture(scope="session")
def what_the_process_shares() -> None:
    """What the engine makes once for the process is there before anything is counted."""
    with Supervisor() as deck:
        for scheme in ("tcp", "udp"):
            service = deck.add(name=scheme, address=f"{scheme}://127.0.0.1:0", handler="echo")
            service.start()
            service.exchange(b"hello")


@pytest.fixture(autouse=True)
def nothing_is_leaked(what_the_process_shares: None, tmp_path: Path) -> Iterator[None]:
    """Every test here gives back its threads, descriptors, children and socket files."""
    before = Belongings.now(tmp_path)
    yield
    leaked = before.leaked(tmp_path)
    assert not leaked, f"left behind: {', '.join(leaked)}"


@pytest.fixture
def handlers_folder() -> Path:
    """The folder of the handlers that these tests use; not to be written to."""
    return HANDLERS


@pytest.fixture
def own_folder(tmp_path: Path) -> Path:
    """A copy of it, for a test that edits."""
    return Path(shutil.copytree(HANDLERS, tmp_path / "handlers"))


@pytest.fixture
def journal() -> Iterator[Journal]:
    made = Journal(window=0.01)
    yield made
    made.close()


@pytest.fixture
def deck(journal: Journal, handlers_folder: Path) -> Iterator[Supervisor]:
    """A supervisor; what is still running at the end of the test must stop without complaint."""
    made = Supervisor(handlers_folder=handlers_folder, journal=journal)
    yield made
    assert made.shutdown(timeout=0) == []


@pytest.fixture
def events(journal: Journal) -> Iterator[Transcript]:
    """All that the journal tells from now on."""
    transcript = Transcript(journal)
    yield transcript
    transcript.close()


@pytest.fixture
def serve(deck: Supervisor, events: Transcript) -> Serve:
    """Starts a service: on loopback TCP, with the handler that obeys, unless told otherwise."""
    numbers = itertools.count(1)

    def start(
        handler: str = "obedient:Obedient", address: str = "tcp://127.0.0.1:0", **fields: Any
    ) -> Service:
        fields = {"name": f"service-{next(numbers)}", **fields}
        service = deck.add(handler=handler, address=address, **fields)
        service.start()
        return service

    return start


@pytest.fixture
def connect(deck: Supervisor) -> Iterator[Connect]:
    """Connects to a running service; what was connected is closed at the end."""
    clients: list[Client] = []

    def make(service: Service, name: Path | str | None = None) -> Client:
        assert service.address is not None, f"{service} is not listening"
        clients.append(Client(service.address, name=name))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def loaded() -> Callable[[str], ModuleType]:
    """The module of the handlers folder as the last start loaded it."""
    return lambda name: sys.modules[name]


@pytest.fixture
def release(deck: Supervisor) -> Iterator[Callable[[], None]]:
    """Lets the handlers of `obedient` that wait go on; at the end of the test in any case."""

    def let_go() -> None:
        sys.modules["obedient"].release.set()

    yield let_go
    if "obedient" in sys.modules:
        let_go()

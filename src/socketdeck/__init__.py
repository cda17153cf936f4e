"""Socketdeck's engine: runs, watches and controls `socketserver` servers.

    from socketdeck import Supervisor

    with Supervisor() as deck:
        deck.add(name="greeter", address="tcp://127.0.0.1:1234", handler="greeting").start()

It knows nothing of the web or of a database. `managed(ServerClass)` gives the class that the engine
would run for any `BaseServer` subclass.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

TYPE_CHECKING = False  # not from `typing`: see `hosts.forking`
if TYPE_CHECKING:
    from typing import Any

    from socketdeck.address import Address
    from socketdeck.connections import Connection
    from socketdeck.definition import ServiceDefinition
    from socketdeck.errors import SocketdeckError
    from socketdeck.event import Event, event_as_json
    from socketdeck.journal import Journal
    from socketdeck.managed import managed
    from socketdeck.service import Service
    from socketdeck.status import ConnectionView, ServiceStatus
    from socketdeck.subscription import Subscription
    from socketdeck.supervisor import Supervisor

_HOMES = {
    "Address": "address",
    "Connection": "connections",
    "ConnectionView": "status",
    "Event": "event",
    "Journal": "journal",
    "Service": "service",
    "ServiceDefinition": "definition",
    "ServiceStatus": "status",
    "SocketdeckError": "errors",
    "Subscription": "subscription",
    "Supervisor": "supervisor",
    "event_as_json": "event",
}

__all__ = [
    "Address",
    "Connection",
    "ConnectionView",
    "Event",
    "Journal",
    "Service",
    "ServiceDefinition",
    "ServiceStatus",
    "SocketdeckError",
    "Subscription",
    "Supervisor",
    "event_as_json",
    "managed",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for (PEP 562).

    A child process that forks for each connection imports this package too, and each megabyte that
    it does not load makes its forks quicker.
    """
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)


class _Package(ModuleType):
    """Has the function `managed`, in whose place the module of that name would put itself."""

    @property
    def managed(self) -> Any:
        return import_module(f"{__name__}.managed").managed

    @managed.setter
    def managed(self, module: ModuleType) -> None:
        """Called by the import of a submodule, which becomes an attribute of its package."""


sys.modules[__name__].__class__ = _Package

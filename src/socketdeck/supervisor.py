"""`Supervisor`: the services by name, and all their connections.

It is the one place in which what is wanted meets what is. `_lock` guards the table of services;
nothing blocks under it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Self

from socketdeck.address import Address
from socketdeck.connections import Connection, ConnectionTable
from socketdeck.definition import ServiceDefinition
from socketdeck.errors import (
    AddressTaken,
    FieldError,
    InvalidDefinition,
    NameTaken,
    SocketdeckError,
    UnknownService,
)
from socketdeck.journal import Journal
from socketdeck.service import Service
from socketdeck.timekeeper import Timekeeper


class Supervisor:
    """Runs services. Its maker shuts it down, which stops them all.

    `folder` is where users' own handler modules are; a journal given is not closed by it. `stirred`
    is called for each service in which something changes that is counted (`Tally.sample_with`).
    """

    def __init__(
        self,
        *,
        handlers_folder: Path | None = None,
        journal: Journal | None = None,
        first_connection_id: int = 1,
        stirred: Callable[[Service], None] | None = None,
    ) -> None:
        self._own_journal = journal is None
        self.journal = journal or Journal()
        self.handlers_folder = handlers_folder
        self.connections = ConnectionTable(self.journal, first_connection_id)
        self._timekeeper = Timekeeper()
        self._stirred = stirred
        self._services: dict[str, Service] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def add(
        self,
        definition: ServiceDefinition | Mapping[str, Any] | None = None,
        /,
        *,
        announce: bool = True,
        **fields: Any,
    ) -> Service:
        """A new service, stopped; `InvalidDefinition`, `NameTaken` or `AddressTaken` say why not.

        `announce` false leaves out the event: for one that was there before, as after a restart.
        """
        wanted = self._checked(definition, fields)
        service = Service(
            wanted, self.connections, self._timekeeper, self.handlers_folder, self._holder_of
        )
        with self._lock:
            taken = self._address_taken(wanted)
            if wanted.name in self._services:
                told = f"there is a service {wanted.name} already; choose another name"
                raise NameTaken(told, also=taken)
            if taken is not None:
                raise taken
            self._services[wanted.name] = service
        if self._stirred is not None:
            service.tally.sample_with(partial(self._stirred, service))
        if announce:
            shown = wanted.model_dump(mode="json")
            self.journal.emit("service.created", wanted.name, definition=shown)
        return service

    def get(self, name: str) -> Service:
        """The service of that name; `UnknownService` where there is none."""
        found = self._services.get(name)
        if found is None:
            raise UnknownService(f"there is no service {name!r}")
        return found

    def services(self) -> list[Service]:
        """All of them, by name."""
        with self._lock:
            return [self._services[name] for name in sorted(self._services)]

    def replace(
        self,
        name: str,
        definition: ServiceDefinition | Mapping[str, Any] | None = None,
        /,
        **fields: Any,
    ) -> Service:
        """Edit a service; what cannot act at once waits for its next start (`pending_changes`)."""
        wanted = self._checked(definition, fields)
        if wanted.name != name:
            raise InvalidDefinition([FieldError("/name", "a service cannot be renamed")])
        with self._lock:
            service = self._services.get(name)
            if service is None:
                raise UnknownService(f"there is no service {name!r}")
            taken = self._address_taken(wanted)
            if taken is not None:
                raise taken
            before = service.definition
            service.edit(wanted)
        changed = [
            field
            for field in type(wanted).model_fields
            if getattr(before, field) != getattr(wanted, field)
        ]
        self.journal.emit(
            "service.updated", name, changed=changed, definition=wanted.model_dump(mode="json")
        )
        return service

    def remove(
        self,
        name: str,
        drain_timeout: float | None = None,
        *,
        first: Callable[[], object] | None = None,
    ) -> None:
        """Stop a service and forget it; blocks until it is stopped.

        `first` is called between the two: where it raises, the service stays, stopped.
        """
        service = self.get(name)
        service.retire(drain_timeout)
        if first is not None:
            try:
                first()
            except BaseException:
                service.come_back()
                raise
        with self._lock:
            if self._services.pop(name, None) is None:
                return
        self.journal.emit("service.deleted", name)

    def connection(self, number: int) -> Connection:
        """An open or recently closed connection; `UnknownConnection` where there is none."""
        return self.connections.get(number)

    def shutdown(self, timeout: float = 10.0) -> list[str]:
        """Stop all services at once, each draining for `timeout` seconds at most; then end.

        Returns a sentence for each that left something behind. Blocks; may be called twice.
        """
        services = self.services()
        complaints: list[str] = []

        def stop(service: Service) -> None:
            try:
                service.retire(min(timeout, service.definition.drain_timeout))
            except SocketdeckError as error:
                complaints.append(str(error))

        if services:
            with ThreadPoolExecutor(min(32, len(services)), "socketdeck-shutdown") as stoppers:
                list(stoppers.map(stop, services))
        self._timekeeper.close()
        if self._own_journal:
            self.journal.close()
        return complaints

    def _checked(
        self, definition: ServiceDefinition | Mapping[str, Any] | None, fields: Mapping[str, Any]
    ) -> ServiceDefinition:
        if isinstance(definition, ServiceDefinition):
            return definition
        return ServiceDefinition.parse({**(definition or {}), **fields})

    def _holder_of(self, address: Address) -> str | None:
        """Which service has it bound: not always the one whose definition names it."""
        for service in self.services():
            bound = service.address
            if bound is not None and bound.overlaps(address):
                return f"the service {service.name}"
        return None

    def _address_taken(self, wanted: ServiceDefinition) -> AddressTaken | None:
        """Who else has that address, as an error; under `_lock`."""
        address = wanted.listens_on
        for service in self._services.values():
            if service.name != wanted.name and service.definition.listens_on.overlaps(address):
                return AddressTaken(
                    f"{wanted.address} is the address of the service {service.name}; choose another"
                )
        return None

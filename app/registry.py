"""The services of the panel: what the supervisor runs and what the store keeps, together.

A definition is on the disk before anybody is told of it, and a call that fails half-way takes back
what it did: there is never a service that is not kept, nor one kept that does not exist.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from app.sampling import Sampler
from app.store import Definitions, RevisionMismatch, StoredDefinition
from socketdeck import Service, ServiceDefinition, SocketdeckError, Supervisor
from socketdeck.address import Address
from socketdeck.errors import (
    AddressError,
    FieldError,
    InvalidDefinition,
    LoadError,
    StartFailed,
    UnknownService,
)
from socketdeck.loading import check

HANDLER_FIELDS = ("handler", "options", "concurrency")
"""With the address's transport, all that a handler's fitness depends on."""

log = logging.getLogger(__name__)


class Kept(NamedTuple):
    """A service, and the revision of its kept definition."""

    service: Service
    revision: int


class Registry:
    """Creates, edits, deletes, starts and stops services.

    `_changing` is held over each change of a definition, its write to the disk included, so that
    what runs and what is kept change in the same order. Starting and stopping do not need it.
    `_revisions` is written under it and read by anybody.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        definitions: Definitions,
        sampler: Sampler,
        handlers_folder: Path,
    ) -> None:
        self._supervisor = supervisor
        self._sampler = sampler
        self._definitions = definitions
        self._folder = handlers_folder
        self._changing = threading.Lock()
        self._revisions: dict[str, int] = {}
        self._unreadable: dict[str, str] = {}

    # -- at the panel's start -----------------------------------------------------------------

    def bring_back(self) -> list[str]:
        """Take over what the store keeps; returns the names of those that are to be started.

        A definition that this version cannot read stays kept, and is told in `unreadable`.
        """
        wanted = []
        for stored in self._definitions.all():
            try:
                definition = ServiceDefinition.parse(stored.definition)
                service = self._supervisor.add(definition, announce=False)
            except SocketdeckError as error:
                log.error("the service %s cannot be brought back: %s", stored.name, error)
                self._unreadable[stored.name] = str(error)
                continue
            self._revisions[stored.name] = stored.revision
            if stored.wanted == "running" and service.definition.autostart:
                wanted.append(stored.name)
        return wanted

    @property
    def unreadable(self) -> dict[str, str]:
        """Kept definitions that cannot be used, by name, and why."""
        return dict(self._unreadable)

    def autostart(self, name: str) -> None:
        """Start a service as a starting panel does: patiently. What fails is in its status."""
        try:
            self._supervisor.get(name).start(patient=True)
        except StartFailed as error:
            log.error("%s", error)
        except UnknownService:
            pass  # deleted meanwhile

    def not_up(self) -> dict[str, str]:
        """Those that are wanted to run and do not, by name, with the state that they are in."""
        missing = {}
        for stored in self._definitions.all():
            if stored.wanted != "running" or not stored.definition.get("autostart", True):
                continue
            try:
                state: str = self._supervisor.get(stored.name).state
            except UnknownService:
                state = "unreadable"
            if state not in ("running", "suspended"):
                missing[stored.name] = state
        return missing

    # -- definitions --------------------------------------------------------------------------

    def get(self, name: str) -> Kept:
        """A service with its revision; `UnknownService` where there is none."""
        service = self._supervisor.get(name)
        return Kept(service, self._revisions.get(name, 0))

    def create(self, given: Mapping[str, Any]) -> Kept:
        """A new service, stopped, its definition on the disk.

        `InvalidDefinition` names all bad fields at once; `NameTaken` and `AddressTaken` by whom.
        """
        definition = self._checked(given)
        with self._changing:
            service = self._supervisor.add(definition)
            try:
                stored = self._save(definition)
            except BaseException:
                self._supervisor.remove(definition.name)
                raise
        return Kept(service, stored.revision)

    def replace(
        self,
        name: str,
        change: Callable[[dict[str, Any]], Mapping[str, Any]],
        is_expected: Callable[[int], bool],
    ) -> Kept:
        """Give a service the definition that `change` makes of its present one.

        `is_expected` is asked about the present revision, and refuses with `RevisionMismatch`.
        Where nothing changes, the revision is as it was, and nobody is told.
        """
        while True:
            kept = self.get(name)
            revision, present = kept.revision, kept.service.definition
            self._expect(name, revision, is_expected)
            definition = self._checked(change(present.model_dump(mode="json")), present)
            if definition == present:
                return kept
            # Checking a handler may take seconds, so it is done outside the lock.
            with self._changing:
                if self._revisions.get(name, 0) != revision:
                    continue  # somebody else was quicker: once more, on top of their change
                service = self._supervisor.replace(name, definition)
                try:
                    stored = self._save(definition)
                except BaseException:
                    self._supervisor.replace(name, present)
                    raise
            return Kept(service, stored.revision)

    def delete(self, name: str, is_expected: Callable[[int], bool]) -> None:
        """Stop a service, where it runs, and forget it; blocks until it is stopped."""
        service, revision = self.get(name)
        self._expect(name, revision, is_expected)
        service.stop()
        with self._changing:
            self._expect(name, self.get(name).revision, is_expected)
            # It may have been started meanwhile: so there may be something to stop, at once.
            self._supervisor.remove(name, drain_timeout=0, first=partial(self._forget, service))
            self._revisions.pop(name, None)

    # -- what is asked of them ----------------------------------------------------------------

    def start(self, name: str) -> Service:
        """Start it, and have it running after a panel's restart too; blocks until it serves."""
        service = self._supervisor.get(name)
        self._definitions.want(name, "running")
        service.start()
        return service

    def try_start(self, name: str) -> None:
        """The same, where a failure is not the caller's to hear: it stands in the status."""
        with contextlib.suppress(StartFailed):
            self.start(name)

    def stop(self, name: str, drain_timeout: float | None = None) -> Service:
        """Stop it, and have it stay so; blocks until it has ended."""
        service = self._supervisor.get(name)
        self._definitions.want(name, "stopped")
        service.stop(drain_timeout)
        return service

    def restart(self, name: str) -> Service:
        """Stop it where it runs, and start it with the handler's code as it is now."""
        service = self._supervisor.get(name)
        self._definitions.want(name, "running")
        service.restart()
        return service

    # -- within -------------------------------------------------------------------------------

    def _forget(self, service: Service) -> None:
        """All that is kept of it, or where the database refuses, nothing."""
        with self._sampler.forgetting(service):
            self._definitions.delete(service.name)

    def _save(self, definition: ServiceDefinition) -> StoredDefinition:
        stored = self._definitions.save(definition.model_dump(mode="json"))
        self._revisions[definition.name] = stored.revision
        return stored

    def _expect(self, name: str, revision: int, is_expected: Callable[[int], bool]) -> None:
        if not is_expected(revision):
            raise RevisionMismatch(
                f"the definition of {name} was changed meanwhile; read it again, then change that"
            )

    def _checked(
        self, given: Mapping[str, Any], present: ServiceDefinition | None = None
    ) -> ServiceDefinition:
        """The definition, once all of it is good: its own fields, and whether the handler fits.

        A handler that was there before and is used as before is not asked about again: an edit of
        something else must not fail because its file is broken at the moment.
        """
        errors: list[FieldError] = []
        definition: ServiceDefinition | None = None
        try:
            definition = ServiceDefinition.parse(given)
        except InvalidDefinition as invalid:
            errors = invalid.errors
        if present is None or not _serves_alike(present, definition):
            errors = errors + self._unfit(given, {error.pointer for error in errors})
        if errors or definition is None:
            raise InvalidDefinition(errors)
        return definition

    def _unfit(self, given: Mapping[str, Any], bad: set[str]) -> list[FieldError]:
        """What is wrong with the handler, as far as what was said of it can be read."""
        handler = given.get("handler")
        if not isinstance(handler, str) or "/handler" in bad:
            return []
        options = given.get("options", {})
        concurrency = given.get("concurrency", "threading")
        try:
            check(
                handler,
                folder=self._folder,
                transport=None if "/address" in bad else _transport(given.get("address")),
                options=options if isinstance(options, dict) else None,
                concurrency=concurrency if "/concurrency" not in bad else None,
            )
        except LoadError as error:
            return [FieldError("/handler", str(error))]
        except InvalidDefinition as invalid:
            return invalid.errors
        return []


def _serves_alike(present: ServiceDefinition, wanted: ServiceDefinition | None) -> bool:
    return (
        wanted is not None
        and present.listens_on.transport == wanted.listens_on.transport
        and all(getattr(present, name) == getattr(wanted, name) for name in HANDLER_FIELDS)
    )


def _transport(address: Any) -> str | None:
    try:
        return Address.parse(address).transport
    except (AddressError, AttributeError):
        return None

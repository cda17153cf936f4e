"""Statuses as frames carry them: JSON texts, looked at only while somebody does.

A status changes with events, and without them too: bytes are counted where nothing is recorded, and
rates go down by themselves. So the statuses of services that have something going on are looked at
a few times a second, those of all others when an event tells of them, and for a moment after: a
rate is of full seconds, and shows after the second is over. A service that runs while somebody is
at its own page is looked at as well: who waits in the kernel's backlog is in no event.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from typing import NamedTuple

from app.live.topics import Topic
from app.panel import Panel
from socketdeck import Service, SocketdeckError
from socketdeck.status import ServiceStatus

LIVELY_SECONDS = 2.0

_ALWAYS_CHANGING = ("duration", "idle")


class Status(NamedTuple):
    """A status as JSON; `essence` is the same for two that differ only in how time has passed."""

    text: str
    essence: str


class ServiceText(NamedTuple):
    """A service as JSON: its definition without the closing brace, and its status."""

    definition: str
    status: str

    @property
    def whole(self) -> str:
        """As REST gives it."""
        return f'{self.definition},"status":{self.status}}}'


class Statuses:
    """The statuses of what is looked at. Owned by the pump's thread."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._services: dict[str, ServiceText] = {}
        self._connections: dict[int, Status] = {}
        self._all: Status | None = None
        self._lively: dict[str, float] = {}  # until when, monotonic

    @property
    def may_change(self) -> bool:
        """Whether something that is looked at may change without an event."""
        return bool(self._lively or self._connections)

    def look(self, topics: Collection[Topic], touched: set[str], *, lively: bool) -> None:
        """Look at what may have changed of `topics`: services that events tell of, and lively ones.

        What was not looked at before is looked at in any case, and what nobody looks at any more is
        forgotten.
        """
        kinds = {topic.name for topic in topics}
        own = {topic.service for topic in topics if topic.name == "service" and topic.service}
        names = set(own)
        if "overview" in kinds:
            names |= {service.name for service in self._panel.supervisor.services()}
        for name in self._services.keys() - names:
            self._forget(name)
        for name in names:
            if name in touched:
                self._lively[name] = time.monotonic() + LIVELY_SECONDS
            elif not (lively and name in self._lively) and name in self._services:
                continue
            self._look_at(name, by_itself=name in own)
        self._all = self._put_together() if "overview" in kinds else None
        numbers = {topic.connection for topic in topics if topic.name == "connection"}
        self._connections = {
            number: status
            for number in numbers
            if number is not None and (status := connection_status(self._panel, number))
        }

    def of(self, topic: Topic) -> Status | None:
        """What was seen of a topic's status last; `None` where it has none."""
        if topic.name == "overview":
            return self._all
        if topic.name == "service" and topic.service in self._services:
            text = self._services[topic.service].status
            return Status(text, text)
        if topic.name == "connection" and topic.connection is not None:
            return self._connections.get(topic.connection)
        return None

    def _look_at(self, name: str, *, by_itself: bool) -> None:
        try:
            service = self._panel.supervisor.get(name)
        except SocketdeckError:
            self._forget(name)
            return
        status = service.status()
        now = time.monotonic()
        if _is_lively(service, status) or (by_itself and status.state == "running"):
            self._lively.setdefault(name, now)
        elif self._lively.get(name, now) <= now:
            self._lively.pop(name, None)
        self._services[name] = service_text(service, status)

    def _put_together(self) -> Status:
        names = sorted(self._services)
        text = f"[{','.join(self._services[name].whole for name in names)}]"
        if self._all is not None and self._all.text == text:
            return self._all
        return Status(text, text)

    def _forget(self, name: str) -> None:
        self._services.pop(name, None)
        self._lively.pop(name, None)


def take_status(panel: Panel, topic: Topic) -> Status | None:
    """A topic's status at this moment, for whoever begins to look at it; from any thread.

    `SocketdeckError` where there is no such service or connection.
    """
    if topic.name == "overview":
        services = panel.supervisor.services()
        whole = [service_text(service, service.status()).whole for service in services]
        text = f"[{','.join(whole)}]"
        return Status(text, text)
    if topic.name == "service" and topic.service is not None:
        text = panel.supervisor.get(topic.service).status().model_dump_json(by_alias=True)
        return Status(text, text)
    if topic.name == "connection" and topic.connection is not None:
        panel.connections.get(topic.connection)
        return connection_status(panel, topic.connection)
    return None


def service_text(service: Service, status: ServiceStatus) -> ServiceText:
    """A service as JSON."""
    definition = service.definition.model_dump_json(by_alias=True)
    return ServiceText(definition[:-1], status.model_dump_json(by_alias=True))


def connection_status(panel: Panel, number: int) -> Status | None:
    """A connection's view as JSON; `None` where nothing knows it any more."""
    try:
        view = panel.connections.get(number)
    except SocketdeckError:
        return None
    lasting = {name: value for name, value in view.items() if name not in _ALWAYS_CHANGING}
    return Status(json.dumps(view, separators=(",", ":")), json.dumps(lasting))


def _is_lively(service: Service, status: ServiceStatus) -> bool:
    """Whether a status may be another one soon, though no event tells so."""
    if status.connections.open:
        return True
    if status.state == "running" and service.definition.capture.level == "off":
        return True
    longest = status.rates.get("60s")
    return longest is not None and any(value > 0 for value in longest.model_dump().values())

"""What a user wants of a service: `ServiceDefinition`, and all validation of what they say.

A definition is flat and says nothing of what is: that is `status`. Fields of the contract whose
capability does not exist yet are known here by name, and refused where they differ from their
default, so that nothing is ever accepted and then ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from socketdeck.address import Address
from socketdeck.complaints import field_errors
from socketdeck.errors import AddressError, FieldError, InvalidDefinition

NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
SECONDS_MAXIMUM = 86_400.0 * 365

Concurrency = Literal["sync", "threading", "forking", "pool"]
CaptureLevel = Literal["off", "counters", "events", "payload", "auto"]
Seconds = Annotated[float, Field(ge=0, le=SECONDS_MAXIMUM, allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=4096)]


class Part(BaseModel):
    """What all parts of a definition share: no unknown fields, no silent conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Restart(Part):
    """What happens when a running service ends by itself."""

    policy: Literal["never", "on-failure", "always"] = Field(
        "on-failure",
        description="on-failure: after an end that nobody asked for; always: also "
        "after the last of `requests`",
    )
    delay: Seconds = Field(1.0, description="seconds before the first restart; doubles each time")
    maximum_delay: Seconds = Field(60.0, description="seconds that the delay never exceeds")
    attempts: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        None, description="restarts in a row after which it is left failed; null: no end"
    )

    @model_validator(mode="after")
    def _delays_agree(self) -> Self:
        if self.maximum_delay < self.delay:
            raise PydanticCustomError("restart", "maximum_delay must not be less than delay")
        return self


class Limits(Part):
    """Bounds on what the service takes on."""

    max_connections: int | None = Field(None, description="not built yet")
    max_connections_per_peer: int | None = Field(None, description="not built yet")
    max_connection_rate: float | None = Field(None, description="not built yet")
    idle_timeout: float | None = Field(None, description="not built yet")
    max_lifetime: float | None = Field(None, description="not built yet")
    backlog: Annotated[int, Field(ge=1, le=65_535)] = Field(
        4096, description="connections that the kernel lets wait (listen(2))"
    )
    max_datagram: Annotated[int, Field(ge=1, le=65_507)] = Field(
        65_507, description="bytes of a datagram that are read; a longer one is cut, and said to be"
    )


class Access(Part):
    """Who may connect, by CIDR; deny wins. Not built yet."""

    allow: list[str] | None = Field(None, description="not built yet")
    deny: list[str] | None = Field(None, description="not built yet")


class Capture(Part):
    """How closely the service is watched."""

    level: CaptureLevel = Field(
        "auto",
        description="off, counters, events or payload; auto: payload while the service is quiet "
        "or looked at, counters while it is hot",
    )
    bytes: Annotated[int, Field(ge=0, le=1 << 20)] = Field(
        256, description="how many bytes of each message are kept at level payload; 0: all"
    )


_NOT_BUILT: dict[str, Callable[[Any], bool]] = {
    "server": lambda value: value is None,
    "factory": lambda value: value is None,
    "attributes": lambda value: value == {},
    "processes": lambda value: value == 1 and not isinstance(value, bool),
    "tls": lambda value: value is None,
    "access": lambda value: (
        value == {}
        or (isinstance(value, dict) and set(value) <= {"allow", "deny"} and not any(value.values()))
    ),
    "faults": lambda value: value == [],
}
_NOT_BUILT_LIMITS = (
    "max_connections",
    "max_connections_per_peer",
    "max_connection_rate",
    "idle_timeout",
    "max_lifetime",
)


class ServiceDefinition(Part):
    """One service, as its user wants it. Immutable: an edit is another definition."""

    name: str = Field(description="unique; lower-case letters, digits and hyphens")
    description: Text = ""
    labels: dict[
        Annotated[str, Field(min_length=1, max_length=63)], Annotated[str, Field(max_length=255)]
    ] = Field(default_factory=dict, max_length=64)
    address: str = Field(
        description="tcp://HOST:PORT, udp://HOST:PORT, unix:///PATH or unixgram:///PATH"
    )
    concurrency: Concurrency = Field(
        "threading",
        description="how requests are served: one after the other, a thread each, a "
        "child process each, or by a bounded pool of threads",
    )
    pool_size: Annotated[int, Field(ge=1, le=1024)] = Field(
        64, description="threads of a pool; more connections wait in its queue"
    )
    handler: Annotated[str, Field(min_length=1, max_length=255)] = Field(
        description="a name from the catalogue, or module:Class"
    )
    server: None = Field(None, description="not built yet")
    factory: None = Field(None, description="not built yet")
    options: dict[str, Any] = Field(
        default_factory=dict, description="what the handler's own Options take"
    )
    attributes: dict[str, Any] = Field(default_factory=dict, description="not built yet")
    requests: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = Field(
        None, description="null: serve_forever; N: handle_request N times, then stopped"
    )
    host: Literal["thread", "process"] = Field(
        "thread", description="a background thread of the panel, or a child process"
    )
    processes: int = Field(1, description="more than 1: not built yet")
    affinity: bool = Field(True, description="whether a child process is pinned to one core")
    tls: None = Field(None, description="not built yet")
    autostart: bool = Field(
        True, description="whether a starting panel brings back what was last asked of it"
    )
    restart: Restart = Restart()
    drain_timeout: Seconds = Field(
        5.0, description="seconds a stop waits for open connections before it closes them"
    )
    limits: Limits = Limits()
    access: Access = Access()
    capture: Capture = Capture()
    faults: list[Any] = Field(default_factory=list, description="not built yet")

    @field_validator("name")
    @classmethod
    def _name_is_plain(cls, name: str) -> str:
        if not re.fullmatch(NAME_PATTERN[1:-1], name):
            raise PydanticCustomError(
                "name",
                "a name is 1 to 63 lower-case letters, digits and hyphens; no hyphen comes first",
            )
        return name

    @field_validator("address")
    @classmethod
    def _address_is_normal(cls, text: str) -> str:
        try:
            return str(Address.parse(text))
        except AddressError as error:
            raise PydanticCustomError("address", "{why}", {"why": str(error)}) from None

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> ServiceDefinition:
        """Validate what a user said; `InvalidDefinition` names all bad fields at once."""
        errors = _unbuilt(given)
        refused = {error.pointer for error in errors}
        try:
            definition = cls.model_validate(dict(given))
        except ValidationError as error:
            errors += [bad for bad in field_errors(error) if not _within(bad.pointer, refused)]
            raise InvalidDefinition(errors) from None
        if errors:
            raise InvalidDefinition(errors)
        return definition

    @property
    def listens_on(self) -> Address:
        """The address, parsed."""
        return Address.parse(self.address)

    @property
    def runs_in_child(self) -> bool:
        """Whether it needs a process of its own: asked for, or because the panel never forks."""
        return self.host == "process" or self.concurrency == "forking"


def _unbuilt(given: Mapping[str, Any]) -> list[FieldError]:
    errors = [
        FieldError(f"/{name}", f"{name} is not built yet; leave it out")
        for name, is_default in _NOT_BUILT.items()
        if name in given and not is_default(given[name])
    ]
    limits = given.get("limits")
    if isinstance(limits, Mapping):
        errors += [
            FieldError(f"/limits/{name}", f"limits.{name} is not built yet; leave it out")
            for name in _NOT_BUILT_LIMITS
            if limits.get(name) is not None
        ]
    return errors


def _within(pointer: str, refused: set[str]) -> bool:
    return any(pointer == parent or pointer.startswith(parent + "/") for parent in refused)

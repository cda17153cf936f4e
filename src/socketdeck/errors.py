"""What can go wrong, as a shallow tree.

Each error is one sentence that says what was wrong, with what, and what to do about it; it is meant
to be shown to the person who asked. `str(error)` is that sentence.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence


class SocketdeckError(Exception):
    """The root of every error that the engine raises on purpose."""


class FieldError(namedtuple("FieldError", ["pointer", "detail"])):
    """One bad field: `pointer` is its JSON pointer (RFC 6901) in what was given."""

    __slots__ = ()
    pointer: str
    detail: str


class InvalidDefinition(SocketdeckError):
    """What a user asked for cannot be; `errors` has every bad field at once."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = list(errors)
        super().__init__("; ".join(f"{error.pointer or '/'}: {error.detail}" for error in errors))


class AddressError(SocketdeckError):
    """An address that cannot be read."""


class AddressUnavailable(SocketdeckError):
    """An address that cannot be bound: in use (by whom), refused, unknown, or not a socket."""


class AddressTaken(SocketdeckError):
    """An address that another service of this supervisor has."""


class NameTaken(SocketdeckError):
    """A name that another service of this supervisor has; `also` where the address is taken too."""

    def __init__(self, message: str, also: AddressTaken | None = None) -> None:
        super().__init__(message)
        self.also = also


class UnknownService(SocketdeckError):
    """No service has that name."""


class UnknownConnection(SocketdeckError):
    """No open or recently closed connection has that number."""


class IllegalTransition(SocketdeckError):
    """A call that makes no sense in the state that the service is in; nothing changed."""


class LoadError(SocketdeckError):
    """A handler that cannot be loaded; `traceback` is its own, where its code raised."""

    def __init__(self, message: str, traceback: str | None = None) -> None:
        super().__init__(message)
        self.traceback = traceback


class StartFailed(SocketdeckError):
    """A service that could not start; the reason is also its `last_error`."""


class StopIncomplete(SocketdeckError):
    """A stop that had to leave something behind: what, and where it stands."""


class Unsupported(SocketdeckError):
    """Something that this service, transport or machine cannot do."""


class Unreachable(SocketdeckError):
    """A connection that cannot be looked into, or sent to, as it stands now; nothing happened."""

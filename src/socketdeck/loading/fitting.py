"""Making a handler fit a service: its transport, its concurrency, its options."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from socketserver import BaseRequestHandler, DatagramRequestHandler, StreamRequestHandler

from socketdeck.complaints import field_errors, pointer_to
from socketdeck.errors import FieldError, InvalidDefinition

TYPE_CHECKING = False  # not from `typing`: see `hosts.forking`
if TYPE_CHECKING:
    from typing import Any

    from pydantic import BaseModel

    from socketdeck.catalogue import Entry

Handler = type[BaseRequestHandler]

STREAM_TRANSPORTS = ("tcp", "unix")
DATAGRAM_TRANSPORTS = ("udp", "unixgram")

SET_BY_SOCKETSERVER = frozenset({"request", "client_address", "server"})


def fit(
    found: Entry | Handler, transport: str, options: Mapping[str, Any], concurrency: str
) -> Handler:
    """The class for one service; `InvalidDefinition` has all that does not fit at once.

    Options come as a subclass made for the service; what was found is not touched. A handler with
    an `Options` model reads them, validated, from `self.options`. Any other gets them as class
    attributes. Where the subclass would change nothing, the class is returned as it is.
    """
    attributes = verify(found, transport, options, concurrency)
    handler: Handler = found if isinstance(found, type) else found.handler_for(transport)
    own = shares_state(found) or any(
        getattr(handler, name, None) != value for name, value in attributes.items()
    )
    return _derived(handler, attributes) if own else handler


def verify(
    found: Entry | Handler,
    transport: str | None,
    options: Mapping[str, Any] | None,
    concurrency: str | None,
) -> dict[str, Any]:
    """The class attributes that the options become, once all fits; what is `None` is not looked at.

    `InvalidDefinition` has all that does not fit at once.
    """
    errors = []
    attributes: dict[str, Any] = {}
    if transport is not None and transport not in transports_of(found):
        errors.append(FieldError("/handler", _not_served(found, transport)))
    if concurrency == "forking" and shares_state(found):
        errors.append(FieldError("/concurrency", _not_shared(found)))
    if options is not None:
        try:
            attributes = _attributes(found, options)
        except InvalidDefinition as invalid:
            errors += invalid.errors
    if errors:
        raise InvalidDefinition(errors)
    return attributes


def transports_of(found: Entry | Handler) -> tuple[str, ...]:
    """The address schemes that it can serve; for a class, by its base in socketserver."""
    if not isinstance(found, type):
        return found.transports
    if issubclass(found, StreamRequestHandler):
        return STREAM_TRANSPORTS
    if issubclass(found, DatagramRequestHandler):
        return DATAGRAM_TRANSPORTS
    return STREAM_TRANSPORTS + DATAGRAM_TRANSPORTS


def shares_state(found: Entry | Handler) -> bool:
    """Whether it says, by `shares_state = True`, that its clients must meet in one process."""
    return bool(getattr(found, "shares_state", False))


def options_model(found: Entry | Handler) -> type[BaseModel] | None:
    """The model of a handler's options, where it has one: a pydantic model named `Options`."""
    if not isinstance(found, type):
        return found.options
    model = getattr(found, "Options", None)
    if not isinstance(model, type) or "pydantic" not in sys.modules:
        return None
    from pydantic import BaseModel

    return model if issubclass(model, BaseModel) else None


def _attributes(found: Entry | Handler, options: Mapping[str, Any]) -> dict[str, Any]:
    if model := options_model(found):
        return {"options": _validated(model, options)}
    errors = [
        FieldError(pointer_to(("options", name)), reason)
        for name in options
        if (reason := _why_not_attribute(found, name))
    ]
    if errors:
        raise InvalidDefinition(errors)
    return dict(options)


def _validated(model: type[BaseModel], options: Mapping[str, Any]) -> BaseModel:
    from pydantic import ValidationError

    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        raise InvalidDefinition(field_errors(error, "options")) from None
    except Exception as error:  # a validator of the user's own, with a bug
        said = f"{type(error).__name__}: {error}"
        raise InvalidDefinition(
            [FieldError("/options", f"validating them raised {said}")]
        ) from None


def _why_not_attribute(handler: Any, name: str) -> str | None:
    if not name.isidentifier() or name.startswith("_"):
        return "an option becomes an attribute: its name is an identifier without a leading _"
    if name in SET_BY_SOCKETSERVER:
        return f"socketserver itself sets {name}"
    if callable(getattr(handler, name, None)):
        return f"{name} is a method of {handler.__name__}, which an option cannot replace"
    return None


def _derived(handler: Handler, attributes: dict[str, Any]) -> Handler:
    """A subclass that goes by its parent's name, in tracebacks and elsewhere."""
    body = {
        "__module__": handler.__module__,
        "__qualname__": handler.__qualname__,
        "__doc__": handler.__doc__,
        **attributes,
    }
    derived: Handler = types.new_class(
        handler.__name__, (handler,), exec_body=lambda names: names.update(body)
    )
    return derived


def _not_served(found: Entry | Handler, transport: str) -> str:
    served = " and ".join(transports_of(found))
    if not isinstance(found, type):
        return f"{found.name} serves {served}, not {transport}"
    base = next(
        base for base in (StreamRequestHandler, DatagramRequestHandler) if issubclass(found, base)
    )
    return f"{found.__name__} is a {base.__name__}, which serves {served}, not {transport}"


def _not_shared(found: Entry | Handler) -> str:
    name = found.__name__ if isinstance(found, type) else found.name
    return (
        f"{name} keeps state that all its clients share, and forking gives each client a process "
        "and a copy of its own; choose threading, pool or sync"
    )

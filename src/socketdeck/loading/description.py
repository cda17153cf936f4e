"""Handlers as they are listed."""

from __future__ import annotations

import inspect
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from socketdeck.catalogue import Entry
from socketdeck.loading.fitting import Handler, options_model, shares_state, transports_of

DESCRIPTION_MAXIMUM_CHARACTERS = 4096

Source = Literal["builtin", "entry_point", "file"]


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class HandlerDescription(_View):
    """One handler that a service can name."""

    name: str = Field(description="what a definition's handler says")
    title: str
    description: str
    transports: tuple[str, ...] = Field(description="of tcp, unix, udp, unixgram")
    options_schema: dict[str, Any] | None = Field(
        description="JSON Schema of its options; null: any, as class attributes"
    )
    source: Source
    shares_state: bool = Field(
        False, description="whether its clients meet in memory, so that forking is refused"
    )


class FileFailure(_View):
    """A file of the handlers folder that cannot be imported."""

    file: str = Field(description="from the handlers folder on")
    message: str
    traceback: str | None = None


class Listing(_View):
    """All handlers that there are, and the files that do not import."""

    handlers: tuple[HandlerDescription, ...]
    errors: tuple[FileFailure, ...] = ()


def describe(name: str, found: Entry | Handler, source: Source) -> HandlerDescription:
    """What is said of a handler; of a class, by its docstring and its base."""
    if isinstance(found, Entry):
        title, description = found.title, found.description
    else:
        title, description = found.__name__, inspect.cleandoc(vars(found).get("__doc__") or "")
    return HandlerDescription(
        name=name,
        title=title,
        description=description[:DESCRIPTION_MAXIMUM_CHARACTERS],
        transports=transports_of(found),
        options_schema=_options_schema(found),
        source=source,
        shares_state=shares_state(found),
    )


def _options_schema(found: Entry | Handler) -> dict[str, Any] | None:
    model = options_model(found)
    if model is None:
        return None
    try:
        return model.model_json_schema()
    except Exception:
        # A type that JSON Schema has no word for: the options still validate, without a form.
        return {"type": "object"}

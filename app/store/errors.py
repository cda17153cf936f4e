"""What can go wrong with the store, each told in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from socketdeck.errors import FieldError


class StoreError(Exception):
    """The database or a folder cannot be used; says what to do about it."""


class DataFolderBusy(StoreError):
    """Another panel runs on this data folder."""


class RevisionMismatch(Exception):
    """A definition was changed meanwhile: it has another revision than the one expected."""


class PlacedError(FieldError):
    """A bad field that says where in its text it is wrong, in characters."""

    position: int
    length: int

    def __new__(cls, pointer: str, detail: str, position: int, length: int) -> PlacedError:
        error = super().__new__(cls, pointer, detail)
        error.position, error.length = position, length
        return error


class BadQuery(Exception):
    """Query parameters that make no sense; `errors` has all of them, by `/NAME`."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = list(errors)
        super().__init__("; ".join(f"{error.pointer}: {error.detail}" for error in errors))

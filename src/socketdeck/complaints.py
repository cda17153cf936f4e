"""Pydantic's complaints, as bad fields in the words of people who write JSON."""

from __future__ import annotations

from collections.abc import Mapping

from socketdeck.errors import FieldError

TYPE_CHECKING = False  # not from `typing`: see `hosts.forking`
if TYPE_CHECKING:
    from typing import Any

    from pydantic import ValidationError

_OF_THE_KEY = "[key]"
"""What pydantic appends to the location of a key of an object, where the key itself is bad."""

_REASONS = {
    "missing": "this field is required",
    "extra_forbidden": "there is no such field",
    "model_type": "should be an object",
    "model_attributes_type": "should be an object",
    "dict_type": "should be an object",
    "tuple_type": "should be a list",
    "list_type": "should be a list",
    "none_required": "should be null",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "int_parsing": "should be a valid integer",
    "int_from_float": "should be a valid integer",
    "float_parsing": "should be a valid number",
    "string_unicode": "should be a valid string: it holds half of a surrogate pair",
}

_FORMS = {
    r"^[a-z0-9][a-z0-9-]{0,62}$": "1 to 63 lower-case letters, digits and hyphens, no hyphen first",
    r"^[\x20-\x7e]+$": "printable ASCII characters",
}


def field_errors(error: ValidationError, *under: str) -> list[FieldError]:
    """All bad fields of a model, `under` being where it stands in the whole."""
    return [
        FieldError(pointer_to((*under, *found["loc"])), readable_reason(found))
        for found in error.errors(include_url=False)
    ]


def pointer_to(location: tuple[int | str, ...]) -> str:
    """A JSON pointer (RFC 6901) from pydantic's location; of a bad key, to what it leads to."""
    if _is_of_a_key(location):
        location = location[:-1]
    parts = [str(part).replace("~", "~0").replace("/", "~1") for part in location]
    return "".join(f"/{part}" for part in parts)


def readable_reason(found: Mapping[str, Any]) -> str:
    """The reason of one complaint, as a sentence without jargon."""
    reason = _reason(found["type"], str(found["msg"]), found.get("ctx", {}))
    return f"its name {reason}" if _is_of_a_key(found["loc"]) else reason


def _is_of_a_key(location: tuple[int | str, ...]) -> bool:
    return len(location) > 2 and location[-1] == _OF_THE_KEY


def _reason(kind: str, message: str, context: Mapping[str, Any]) -> str:
    match kind:
        case "string_too_short" | "too_short" if context["min_length"] == 1:
            return "should not be empty"
        case "string_too_short":
            return f"should have at least {context['min_length']} characters"
        case "string_too_long":
            return f"should have at most {_counted(context['max_length'], 'character')}"
        case "too_short":
            return f"should have at least {context['min_length']} items"
        case "too_long":
            return f"should have at most {_counted(context['max_length'], 'item')}"
        case "string_pattern_mismatch":
            pattern = context["pattern"]
            return f"should be {_FORMS.get(pattern) or f'of the form {pattern}'}"
    known = _REASONS.get(kind)
    return known or message.removeprefix("Value error, ").removeprefix("Input ").strip()


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

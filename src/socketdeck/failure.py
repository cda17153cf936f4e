"""An exception as it is kept and shown."""

from __future__ import annotations

from socketdeck.output import storable

TYPE_CHECKING = False  # not from `typing`: see `hosts.forking`
if TYPE_CHECKING:
    from typing import Any

TRACEBACK_CHARACTERS = 16_384
LINE_CHARACTERS = 2_000
"""Of a line in a traceback that is too long: so a long message leaves room for the frames."""


def failure_of(error: BaseException) -> dict[str, Any]:
    """The fields of `status.Failure`. Of a long traceback long lines are cut, then its middle."""
    import traceback  # here alone: most processes never fail

    text = "".join(traceback.format_exception(error))
    if len(text) > TRACEBACK_CHARACTERS:
        lines = text.split("\n")
        text = "\n".join(
            line if len(line) <= LINE_CHARACTERS else f"{line[:LINE_CHARACTERS]} ..."
            for line in lines
        )
    if len(text) > TRACEBACK_CHARACTERS:
        half = TRACEBACK_CHARACTERS // 2
        left_out = f"\n  ... {len(text) - 2 * half} characters left out ...\n"
        text = text[:half] + left_out + text[-half:]
    try:
        message = str(error)
    except Exception as another:
        message = f"its own __str__ raised {type(another).__name__}"
    return {
        "type": type(error).__name__,
        "message": storable(message[:TRACEBACK_CHARACTERS]),
        "traceback": storable(text),
    }

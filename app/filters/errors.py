"""What is wrong with a filter, and where."""

from __future__ import annotations


class BadFilter(ValueError):
    """A filter that cannot be read.

    `detail` says what is wrong, `position` and `length` where: characters (code points) of the
    text. At its end `length` is 0.
    """

    def __init__(self, detail: str, position: int, length: int) -> None:
        self.detail = detail
        self.position = position
        self.length = length
        super().__init__(f"{detail} (at character {position + 1})")

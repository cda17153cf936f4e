"""The pages of the documentation, as data: their fenced blocks, commands, tables and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"```(?P<kind>[a-z]*)(?: (?P<name>\S+))?")
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"#{1,6} (?P<text>.+)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: what follows the fence, and its text. `line` is the number of the fence."""

    kind: str
    name: str | None
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Command:
    """What a reader types, and what they are told to see. `line` is where it stands."""

    text: str
    expected: str
    line: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page of Markdown."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        return self.path.read_text("utf-8")

    @property
    def blocks(self) -> list[Block]:
        """The fenced blocks, in order."""
        found: list[Block] = []
        opened: tuple[int, re.Match[str]] | None = None
        inside: list[str] = []
        for number, line in enumerate(self.text.splitlines(), 1):
            if opened is None:
                fence = _FENCE.fullmatch(line)
                opened = (number, fence) if fence else None
            elif line == "```":
                start, fence = opened
                text = "".join(f"{one}\n" for one in inside)
                found.append(Block(fence["kind"], fence["name"], text, start))
                opened, inside = None, []
            else:
                inside.append(line)
        assert opened is None, f"{self.name}: the block of line {opened and opened[0]} has no end"
        return found

    @property
    def prose(self) -> str:
        """The text without its fenced blocks."""
        return re.sub(r"(?ms)^```.*?^```$", "", self.text)

    @property
    def links(self) -> list[str]:
        """What it links to, pictures included."""
        return [match["target"] for match in _LINK.finditer(self.prose)]

    @property
    def anchors(self) -> set[str]:
        """What a link to a part of it may name, as GitHub makes it of the headings."""
        headings = (_HEADING.fullmatch(line) for line in self.prose.splitlines())
        return {_anchor(heading["text"]) for heading in headings if heading}

    def rows(self, *columns: str) -> list[list[str]]:
        """The rows of all tables whose first columns are headed so, their cells stripped."""
        heading = f"| {' | '.join(columns)} |"
        lines = iter(self.prose.splitlines())
        found: list[list[str]] = []
        for line in lines:
            if line.startswith(heading):
                next(lines)  # the rule under the heading
                found += _rows(lines)
        assert found, f"{self.name} has no table that begins with {heading}"
        return found

    def line_with(self, text: str) -> str:
        """The one line of its prose that has a text."""
        (line,) = [line for line in self.prose.splitlines() if text in line]
        return line


def commands(block: Block) -> list[Command]:
    """The commands of a `console` block: a `$`, then `>` where a line goes on, then the output."""
    found: list[Command] = []
    for number, line in enumerate(block.text.splitlines(), block.line + 1):
        if line.startswith("$ "):
            found.append(Command(line[2:], "", number))
            continue
        assert found, f"line {number}: a console block begins with a command"
        last = found[-1]
        if line.startswith("> ") and not last.expected:
            found[-1] = Command(f"{last.text}\n{line[2:]}", "", last.line)
        else:
            found[-1] = Command(last.text, f"{last.expected}{line}\n", last.line)
    return found


def shown(cell: str) -> list[str]:
    """What stands between backticks in a table's cell."""
    return re.findall(r"`([^`]+)`", cell)


def _rows(lines: Iterator[str]) -> Iterator[list[str]]:
    for line in lines:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split(" | ")]


def _anchor(heading: str) -> str:
    words = re.sub(r"[^\w\- ]", "", heading.lower())
    return words.replace(" ", "-")


README = Page(ROOT / "README.md")
PAGES = [README, *(Page(path) for path in sorted(DOCS.glob("*.md")))]
BY_NAME = {page.name: page for page in PAGES}

"""A reader, who does what a page says, in its order, and looks whether it is as the page says.

A reader has a terminal (one bash for the whole page, so that what is set stays set) in a folder in
place of the clone, with nothing in it but `.venv` and `app`, and a panel of their own, where the
page talks to one. What they do differently from a person:

- `make run` stands for what it ends in, `python -m app`, without the set-up before it. A page that
  does not begin with it finds the panel running.
- The ports 5080 and 7000 to 7199 of the page are replaced by ports that are free on this machine,
  in what is typed and in what is to be seen, and in the ready-made services.
- A question (`api` with nothing but a path, or a `socketdeck` command) whose answer is not yet as
  the page says is asked again once something has happened: a client may see its end before the
  panel has written it down.

In what is to be seen, `...` stands for any text, and on a line of its own for any lines.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import requests

from app.configuration import Configuration
from app.readymade import ready_made
from app.store import Store
from tests.docs.pages import ROOT, Block, Command, Page, commands
from tests.panels import ServedPanel

SECONDS = 30.0
"""For one command; none takes a tenth of it."""

ASKING_SECONDS = 10.0
"""How long a question may have to be asked again."""

PANEL_PORT = "5080"

_PORT = re.compile(rf"\b({PANEL_PORT}|7[01][0-9]{{2}})\b")
_QUESTION = re.compile(
    r"""(api (?P<quote>['"]?)/[^'" ]*(?P=quote)( -G --data-urlencode '[^']*')?"""
    r"""|\.venv/bin/socketdeck [^|>&]+)( \| [^|]+)?"""
)
_ENDED = re.compile(rb"\x1e([0-9]+)\n")


class Ports:
    """Ports that are free, for TCP and UDP, in place of those that a page names.

    Each is held for TCP until the end. What holds it is bound to it and does not listen: Linux then
    gives it to nobody who asks for any port, and to a server that asks for this one, as both set
    SO_REUSEADDR.
    """

    def __init__(self) -> None:
        self._free: dict[str, str] = {}
        self._held = contextlib.ExitStack()

    def moved(self, text: str) -> str:
        """The text with the free ports in it."""
        return _PORT.sub(lambda found: self.free_for(found[0]), text)

    def free_for(self, port: str) -> str:
        """The port that stands for another."""
        while port not in self._free:
            holder = self._held.enter_context(socket.socket())
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("127.0.0.1", 0))
            with contextlib.suppress(OSError), socket.socket(type=socket.SOCK_DGRAM) as probe:
                probe.bind(holder.getsockname())
                self._free[port] = str(holder.getsockname()[1])
        return self._free[port]

    def close(self) -> None:
        self._held.close()


class Terminal:
    """A bash that is told one command after the other, each in the state that the last one left."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self._script = scratch / "command.sh"
        self._bash = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=folder,
            # Nothing of this machine: no proxy for curl, no other language.
            env={"PATH": os.environ["PATH"], "HOME": str(scratch), "LC_ALL": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(self, command: str) -> tuple[str, int]:
        """What a command says, and its exit status. It has nothing to read from its stdin."""
        assert self._bash.stdin is not None
        self._script.write_text(f"{command}\n", "utf-8")
        script = shlex.quote(str(self._script))
        self._bash.stdin.write(f". {script} </dev/null; printf '\\036%d\\n' $?\n".encode())
        self._bash.stdin.flush()
        said = b""
        give_up = time.monotonic() + SECONDS
        while not (ended := _ENDED.search(said)):
            piece = self._read(give_up)
            assert piece, f"{command}\ndid not end; it said:\n{said.decode('utf-8', 'replace')}"
            said += piece
        return said[: ended.start()].decode("utf-8", "replace"), int(ended[1])

    def close(self) -> None:
        """End it, with all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.communicate()

    def _read(self, give_up: float) -> bytes:
        """What there is to read, `b""` at the end or when the time is over."""
        assert self._bash.stdout is not None
        descriptor = self._bash.stdout.fileno()
        left = max(0.0, give_up - time.monotonic())
        readable, _, _ = select.select([descriptor], [], [], left)
        return os.read(descriptor, 65_536) if readable else b""


class Reader:
    """Reads one page. A context manager: at its end nothing of what was started is left."""

    def __init__(self, page: Page, folder: Path) -> None:
        self._page = page
        self._clone = folder / "clone"
        self._clone.mkdir()
        self._ports = Ports()
        self._panel: ServedPanel | None = None
        (self._clone / ".venv").symlink_to(sys.prefix)
        (self._clone / "app").symlink_to(ROOT / "app")
        self._seed()
        self._terminal = Terminal(self._clone, folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._terminal.close()
        self._end_panel()
        self._ports.close()

    def read(self) -> None:
        """Do all that the page says."""
        todo = list(self._steps())
        typed = [step.text for step in todo if isinstance(step, Command)]
        if typed[0] != "make run" and PANEL_PORT in " ".join(typed):
            self._start_panel()
        for step in todo:
            if isinstance(step, Block):
                self._write(step)
            elif step.text == "make run":
                self._check(step, self._start_panel(), 0)
            else:
                self._do(step)

    def _steps(self) -> Iterator[Block | Command]:
        for block in self._page.blocks:
            if block.kind == "console":
                yield from commands(block)
            elif block.kind == "python":
                yield block

    # -- what a page says ---------------------------------------------------------------------

    def _write(self, block: Block) -> None:
        """A file with a name is written, as a person does it with an editor."""
        assert block.name, f"{self._page.name}:{block.line}: python without the name of its file"
        path = self._clone / block.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._ports.moved(block.text), "utf-8")

    def _do(self, step: Command) -> None:
        command = self._ports.moved(step.text)
        is_question = _QUESTION.fullmatch(step.text) is not None
        seq = self._newest_seq() if is_question else 0
        said, status = self._terminal.run(command)
        while is_question and not self._is_as_shown(step, said):
            happened = self._next_seq(seq)
            if happened is None:
                break
            seq = happened
            said, status = self._terminal.run(command)
        self._check(step, said, status)

    def _check(self, step: Command, said: str, status: int) -> None:
        place = f"{self._page.name}:{step.line}: $ {step.text}"
        expected = self._ports.moved(step.expected)
        assert self._is_as_shown(step, said), f"{place}\nshown:\n{expected}\nseen:\n{said}"
        assert status == 0, f"{place}\nleft with status {status}:\n{said}"

    def _is_as_shown(self, step: Command, said: str) -> bool:
        # A server's last line may have no end, and empty lines are not worth showing.
        seen = f"{said.rstrip()}\n" if said.strip() else ""
        return pattern(self._ports.moved(step.expected)).fullmatch(seen) is not None

    # -- the panel ----------------------------------------------------------------------------

    def _seed(self) -> None:
        """A data folder whose ready-made services are at free ports, as if no panel had run yet."""
        data = str(self._clone / "instance")
        store = Store.open(Configuration.from_environment({"SOCKETDECK_DATA": data}))
        store.definitions.seed(json.loads(self._ports.moved(json.dumps(ready_made()))))
        store.close(last_seq=0, last_connection_id=0)

    def _start_panel(self) -> str:
        """Start it, again where one ran; what it says of itself."""
        self._end_panel()
        port = int(self._ports.free_for(PANEL_PORT))
        self._panel = ServedPanel(self._clone / "instance", port=port, TOKEN="")
        return "".join(self._panel.said)

    def _end_panel(self) -> None:
        if self._panel is not None:
            self._panel.__exit__()
            self._panel = None

    def _ask(self, stream: bool = False, **params: str) -> requests.Response:
        assert self._panel is not None
        token = (self._clone / "instance" / "token").read_text().strip()
        return requests.get(
            f"{self._panel.url}/api/v1/events",
            params=params,
            headers={"Authorization": f"Bearer {token}"},
            stream=stream,
            timeout=SECONDS,
        )

    def _newest_seq(self) -> int:
        items = self._ask(limit="1").json()["items"]
        return int(items[0]["seq"]) if items else 0

    def _next_seq(self, after: int) -> int | None:
        """Wait for the next event; its number, or `None` where nothing happens any more."""
        give_up = time.monotonic() + ASKING_SECONDS
        with self._ask(stream=True, follow="true", after=str(after)) as answer:
            for line in answer.iter_lines():
                if line:
                    return int(json.loads(line)["seq"])
                if time.monotonic() > give_up:
                    break
        return None


def pattern(shown: str) -> re.Pattern[str]:
    """What a page shows, as an expression for what may be seen."""
    parts = []
    for line in shown.splitlines():
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(re.escape(line).replace(r"\.\.\.", ".*?") + r"\n")
    return re.compile("".join(parts))


def target_of_make_run() -> str:
    """The last command of `make run`: what a reader does in its place."""
    told = subprocess.run(
        ["make", "--no-print-directory", "-n", "run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
    )
    return told.stdout.strip().splitlines()[-1]

"""The command line, against a panel in this process; and that all ways to filter agree."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from app.cli.caret import pointed_at
from tests.panels import ROOT, SECONDS, TOKEN, LiveClient, Rest, RunningPanel, connected

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("SOCKETDECK_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(
    panel: RunningPanel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs a command; its exit status, and what it wrote to stdout and stderr."""
    monkeypatch.setenv("SOCKETDECK_TOKEN", TOKEN)

    def run(*arguments: str, url: str | None = None) -> tuple[int, str, str]:
        status = main(["--url", url or panel.url, *arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture
def talked(client: Rest) -> list[dict[str, Any]]:
    """What happens when one says hello to an echo that is called one; oldest first."""
    with client.follow() as events:
        address = client.start("one", capture={"level": "payload"})["status"]["address"]
        with connected(address) as peer:
            peer.sendall(b"hello \x1b[31m\n")
            peer.recv(64)
        events.until_kind("connection.closed")
    return events.seen


# -- events -----------------------------------------------------------------------------------


def test_events_one_a_line_the_newest_last(run: Run, talked: list[dict[str, Any]]) -> None:
    status, out, _ = run("events")
    assert status == 0
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == [event["time"] for event in talked]
    peer = talked[3]["data"]["peer"]
    assert lines[3].endswith(f"opened    {peer} to {talked[3]['data']['local']}")
    assert 'data      in  12 B  "hello \\u001b[31m\\n"' in lines[4]
    assert "closed    client_closed after" in lines[-1]
    assert "\x1b" not in out


def test_the_last_so_many(run: Run, talked: list[dict[str, Any]]) -> None:
    _, out, _ = run("events", "--limit", "2", "--json")
    assert [json.loads(line) for line in out.splitlines()] == talked[-2:]
    _, out, _ = run("events", "--json", "--at", talked[3]["time"], "kind:state,opened")
    assert [json.loads(line) for line in out.splitlines()] == talked[1:4]
    assert run("events", "--limit", "0") == (0, "", "")


@pytest.mark.parametrize("negated", ["-kind:data", "-(kind:data or hello)", "-f", "-hello"])
def test_a_filter_may_begin_with_a_hyphen(
    run: Run, client: Rest, talked: list[dict[str, Any]], negated: str
) -> None:
    meant = client.get("/events", params={"filter": negated}).json()["items"][::-1]
    # What is an option too is none behind two hyphens.
    arguments = ["--json", "--", negated] if negated == "-f" else [negated, "--json"]
    out = run("events", *arguments)[1]
    assert [json.loads(line) for line in out.splitlines()] == meant


def test_more_than_a_page(run: Run, panel: RunningPanel) -> None:
    for number in range(1_100):
        panel.panel.journal.emit("service.log", "one", None, stream="stdout", text=str(number))
    _, out, _ = run("events", "--limit", "1050", "--json", "kind:log")
    texts = [json.loads(line)["data"]["text"] for line in out.splitlines()]
    assert texts == [str(number) for number in range(50, 1_100)]


def test_a_table(run: Run, talked: list[dict[str, Any]]) -> None:
    _, out, _ = run("events", "kind:data", "--csv")
    rows = list(csv.DictReader(io.StringIO(out, newline="")))
    assert [row["direction"] for row in rows] == ["in", "out"]
    assert rows[0]["text"] == r"hello \x1b[31m\n"


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        ("service.state", {"state": "failed", "previous": "starting", "why": "start",
          "error": {"type": "OSError", "message": "in use"}},
         "starting to failed (start): OSError: in use"),
        ("service.log", {"stream": "stderr", "text": "oh\u202e no"}, r"stderr: oh\u202e no"),
        ("connection.error", {"type": "KeyError", "message": "'a'", "traceback": "..."},
         "KeyError: 'a'"),
        ("connection.rejected", {"reason": "rejected_limit", "peer": None},
         "rejected_limit, unnamed"),
        ("connection.data", {"direction": "in", "length": 5_000_000, "data": None, "count": 3},
         "in  4.8 MiB in 3 messages"),
        ("connection.closed", {"reason": "killed", "duration": 3_700, "bytes": {"in": 1, "out": 2},
          "messages": {"in": 1, "out": 1}}, "killed after 1 h 01 min, in 1 B, out 2 B"),
        ("events.dropped", {"count": None, "from_seq": 5, "to_seq": 9, "source": "panel"},
         "some events lost, 5 to 9, by panel"),
        ("events.dropped", {"nothing": "known"}, '{"nothing": "known"}'),
        ("audit", {"action": "connection.close"}, '{"action": "connection.close"}'),
        ("service.deleted", {}, ""),
    ],
)  # fmt: skip
def test_what_is_said_of_each_kind(
    run: Run, panel: RunningPanel, kind: str, data: dict[str, Any], said: str
) -> None:
    panel.panel.journal.emit(kind, "one", None, **data)
    _, out, _ = run("events")
    (line,) = out.splitlines()
    assert line.endswith(f"{kind.rpartition('.')[2]:<8}  {said}".rstrip())


# -- services and connections -----------------------------------------------------------------


def test_services(run: Run, client: Rest) -> None:
    address = client.start("one")["status"]["address"]
    client.create("two", "greeting", labels={"team": "lab"})
    _, out, _ = run("services", "--label", "team=lab")
    heading, row = out.splitlines()
    assert heading.split()[:4] == ["NAME", "STATE", "ADDRESS", "SERVES"]
    assert row.split()[:4] == ["two", "stopped", "tcp://127.0.0.1:0", "greeting"]
    _, out, _ = run("services", "--sort", "-name", "--state", "running")
    assert out.splitlines()[-1].split()[:3] == ["one", "running", address]
    _, out, _ = run("services", "--json", "-q", "two")
    assert json.loads(out)["labels"] == {"team": "lab"}


def test_connections(run: Run, client: Rest, talked: list[dict[str, Any]]) -> None:
    number, peer = talked[3]["connection"], talked[3]["data"]["peer"]
    _, out, _ = run("connections", "--state", "closed", "--service", "one", "--peer", "127.0.0.1")
    heading, row = out.splitlines()
    assert heading.split()[:4] == ["ID", "SERVICE", "STATE", "PEER"]
    assert row.split()[:4] == [str(number), "one", "closed", peer]
    assert row.endswith("client_closed")
    asked = ("connections", "--state", "all", "--json", "--sort", "-bytes_in", "-q", "one")
    assert json.loads(run(*asked)[1])["id"] == number
    assert run("connections", "--json") == (0, "", "")
    assert run("connections", "--state", "closed", "--reason", "killed", "--json")[1] == ""


# -- following --------------------------------------------------------------------------------


@pytest.fixture
def following(panel: RunningPanel) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a command that goes on, as a person does."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "app", "--url", panel.url, "events", "-f", *arguments]
        started.append(
            subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, "SOCKETDECK_TOKEN": TOKEN},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=SECONDS)


def test_following_goes_on_where_the_list_ends(
    panel: RunningPanel, following: Callable[..., subprocess.Popen[str]]
) -> None:
    for number in range(20):
        panel.panel.journal.emit("service.log", "one", None, stream="stdout", text=f"line {number}")
    process = following("line -text:18", "--limit", "3")
    assert process.stdout is not None
    assert [process.stdout.readline().split()[-1] for _ in range(3)] == ["16", "17", "19"]
    panel.panel.journal.emit("service.log", "one", None, stream="stdout", text="no")
    panel.panel.journal.emit("service.log", "one", None, stream="stdout", text="line 20")
    assert process.stdout.readline().split()[-1] == "20"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, out, err.strip()) == (130, "", "")


def test_following_ends_with_the_panel(
    panel: RunningPanel, following: Callable[..., subprocess.Popen[str]]
) -> None:
    panel.panel.journal.emit("service.log", "one", None, stream="stdout", text="first")
    process = following("--json")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["data"]["text"] == "first"
    panel.panel.close()
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "the stream has ended" in err


def test_who_reads_no_more_is_no_error(
    panel: RunningPanel, following: Callable[..., subprocess.Popen[str]]
) -> None:
    for number in range(5_000):
        panel.panel.journal.emit("service.log", "one", None, stream="stdout", text=f"line {number}")
    process = following("--limit", "5000")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(SECONDS) == 1
    assert process.stderr.read() == ""


# -- what goes wrong --------------------------------------------------------------------------


def test_where_a_filter_is_bad(run: Run) -> None:
    status, out, err = run("events", "kind:data servce:one or x")
    assert (status, out) == (2, "")
    assert err.splitlines() == [
        "Error: there is no field 'servce'; did you mean service?",
        "  kind:data servce:one or x",
        "            ^^^^^^",
    ]
    assert run("events", "--follow", "kind:nix")[0] == 2


@pytest.mark.parametrize(
    ("text", "position", "length", "shown", "carets"),
    [
        ("abc", 1, 1, "  abc", "   ^"),
        ("abc", 3, 0, "  abc", "     ^"),
        ("日本x", 2, 1, "  日本x", "      ^"),
        ("e\u0301x", 2, 1, "  e\u0301x", "   ^"),
        ("\x1bx", 1, 1, "  \ufffdx", "   ^"),
        ("a" * 200, 100, 5, "  ..." + "a" * 76 + "...", " " * 43 + "^^^^^"),
        ("a" * 200, 0, 200, "  " + "a" * 76 + "...", "  " + "^" * 76),
    ],
)
def test_carets_stand_under_the_place(
    text: str, position: int, length: int, shown: str, carets: str
) -> None:
    assert pointed_at(text, "wrong", position, length).splitlines() == ["wrong", shown, carets]


def test_what_the_panel_refuses_is_told(run: Run) -> None:
    status, _, err = run("connections", "--state", "open", "--reason", "killed")
    assert status == 1
    assert "open connections have none" in err
    assert "no key to sort by" in run("services", "--sort", "nix")[2]


def test_no_panel(run: Run) -> None:
    status, _, err = run("services", url="http://127.0.0.1:1")
    assert status == 1
    assert err == (
        "Error: no panel answers at http://127.0.0.1:1; start one with make run, or name it with "
        "--url\n"
    )


@pytest.mark.parametrize("url", ["127.0.0.1:1", "http://", "ftp://127.0.0.1"])
def test_what_is_no_url(run: Run, url: str) -> None:
    status, _, err = run("services", url=url)
    assert status == 1
    assert err.startswith("Error: ")
    assert "Traceback" not in err


def test_a_wrong_token(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCKETDECK_TOKEN", "wrong")
    status, _, err = run("services")
    assert status == 1
    assert "does not know this token" in err


def test_no_token(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SOCKETDECK_TOKEN")
    monkeypatch.setenv("SOCKETDECK_DATA", str(tmp_path / "none"))
    assert f"the token in {tmp_path / 'none' / 'token'} cannot be read" in run("services")[2]


def test_settings_that_cannot_be_used(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCKETDECK_PORT", "http")
    assert "SOCKETDECK_PORT is 'http'" in run("services")[2]


@pytest.mark.parametrize(
    "arguments",
    [("events", "--json", "--csv"), ("events", "-f", "--at", "x"), ("nix",), ("events", "a", "b")],
)
def test_what_is_typed_wrong(run: Run, arguments: tuple[str, ...]) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert "Usage: socketdeck" in err


def test_the_panel_and_its_token_are_found_by_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.panels import ServedPanel

    with ServedPanel(tmp_path / "data", TOKEN="") as served:
        monkeypatch.setenv("SOCKETDECK_DATA", str(tmp_path / "data"))
        assert main(["services", "--limit", "1"]) == 0
        assert capsys.readouterr().out.splitlines()[1].split()[0] == "echo"
        served.end()
    assert main(["services"]) == 1


# -- agreement --------------------------------------------------------------------------------

FILTERS = (
    "",
    "service:one kind:data",
    "peer:127.0.0.0/8 -kind:log",
    "-peer:127.0.0.0/8",
    "HELLO or kind:state",
    "length:>5 (direction:out or data:hello)",
    "-(kind:opened,closed or service:t*)",
    "reason:* duration:<1h",
    "time:-1h..",
)


def test_all_ways_to_filter_agree(
    run: Run, client: Rest, live: Callable[..., LiveClient], talked: list[dict[str, Any]]
) -> None:
    client.start("two", "greeting", capture={"level": "payload"})
    with connected(client.service("two")["status"]["address"]) as peer:
        peer.recv(64)
    with client.follow(after=talked[-1]["seq"]) as events:
        events.until_kind("connection.closed")
    whole = talked + events.seen
    for text in FILTERS:
        listed = client.get("/events", params={"filter": text}).json()["items"][::-1]
        assert listed, text
        taken = client.get("/events/export", params={"filter": text}, stream=True)
        assert [json.loads(line) for line in taken.iter_lines()] == listed
        assert [json.loads(line) for line in run("events", text, "--json")[1].splitlines()] == (
            listed
        )
        with client.follow(filter=text, after=0) as events:
            events.until(lambda event: event == listed[-1])  # noqa: B023
        assert events.seen == listed
        watcher = live()
        assert watcher.subscribe("events", filter=text, after=0)["ok"]
        watcher.until(lambda _: len(watcher.events()) >= len(listed))  # noqa: B023
        assert watcher.events() == listed
        assert [event for event in whole if event in listed] == listed

"""The filter language over REST: lists, streams, files, and what helps to write a filter."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta
from typing import Any, get_args

import pytest
import requests

from app.api.shapes import CloseReason, EventKind
from app.filters import FIELDS, KINDS, REASONS, Filter
from tests.panels import Rest, RunningPanel, connected

PAYLOAD = {"level": "payload"}


@pytest.fixture
def talked(client: Rest) -> list[dict[str, Any]]:
    """What happens when one says hello to an echo, and a greeter greets; oldest first."""
    with client.follow() as events:
        address = client.start("one", capture=PAYLOAD)["status"]["address"]
        with connected(address) as peer:
            peer.sendall(b"hello")
            assert peer.recv(64) == b"hello"
        events.until_kind("connection.closed")
        address = client.start("two", "greeting", capture=PAYLOAD)["status"]["address"]
        with connected(address) as peer:
            peer.recv(64)
        events.until_kind("connection.closed")
    return events.seen


def found(client: Rest, filter: str, **params: Any) -> list[dict[str, Any]]:
    answer = client.get("/events", params={"filter": filter, **params})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["kind"].rpartition(".")[2] for event in events]


def exported(client: Rest, **params: Any) -> requests.Response:
    answer = client.get("/events/export", params=params, stream=True)
    assert answer.status_code == 200, answer.text
    return answer


def test_a_list_that_is_filtered(client: Rest, talked: list[dict[str, Any]]) -> None:
    assert kinds(found(client, "service:one -kind:state,created")) == [
        "closed",
        "data",
        "data",
        "opened",
    ]
    assert kinds(found(client, "HELLO direction:in")) == ["data"]
    assert found(client, "") == talked[::-1]
    number = talked[-1]["connection"]
    assert kinds(found(client, f"id:{number} -kind:log")) == ["closed", "data", "opened"]
    both = found(client, "peer:127.0.0.0/8", service="two", kind="connection.closed")
    assert [event["seq"] for event in both] == [talked[-1]["seq"]]


def test_terms_about_peers_hold_of_all_that_a_connection_does(
    client: Rest, panel: RunningPanel, talked: list[dict[str, Any]]
) -> None:
    opened = [event for event in talked if event["kind"] == "connection.opened"]
    for event in opened:
        of_it = [other for other in talked if other["connection"] == event["connection"]]
        peer = event["data"]["peer"]
        assert found(client, f"peer:{peer}") == of_it[::-1]
        assert found(client, f"-peer:{peer} peer:*") == [
            other
            for other in reversed(talked)
            if other["connection"] not in (None, event["connection"])
        ]
    assert found(client, "peer:10.0.0.0/8") == []
    # Once the engine has forgotten them, history knows.
    assert panel.panel.history.flush()
    panel.panel.supervisor.connections._closed.clear()
    panel.panel.history.peers_of._found.clear()
    assert len(found(client, "peer:127.0.0.0/8 kind:data")) == 3


BAD = [
    ("servce:one", 0, 6, "did you mean service?"),
    ("kind:data (a or", 15, 0, "a term is missing"),
    ("a" * 10_000, 4_096, 5_904, "at most 4,096 characters"),
    ("(" * 4_000, 32, 1, "at most 32 deep"),
    ("time:x", 5, 1, "is no time"),
]


@pytest.mark.parametrize(("text", "position", "length", "says"), BAD, ids=lambda one: str(one)[:9])
@pytest.mark.parametrize("path", ["/events", "/events/filter", "/events/export"])
def test_a_bad_filter_says_where(
    client: Rest, path: str, text: str, position: int, length: int, says: str
) -> None:
    answer = client.get(path, params={"filter": text})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "/filter"
    assert (error["position"], error["length"]) == (position, length)
    assert says in error["detail"]


def test_all_that_is_bad_is_told_at_once(client: Rest) -> None:
    asked = {"filter": "kind:nix", "limit": "0", "cursor": "x", "at": "noon", "nix": "1"}
    answer = client.get("/events", params=asked)
    pointers = sorted(error["pointer"] for error in answer.json()["errors"])
    assert pointers == ["/at", "/cursor", "/filter", "/limit", "/nix"]


def test_a_stream_that_is_filtered(client: Rest) -> None:
    with client.follow(filter="kind:opened,closed peer:127.0.0.1/32") as events:
        client.start("one", "greeting")
        with connected(client.service("one")["status"]["address"]) as peer:
            peer.recv(64)
        events.until_kind("connection.closed")
    assert events.kinds() == ["connection.opened", "connection.closed"]


def test_a_stream_that_is_filtered_from_a_number_on(
    client: Rest, talked: list[dict[str, Any]]
) -> None:
    with client.follow(filter="kind:opened,closed peer:127.0.0.1/32", after=0) as events:
        for _ in range(4):
            events.until(lambda event: True)
    assert events.seen == [
        event for event in talked if event["kind"] in ("connection.opened", "connection.closed")
    ]


# -- a time -----------------------------------------------------------------------------------


def test_a_jump_to_a_time(client: Rest, talked: list[dict[str, Any]]) -> None:
    for index in (0, 4, len(talked) - 1):
        at = talked[index]["time"]
        until = [event for event in talked if event["time"] <= at]
        assert client.get("/events", params={"at": at}).json()["items"] == until[::-1]
    before = datetime.fromisoformat(talked[0]["time"]) - timedelta(seconds=1)
    assert client.get("/events", params={"at": before.isoformat()}).json()["items"] == []
    elsewhere = datetime.fromisoformat(talked[4]["time"]).astimezone()
    assert kinds(found(client, "kind:created", at=elsewhere.isoformat())) == ["created"]


@pytest.mark.parametrize(
    "at", ["noon", "12:00", "-15m", "2026-02-30T00:00:00Z", "", "1700000000", "9" * 300]
)
def test_what_is_no_time(client: Rest, at: str) -> None:
    answer = client.get("/events", params={"at": at})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/at"]


@pytest.mark.parametrize("other", [{"after": 1}, {"follow": "true"}])
def test_a_jump_goes_with_no_other_direction(client: Rest, other: dict[str, Any]) -> None:
    answer = client.get("/events", params={"at": "2026-07-12T12:00:00Z", **other})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/at"]


# -- what helps to write one ------------------------------------------------------------------


def test_a_filter_is_read(client: Rest) -> None:
    text = 'kind:connection.data  AND (-"GET /"  or length:>1KiB)'
    read = client.get("/events/filter", params={"filter": text}).json()
    assert read["filter"] == text
    assert read["normal"] == 'kind:data (-"GET /" or length:>1024)'
    terms = [term["text"] for term in read["terms"]]
    assert terms == ["kind:connection.data", '"GET /"', "length:>1KiB"]
    for term in read["terms"]:
        assert text[term["position"] : term["position"] + term["length"]] == term["text"]
    assert client.get("/events/filter").status_code == 422
    assert client.get("/events/filter", params={"filter": ""}).json()["terms"] == []


def test_every_field_is_listed_with_what_it_takes(client: Rest) -> None:
    client.create("one")
    items = client.get("/events/fields").json()["items"]
    fields = {item["name"]: item for item in items}
    assert list(fields) == list(FIELDS)
    assert "one" in fields["service"]["values"]
    for name, field in fields.items():
        for value in field["values"] or ():
            Filter.parse(f"{name}:{value}")
        if field["example"]:
            Filter.parse(f"{name}:{field['example']}")
        if ":>" in field["operators"]:
            Filter.parse(f"{name}:{'>1' if name != 'time' else '>12:00'}")
        if ":*" in field["operators"]:
            Filter.parse(f"{name}:*")


def test_the_language_knows_every_kind_and_every_reason() -> None:
    assert set(KINDS) == set(get_args(EventKind))
    assert set(get_args(CloseReason)) <= set(REASONS)


# -- files ------------------------------------------------------------------------------------


def test_lines_to_take_away(client: Rest, talked: list[dict[str, Any]]) -> None:
    answer = exported(client)
    assert answer.headers["Content-Type"].startswith("application/x-ndjson")
    assert answer.headers["Content-Disposition"] == (
        'attachment; filename="socketdeck-events.ndjson"'
    )
    assert [json.loads(line) for line in answer.iter_lines()] == talked
    chosen = exported(client, filter="kind:data", after=talked[3]["seq"], before=talked[-1]["seq"])
    assert [json.loads(line)["kind"] for line in chosen.iter_lines()] == ["connection.data"] * 3


def test_a_table_to_take_away(client: Rest, talked: list[dict[str, Any]]) -> None:
    answer = exported(client, format="csv", filter="kind:data,closed")
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    meant = [event for event in talked if event["kind"] in ("connection.data", "connection.closed")]
    assert [int(row["seq"]) for row in rows] == [event["seq"] for event in meant]
    assert [json.loads(row["data"]) for row in rows] == [event["data"] for event in meant]
    assert [row["text"] for row in rows[:2]] == ["hello", "hello"]
    assert rows[0]["direction"] == "in"
    assert rows[0]["length"] == "5"
    assert rows[2]["reason"] == "client_closed"


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_cell_is_one_that_a_spreadsheet_calculates(
    client: Rest, panel: RunningPanel, cell: str
) -> None:
    panel.panel.journal.emit("service.log", cell, None, stream="stdout", text=cell)
    data = {"direction": "in", "length": len(cell), "data": cell.encode(), "truncated": False}
    panel.panel.journal.emit("connection.data", cell, 1, **data)
    rows = list(csv.reader(io.StringIO(exported(client, format="csv").text, newline="")))
    assert len(rows) == 3
    for row in rows[1:]:
        for one in row:
            assert not one or one.isprintable()
            assert not one.startswith(("=", "+", "-", "@"))
    assert rows[1][9].removeprefix("'").encode().decode("unicode_escape") == cell


def test_all_that_is_kept_is_taken_away_a_page_at_a_time(
    client: Rest, panel: RunningPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 1_201):
        panel.panel.journal.emit("service.log", "one", None, text=str(number))
    monkeypatch.setattr("app.store.events.EVENTS_OPENED", 500)
    answer = exported(client, filter="-text:7")
    seqs = [json.loads(line)["seq"] for line in answer.iter_lines()]
    assert seqs == [number for number in range(1, 1_201) if "7" not in str(number)]


def test_a_file_ends_with_what_had_happened(client: Rest, panel: RunningPanel) -> None:
    for number in range(1, 1_201):
        panel.panel.journal.emit("service.log", "one", None, text=str(number))
    with exported(client) as answer:
        lines = answer.iter_lines()
        next(lines)
        panel.panel.journal.emit("service.log", "one", None, text="later")
        assert len(list(lines)) == 1_199

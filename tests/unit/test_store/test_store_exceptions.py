"""Exceptions: errors that are one failure are one group, counted to the last, within bounds."""

from __future__ import annotations

from typing import Any

import pytest

from app.store import exception_rows, folding
from app.store.exceptions import ExceptionGroup
from socketdeck.failure import failure_of

FAILURES = {"echo": "shop"}


def look_up(table: dict[str, int], key: Any) -> int:
    return table[key]


def failure(key: Any = 17) -> dict[str, Any]:
    """What a handler's exception leaves; always from the same line."""
    try:
        look_up({}, key)
    except KeyError as error:
        return failure_of(error)
    raise AssertionError


def failure_at(line: int, name: str = "Broken") -> dict[str, Any]:
    """One from a line of one's choice."""
    traceback = (
        "Traceback (most recent call last):\n"
        f'  File "/srv/handlers/shop.py", line {line}, in handle\n'
        "    boom()\n"
        f"{name}: it broke\n"
    )
    return {"type": name, "message": "it broke", "traceback": traceback}


def groups(panel: Any, **parameters: Any) -> list[ExceptionGroup]:
    panel.flush()
    kept = panel.store.exceptions
    places = sorted(kept.places(**parameters), key=lambda place: place.last_seen, reverse=True)
    found: list[ExceptionGroup] = kept.read([place.id for place in places])
    return found


def raise_on(panel: Any, number: int, data: dict[str, Any], payload: bytes | None = None) -> None:
    panel.open(number)
    if payload is not None:
        panel.data(number, payload)
    panel.emit("connection.error", connection=number, **data)
    panel.close(number, "handler_error")


def test_one_failure_of_many_connections_is_one_group(panel: Any) -> None:
    for number in range(1, 31):
        raise_on(panel, number, failure(number))
    (group,) = groups(panel)
    assert (group.service, group.type, group.message) == ("echo", "KeyError", "30")
    assert group.traceback is not None
    assert group.traceback.endswith("KeyError: 30\n")
    assert group.count == 30
    assert group.connections == [
        (number, f"127.0.0.1:{40_000 + number}") for number in range(30, 10, -1)
    ]
    assert group.first_seen <= group.last_seen
    assert group.activity[-1] + group.activity[-2] == 30


def test_a_group_grows_from_write_to_write_and_over_restarts(panel: Any) -> None:
    raise_on(panel, 1, failure(1), b"one")
    (first,) = groups(panel)
    panel.restart()
    raise_on(panel, 2, failure(2), b"two")
    raise_on(panel, 3, failure_at(5))
    newest, group = groups(panel)
    assert newest.type == "Broken"
    assert (group.id, group.count, group.first_seen) == (first.id, 2, first.first_seen)
    assert group.last_seen > first.last_seen
    assert [number for number, _ in group.connections] == [2, 1]
    assert (group.message, group.last_bytes) == ("2", b"two")


def test_services_do_not_share_a_group(panel: Any) -> None:
    panel.emit("connection.error", service="echo", **failure())
    panel.emit("connection.error", service="shop", **failure())
    assert {group.service for group in groups(panel)} == {"echo", "shop"}
    assert [group.service for group in groups(panel, service="shop")] == ["shop"]
    assert panel.store.exceptions.count("shop") == 1


def test_counts_stay_where_history_is_trimmed(make_panel: Any) -> None:
    panel = make_panel(history_events=1_000, history_connections=1_000)
    for number in range(1, 1_501):
        raise_on(panel, number, failure(number))
        if number % 300 == 0:
            panel.flush()
    (group,) = groups(panel)
    assert group.count == 1_500
    assert panel.history.status().kept_connections <= 1_000


@pytest.mark.parametrize("payload", [b"PUT /x", b"\xff\x00" * 400])
def test_the_last_bytes_are_the_end_of_what_came_in(panel: Any, payload: bytes) -> None:
    panel.open(1)
    panel.data(1, b"HELO ")
    panel.data(1, b"an answer", "out")
    panel.data(1, payload)
    panel.emit("connection.error", connection=1, **failure())
    panel.data(1, b"too late")
    (group,) = groups(panel)
    assert group.last_bytes == (b"HELO " + payload)[-256:]
    assert group.last_bytes_note is None


def test_last_bytes_that_came_long_before_are_found(panel: Any) -> None:
    panel.open(1)
    panel.data(1, b"wait for it")
    panel.flush()
    for _ in range(50):
        panel.emit(text="something else")
    panel.flush()
    panel.emit("connection.error", connection=1, **failure())
    (group,) = groups(panel)
    assert (group.last_bytes, group.last_bytes_note) == (b"wait for it", None)


def test_of_datagrams_the_last_one_alone(panel: Any) -> None:
    panel.open(1, transport="udp")
    panel.data(1, b"first")
    panel.data(1, b"second")
    panel.emit("connection.error", connection=1, **failure())
    (group,) = groups(panel)
    assert group.last_bytes == b"second"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"data": b"GET /lo", "truncated": True, "length": 900}, (b"GET /lo", "cut")),
        ({"data": b"GET /1", "truncated": False, "length": 60, "count": 10}, (b"GET /1", "folded")),
        ({"data": None, "truncated": False, "length": 900}, (None, "not_captured")),
        (None, (None, "not_captured")),
    ],
)
def test_last_bytes_say_what_they_are(panel: Any, told: Any, expected: Any) -> None:
    panel.open(1)
    if told is not None:
        panel.emit("connection.data", connection=1, direction="in", **told)
    panel.emit("connection.error", connection=1, **failure())
    (group,) = groups(panel)
    assert (group.last_bytes, group.last_bytes_note) == expected


def test_where_nothing_came_in_that_is_said(panel: Any) -> None:
    panel.open(1, bytes={"in": 0, "out": 5})
    panel.emit("connection.error", connection=1, **failure())
    (group,) = groups(panel)
    assert (group.last_bytes, group.last_bytes_note) == (None, "nothing")


def test_an_error_of_no_connection_is_kept_too(panel: Any) -> None:
    panel.emit("connection.error", **failure())
    (group,) = groups(panel)
    assert (group.connections, group.last_bytes_note) == ([], "no_connection")


def test_a_deleted_service_takes_its_groups_along(panel: Any) -> None:
    panel.emit("connection.error", service="echo", **failure())
    panel.emit("connection.error", service="shop", **failure_at(1))
    panel.flush()
    panel.emit("connection.error", service="shop", **failure_at(2))
    panel.emit("service.deleted", service="shop")
    assert [group.service for group in groups(panel)] == ["echo"]
    panel.emit("connection.error", service="shop", **failure_at(1))
    (again,) = groups(panel, service="shop")
    assert again.count == 1


def test_after_a_kill_groups_of_no_service_are_gone(panel: Any) -> None:
    panel.store.definitions.save({"name": "echo"})
    panel.emit("connection.error", service="echo", **failure())
    panel.emit("connection.error", service="gone", **failure())
    panel.flush()
    panel.restart(clean=False)
    assert [group.service for group in groups(panel)] == ["echo"]


def test_a_forgotten_one_comes_again_as_new(panel: Any) -> None:
    for number in (1, 2):
        raise_on(panel, number, failure(number))
    (group,) = groups(panel)
    assert panel.store.exceptions.forget(group.id)
    assert not panel.store.exceptions.forget(group.id)
    assert groups(panel) == []
    raise_on(panel, 3, failure(3))
    (again,) = groups(panel)
    assert (again.id, again.count) == (group.id, 1)
    assert again.connections == [(3, "127.0.0.1:40003")]


def test_the_longest_unseen_make_way_and_are_counted(
    panel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exception_rows, "GROUPS_KEPT", 3)
    for line in (1, 2, 3, 1, 4, 5):
        panel.emit("connection.error", **failure_at(line))
        panel.flush()
    kept = {group.traceback for group in groups(panel)}
    assert kept == {failure_at(line)["traceback"] for line in (1, 4, 5)}
    assert panel.store.exceptions.displaced() == 2
    panel.restart()
    assert panel.store.exceptions.displaced() == 2


def test_a_flood_of_different_ones_is_bounded_and_counted(panel: Any) -> None:
    flood = folding.FOLDS_A_WRITE + 200
    events = folding.ErrorFolds()
    for line in range(flood):
        panel.emit("connection.error", **failure_at(line))
    panel.flush()
    assert not events
    known = sum(group.count for group in groups(panel))
    assert known + panel.store.exceptions.displaced() == flood
    assert len(groups(panel)) <= exception_rows.GROUPS_KEPT


@pytest.mark.parametrize("told", [{}, {"type": 5, "message": None, "traceback": ["x"]}])
def test_an_error_that_tells_nonsense_does_not_end_history(panel: Any, told: Any) -> None:
    panel.emit("connection.error", connection=1, **told)
    panel.emit("connection.error", **failure())
    assert sum(group.count for group in groups(panel)) == 2
    assert panel.history.status().failing is None


def test_hostile_texts_are_kept_within_bounds(panel: Any) -> None:
    message = "\ud800 \x00 <b>\u202e\x1b[31m" + "x" * (1 << 20)
    panel.emit("connection.error", type="T" * 9_999, message=message, traceback=message)
    (group,) = groups(panel)
    assert group.message.startswith("\\ud800 \\x00 <b>\u202e\x1b[31m")
    assert len(group.message) < 5_000
    assert len(group.type) < 300
    assert group.traceback is not None
    assert len(group.traceback) < 25_000


def test_a_search_finds_by_every_text(panel: Any) -> None:
    panel.emit("connection.error", service="shop", **failure_at(7, "Sold_Out"))
    panel.emit("connection.error", service="echo", **failure())
    for q in ("sHOP", "sold_out", "IT BROKE", "/srv/handlers"):
        assert [group.service for group in groups(panel, q=q)] == ["shop"], q
    assert groups(panel, q="sold%out") == []

"""Closed connections kept, filtered, sorted and paged, alone and together with open ones."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from app.peers import packed_ip
from app.store import BadQuery, ConnectionQuery
from app.store.connection_query import SORT_KEYS
from app.store.connection_rows import epoch


def ids(page: Any) -> list[int]:
    return [view["id"] for view in page.items]


def test_a_closed_one_comes_back_as_it_was_shown(panel: Any) -> None:
    panel.connect(1, error={"type": "ValueError", "message": "no", "traceback": "..."})
    panel.flush()
    shown = panel.views[1]
    panel.restart()
    assert panel.history.connection(1) == shown
    assert panel.closed().items == [shown]
    assert panel.history.connection(2) is None
    assert panel.history.connection(2**80) is None


def test_one_that_closed_a_moment_ago_is_there_before_it_is_written(panel: Any) -> None:
    panel.connect(1)
    panel.flush()
    panel.connect(2)
    panel.journal.flush()
    assert panel.history.flush()
    assert ids(panel.closed()) == [2, 1]
    assert panel.closed().total == 2


def test_what_is_in_memory_and_written_counts_once(panel: Any) -> None:
    panel.connect(1)
    panel.connect(2)
    panel.flush()
    query = ConnectionQuery.parse(state="closed")
    page = panel.history.connections(query, [panel.views[2]])
    assert (ids(page), page.total) == ([2, 1], 2)


@pytest.fixture
def several(panel: Any) -> Any:
    panel.open(1, peer="10.0.0.1:5000", service="chat")
    panel.open(2, peer="10.0.0.200:5000", bytes={"in": 5, "out": 9})
    panel.open(3, peer="[2001:db8::7]:5000", bytes={"in": 5, "out": 1})
    panel.open(4, peer="/run/Client.sock", local="/run/server.sock")
    panel.open(5, peer=None)
    for number, after in ((5, 1.0), (4, 9.0), (3, 3.0), (2, 2.0), (1, 4.0)):
        panel.close(number, "client_reset" if number == 3 else "client_closed", after=after)
    panel.flush()
    return panel


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({}, [5, 4, 3, 2, 1]),
        ({"service": "chat"}, [1]),
        ({"reason": "client_reset"}, [3]),
        ({"peer": "10.0.0.0/25"}, [1]),
        ({"peer": "10.0.0.1"}, [1]),
        ({"peer": "10.0.0.200:5000"}, [2]),
        ({"peer": "2001:db8::/32"}, [3]),
        ({"peer": "[2001:db8::7]:5000"}, [3]),
        ({"peer": "::ffff:10.0.0.1"}, [1]),
        ({"peer": "0.0.0.0/0"}, [2, 1]),
        ({"peer": "::ffff:0:0/96"}, [2, 1]),
        ({"peer": "::/0"}, [3]),
        ({"peer": "::/64"}, []),
        ({"peer": "/run/Client.sock"}, [4]),
        ({"peer": "@nobody"}, []),
        ({"q": "client.SOCK"}, [4]),
        ({"q": "reset"}, [3]),
        ({"q": "10.0.0.%"}, []),
        ({"sort": "id"}, [1, 2, 3, 4, 5]),
        ({"sort": "-duration"}, [4, 1, 3, 2, 5]),
        ({"sort": "closed_at"}, [2, 1, 3, 5, 4]),
        ({"sort": "bytes_in"}, [2, 3, 1, 4, 5]),
        ({"sort": "-bytes_in"}, [5, 4, 1, 3, 2]),
        ({"sort": "-reason"}, [3, 5, 4, 2, 1]),
    ],
)
def test_filters_and_order_say_the_same_of_rows_and_of_views(
    several: Any, parameters: dict[str, Any], found: list[int]
) -> None:
    page = several.closed(**parameters)
    assert ids(page) == found
    assert page.total == len(found)
    query = ConnectionQuery.parse(state="closed", **parameters)
    views = [view for view in several.views.values() if query.matches(view)]
    views.sort(key=query.position, reverse=query.descending)
    assert [view["id"] for view in views] == found


@pytest.mark.parametrize("state", ["open", "closed", "all"])
def test_pages_of_any_order_are_the_whole_list(panel: Any, state: str) -> None:
    for number in range(1, 24):
        panel.open(number, bytes={"in": number % 4, "out": 0})
        if number % 2:
            panel.close(number, after=number % 5)
    panel.flush()
    open_views = [view for view in panel.views.values() if view["state"] == "open"]
    for key in SORT_KEYS[state]:  # type: ignore[index]
        for sort in (key, f"-{key}"):
            whole = ConnectionQuery.parse(state=state, sort=sort, limit=500)
            expected = ids(panel.history.connections(whole, open_views))
            found: list[int] = []
            cursor = None
            while True:
                query = ConnectionQuery.parse(state=state, sort=sort, limit=4, cursor=cursor)
                page = panel.history.connections(query, open_views)
                found += ids(page)
                assert page.total == len(expected)
                if (cursor := page.next_cursor) is None:
                    break
            assert found == expected, sort
            assert len(found) == {"open": 11, "closed": 12, "all": 23}[state]


def test_open_ones_are_sorted_by_what_only_they_have(panel: Any) -> None:
    kernel = {"rtt": 0.25}
    views = [
        panel.open(1, idle=3.0),
        panel.open(2, idle=1.0, kernel=kernel),
        panel.open(3, idle=2.0),
    ]
    for sort, expected in (("-idle", [1, 3, 2]), ("-rtt", [2, 3, 1])):
        query = ConnectionQuery.parse(state="open", sort=sort)
        assert ids(panel.history.connections(query, views)) == expected


@pytest.mark.parametrize(
    ("parameters", "pointers"),
    [
        ({"state": "ajar"}, ["/state"]),
        ({"sort": "name"}, ["/sort"]),
        ({"state": "closed", "sort": "rtt"}, ["/sort"]),
        ({"state": "open", "sort": "closed_at"}, ["/sort"]),
        ({"state": "all", "sort": "reason"}, ["/sort"]),
        ({"peer": "localhost"}, ["/peer"]),
        ({"reason": "killed"}, ["/reason"]),
        ({"peer": "10.0.0.0/33"}, ["/peer"]),
        ({"cursor": "AAAA"}, ["/cursor"]),
        ({"cursor": "é"}, ["/cursor"]),
        ({"cursor": "WyJpZCIsIDEsIDFd"}, ["/cursor"]),
        ({"cursor": "WyItaWQiLCAiYSIsICJiIl0"}, ["/cursor"]),
        (
            {"limit": 0, "sort": "x", "peer": "y", "cursor": "z"},
            ["/sort", "/limit", "/peer", "/cursor"],
        ),
    ],
)
def test_every_bad_parameter_is_named(parameters: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(BadQuery) as refused:
        ConnectionQuery.parse(**parameters)
    assert [error.pointer for error in refused.value.errors] == pointers


def test_addresses_sort_as_text() -> None:
    peers = ["9.0.0.1:1", "10.0.0.1:1", "[2001:db8::1]:1", "[fe80::1%eth0]:1"]
    packed = [packed_ip(peer) for peer in peers]
    assert packed == sorted(packed, key=str)
    assert packed_ip("[::ffff:9.0.0.1]:1") == packed[0]
    assert [packed_ip(peer) for peer in (None, "", "/a:1", "@a", "('odd', 1)")] == [None] * 5


def test_without_a_view_the_events_must_do(panel: Any) -> None:
    panel.connect(1)
    panel.views.clear()
    panel.open(2, peer="10.9.8.7:1")
    panel.flush()
    view = panel.views.pop(2)
    panel.views[2] = view
    panel.close(2, "killed", after=2.5)
    panel.views.clear()
    panel.flush()
    one, two = panel.history.connection(1), panel.history.connection(2)
    assert one["close_reason"] == "client_closed"
    assert (two["peer"], two["duration"], two["bytes"]) == ("10.9.8.7:1", 2.5, view["bytes"])
    assert set(two) == set(view)


def test_a_view_that_cannot_be_used_is_told_once_and_done_without(
    panel: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2):
        panel.connect(number)
        del panel.views[number]["bytes"]
    with caplog.at_level(logging.ERROR):
        panel.flush()
    assert [record.getMessage() for record in caplog.records] == [
        "the view of connection 1 cannot be used; its events must do"
    ]
    assert ids(panel.closed()) == [2, 1]


def test_what_closed_in_a_hole_of_events_is_found_closed(panel: Any) -> None:
    panel.open(1)
    panel.open(2)
    panel.flush()
    kept = panel.views.copy()
    panel.close(1)
    panel.journal.flush()
    panel.flush()
    panel.views = {
        1: panel.views[1],
        2: {**kept[2], "state": "closed", "closed_at": kept[2]["opened_at"]},
    }
    panel.journal.publish_loss(5, "child 7")
    panel.flush()
    assert ids(panel.closed()) == [2, 1]
    assert panel.sql("SELECT id FROM open_connections") == []
    panel.close(2)
    panel.flush()
    assert ids(panel.closed()) == [2, 1]


@pytest.mark.parametrize(
    ("from_five", "to_five", "found"),
    [(-1.0, 0.5, [5]), (-9.0, -5.0, []), (90.0, 99.0, [])],
)
def test_those_of_a_stretch_of_time(
    several: Any, from_five: float, to_five: float, found: list[int]
) -> None:
    """Rows and views say the same; `five` was open for a second, and no other overlaps with it."""
    five = epoch(several.views[5]["opened_at"])
    query = ConnectionQuery.parse(
        state="all", closed_after=five + from_five, opened_before=five + to_five
    )
    lone = [view["id"] for view in several.views.values() if query.matches(view)]
    assert (5 in lone) == (5 in found)
    assert sorted(lone) == sorted(ids(several.history.connections(query)))

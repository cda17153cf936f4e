"""Pages of open connections: the same as by way of their views, in every order."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from app.connections import LazyView
from app.open_connections import page_of
from app.store.connection_query import SORT_KEYS, ConnectionQuery
from socketdeck import Connection, Supervisor

COUNT = 60


@pytest.fixture(scope="module")
def crowd() -> Iterator[list[Connection]]:
    """Open connections of two services, many of them alike."""
    dice = random.Random(7)
    with Supervisor() as deck:
        services = [
            deck.add(name=name, address="tcp://127.0.0.1:0", handler="echo")
            for name in ("one", "two")
        ]
        for number in range(COUNT):
            service = services[number % 2]
            peer = (f"10.0.{number % 3}.1", 1000 + number)
            made = Connection(
                deck.connections, service.tally, service.name, "tcp", 1, peer, None, 0
            )
            made.local = "127.0.0.1:7000"
            made.bytes_in, made.bytes_out = dice.randrange(3), dice.randrange(100)
            made.messages_in, made.messages_out = dice.randrange(3), dice.randrange(3)
            made.opened_at -= dice.randrange(5)
            made.last_activity -= dice.randrange(5)
            deck.connections.show(made)
        yield deck.connections.open()


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("key", SORT_KEYS["open"])
def test_every_order_page_by_page(crowd: list[Connection], key: str, sign: str) -> None:
    seen: list[int] = []
    values: list[float] = []
    cursor: str | None = None
    while True:
        query = ConnectionQuery.parse(state="open", sort=sign + key, cursor=cursor, limit=7)
        page = page_of(query, crowd)
        assert page.total == COUNT
        seen += [item["id"] for item in page.items]
        values += [round(float(query.position(item)[0]), 2) for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(seen) == sorted(connection.id for connection in crowd)
    assert values == sorted(values, reverse=bool(sign))


@pytest.mark.parametrize(
    "asked",
    [
        {"peer": "10.0.1.0/24"},
        {"peer": "10.0.2.1:1002"},
        {"q": "TWO"},
        {"q": ":100"},
        {"q": "7000"},
        {"q": "nowhere"},
        {"opened_before": 0.0},
    ],
)
def test_filters_say_the_same_as_of_views(
    crowd: list[Connection], asked: dict[str, str | float]
) -> None:
    query = ConnectionQuery.parse(state="open", limit=500, **asked)  # type: ignore[arg-type]
    expected = [one.id for one in crowd if query.matches(LazyView(one))]
    page = page_of(query, crowd)
    assert sorted(item["id"] for item in page.items) == expected
    assert page.total == len(expected)

"""Exceptions over REST: each failure once, with where it was raised and what had come in."""

from __future__ import annotations

import base64
import contextlib
from pathlib import Path
from typing import Any

import pytest

from tests.panels import Rest, RunningPanel, connected

SHOP = '''
from socketserver import BaseRequestHandler

STOCK = {b"tea": 3}


class Shop(BaseRequestHandler):
    """Sells what it has."""

    def handle(self):
        wanted = self.request.recv(4096)
        if wanted == b"nothing":
            raise ValueError("<b>\\x1b[31m\\u202e\\ud800" + "x" * (1 << 20))
        try:
            left = STOCK[wanted]
        except KeyError as error:
            if wanted.startswith(b"no "):
                raise LookupError("nobody sells it") from error
            raise
        self.request.sendall(b"%d" % left)
'''


def order(address: str, words: bytes) -> tuple[str, int]:
    """Ask for something, and wait until the service is done; answers who asked."""
    with connected(address) as client:
        host, port = client.getsockname()
        client.sendall(words)
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(64) == b""
        return f"{host}:{port}", port


def found(client: Rest, **query: Any) -> list[dict[str, Any]]:
    answer = client.get("/exceptions", params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


@pytest.fixture
def shop(panel: RunningPanel, client: Rest) -> str:
    """The address of a service with bugs."""
    (Path(panel.data) / "handlers" / "shop.py").write_text(SHOP, encoding="utf-8")
    address: str = client.start("shop", "shop:Shop")["status"]["address"]
    return address


def orders(client: Rest, address: str, *words: bytes) -> list[str]:
    """Orders that fail, one after the other, each seen by the panel when this returns."""
    peers = []
    with client.follow(kind="connection.error") as errors:
        for word in words:
            peers.append(order(address, word)[0])
            errors.until_kind("connection.error")
    return peers


def test_a_failure_of_many_connections_is_one(client: Rest, shop: str) -> None:
    rum, gin = orders(client, shop, b"rum", b"gin")
    (one,) = found(client)
    assert (one["service"], one["type"], one["message"]) == ("shop", "KeyError", "b'gin'")
    assert one["count"] == 2
    assert one["peers"] == [gin, rum]
    newest, oldest = one["connections"]
    assert newest > oldest
    assert client.get(f"/connections/{newest}").json()["peer"] == gin
    assert base64.b64decode(one["last_bytes"]) == b"gin"
    assert one["last_bytes_note"] is None
    assert one["traceback"].endswith("KeyError: b'gin'\n")
    place = one["place"]
    assert place["file"].endswith("/handlers/shop.py")
    assert (place["code"], place["function"], place["own"]) == (
        "left = STOCK[wanted]",
        "handle",
        True,
    )
    assert one["first_seen"] <= one["last_seen"]
    assert sum(one["activity"]) == 2
    assert client.get(f"/exceptions/{one['id']}").json() == one
    assert client.service("shop")["status"]["errors"] == 2


def test_of_a_chain_the_beginning_is_told(client: Rest, shop: str) -> None:
    orders(client, shop, b"no rum")
    (one,) = found(client)
    assert one["type"] == "LookupError"
    assert one["cause"]["type"] == "KeyError"
    assert one["cause"]["place"]["code"] == "left = STOCK[wanted]"


def test_orders_searches_and_pages(client: Rest, shop: str) -> None:
    orders(client, shop, b"rum", b"gin", b"no rum", b"nothing", b"ale")

    def types(**query: Any) -> list[str]:
        return [one["type"] for one in found(client, **query)]

    assert types() == ["KeyError", "ValueError", "LookupError"]
    assert types(sort="first_seen") == ["KeyError", "LookupError", "ValueError"]
    assert types(sort="-count")[0] == "KeyError"
    assert types(q="NOBODY sells") == ["LookupError"]
    assert types(q="shop.py", service="shop", limit=1) == ["KeyError"]
    assert types(service="another") == []
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get("/exceptions", params={"limit": 1, **cursor}).json()
        assert page["total"] == 3
        seen += [one["type"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == types()


def test_hostile_texts_come_within_bounds(client: Rest, shop: str) -> None:
    orders(client, shop, b"nothing")
    answer = client.get("/exceptions")
    (one,) = answer.json()["items"]
    assert one["message"].startswith("<b>\x1b[31m\u202e\\ud800xxx")
    assert len(answer.content) < 100_000


def test_a_level_that_keeps_no_payloads_is_named(client: Rest, shop: str) -> None:
    address = client.start("dim", "shop:Shop", capture={"level": "events"})["status"]["address"]
    orders(client, address, b"rum")
    (one,) = found(client, service="dim")
    assert (one["last_bytes"], one["last_bytes_note"]) == (None, "not_captured")


@pytest.mark.parametrize("how", [{"concurrency": "forking"}, {"host": "process"}])
def test_a_handler_in_another_process(client: Rest, shop: str, how: dict[str, str]) -> None:
    address = client.start("far", "shop:Shop", **how)["status"]["address"]
    here, there = orders(client, shop, b"rum"), orders(client, address, b"no rum", b"no gin")
    (one,) = found(client, service="far")
    assert (one["type"], one["count"], one["peers"]) == ("LookupError", 2, there[::-1])
    assert base64.b64decode(one["last_bytes"]) == b"no gin"
    assert one["place"]["code"] == 'raise LookupError("nobody sells it") from error'
    assert [other["peers"] for other in found(client, service="shop")] == [here]


def test_a_forgotten_one_comes_again_as_new(client: Rest, shop: str) -> None:
    orders(client, shop, b"rum", b"gin")
    (one,) = found(client)
    assert client.delete(f"/exceptions/{one['id']}").status_code == 204
    for method in ("GET", "DELETE"):
        gone = client.call(method, f"/exceptions/{one['id']}")
        assert gone.status_code == 404
        assert one["id"] in gone.json()["detail"]
    assert found(client) == []
    orders(client, shop, b"ale")
    (again,) = found(client)
    assert (again["id"], again["count"]) == (one["id"], 1)


def test_a_deleted_service_takes_them_along(client: Rest, shop: str) -> None:
    orders(client, shop, b"rum")
    assert len(found(client, service="shop")) == 1
    assert client.delete("/services/shop").status_code == 204
    assert found(client) == []


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ("sort=message", ["/sort"]),
        ("sort=count&cursor=nonsense", ["/cursor"]),
        ("service=NO&q=&limit=0&sort=x", ["/limit", "/q", "/service", "/sort"]),
        ("since=1", ["/since"]),
        ("limit=1&limit=2", ["/limit"]),
    ],
)
def test_every_bad_parameter_is_named(client: Rest, query: str, pointers: list[str]) -> None:
    answer = client.get(f"/exceptions?{query}")
    assert answer.status_code == 422, answer.text
    assert sorted(error["pointer"] for error in answer.json()["errors"]) == pointers


@pytest.mark.parametrize("key", ["0" * 16, "no-such-one", "0" * 15, "%2e%2e"])
def test_what_never_was_is_not_found(client: Rest, key: str) -> None:
    for method in ("GET", "DELETE"):
        answer = client.call(method, f"/exceptions/{key}")
        assert answer.status_code == 404
        assert answer.json()["status"] == 404


def test_it_is_shown_without_a_script(client: Rest, shop: str) -> None:
    orders(client, shop, b"rum", b"no gin")
    page = client.session.get(f"{client.url}/exceptions").text
    assert "KeyError" in page
    assert "left = STOCK[wanted]" in page
    found_one = client.session.get(f"{client.url}/exceptions?q=nobody").text
    assert "LookupError" in found_one
    root = found_one.partition('id="root"')[2]
    assert root.count("<article") == 1
    orders(client, shop, b"nothing")
    hostile = client.session.get(f"{client.url}/exceptions?q=ValueError").text
    assert "\u202e" not in hostile.partition('id="root"')[2]
    assert "&lt;b&gt;\\x1b[31m\\u202e" in hostile
    odd = client.session.get(f"{client.url}/exceptions?sort=nonsense&what=1")
    assert odd.status_code == 200
    assert odd.text.partition('id="root"')[2].count("<article") == 3

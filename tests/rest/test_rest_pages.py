"""The pages as the server draws them: real data, no request elsewhere, no script but ours."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
import requests

from tests.panels import TOKEN, Rest, RunningPanel, connected

PAGES = [
    "/",
    "/services/echo",
    "/exceptions",
    "/services/new",
    "/connections",
    "/handlers",
    "/api/docs",
]


def page(panel: RunningPanel, path: str) -> requests.Response:
    return requests.get(
        panel.url + path,
        headers={"Authorization": f"Bearer {TOKEN}", "Accept": "text/html"},
        timeout=20,
    )


def boot(answer: requests.Response) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="boot"[^>]*>(.*?)</script>', answer.text)
    assert found is not None
    content: dict[str, object] = json.loads(found[1])
    return content


@pytest.mark.parametrize("path", PAGES)
def test_a_page(panel: RunningPanel, path: str) -> None:
    answer = page(panel, path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    nonce = re.search(r"'nonce-([^']+)'", policy)
    assert nonce is not None
    for script in re.findall(r"<script\b([^>]*)>", answer.text):
        assert 'src="/' in script or f'nonce="{nonce[1]}"' in script
    for link in re.findall(r'(?:src|href)="([^"]*)"', answer.text):
        assert not link.startswith("//")
        assert "://" not in link


@pytest.mark.parametrize("path", PAGES)
def test_all_files_of_a_page_are_there(panel: RunningPanel, path: str) -> None:
    for link in set(re.findall(r'(?:src|href)="(/(?:static|api)/[^"]*)"', page(panel, path).text)):
        assert page(panel, link).status_code == 200, link


def test_the_overview_has_all_services(panel: RunningPanel, client: Rest) -> None:
    client.start("one")
    answer = page(panel, "/")
    content = boot(answer)
    assert content["services"] == client.get("/services").json()["items"]
    assert all(f">{name}</a>" in answer.text for name in ("echo", "greeter", "one", "quotes"))


def test_the_service_page_has_what_its_script_asks_for(panel: RunningPanel, client: Rest) -> None:
    client.start("one")
    client.post("/services/one/try", json={"data": "x"})
    content = boot(page(panel, "/services/one"))
    service = client.get("/services/one")
    assert content["etag"] == service.headers["ETag"]
    shown: Any = content["service"]
    told: Any = service.json()
    for one in (shown, told):
        del one["status"]["rates"]  # of the last full second, which may have been another
    assert shown == told
    assert set(content) == {"service", "etag", "connections", "events", "exceptions", "seq", "now"}
    seqs = [event["seq"] for event in content["events"]["items"]]  # type: ignore[index]
    assert seqs == sorted(seqs, reverse=True)
    assert seqs[0] <= content["seq"]


def test_the_page_of_connections_is_what_its_address_asks_for(
    panel: RunningPanel, client: Rest
) -> None:
    address = client.start("one")["status"]["address"]
    with connected(address) as first, connected(address) as second:
        for number, peer in enumerate((first, second)):
            peer.sendall(b"x" * (number + 1))
            assert peer.recv(2)
        query = "service=one&sort=-bytes_in"
        content: Any = boot(page(panel, f"/connections?{query}&cursor=x&utm=y"))
        listed = client.get(f"/connections?{query}").json()
        ids = [item["id"] for item in listed["items"]]
        assert [item["id"] for item in content["connections"]["items"]] == ids
        assert content["connections"]["total"] == 2
        assert "one" in content["services"]
        on_service: Any = boot(page(panel, "/services/one?service=two&sort=id"))
        assert [item["id"] for item in on_service["connections"]["items"]] == sorted(ids)


@pytest.mark.parametrize(
    "query", ["peer=bogus&sort=colour", "state=melted", "reason=killed", "q=" + "x" * 300]
)
def test_an_address_of_connections_that_makes_no_sense(
    panel: RunningPanel, client: Rest, query: str
) -> None:
    answer = page(panel, f"/connections?{query}")
    refused = client.get(f"/connections?{query}").json()
    content: Any = boot(answer)
    assert answer.status_code == 200
    assert content["connections"]["problem"]["errors"] == refused["errors"]
    text = html.unescape(answer.text)
    assert all(error["detail"] in text for error in refused["errors"])


def test_markup_in_what_is_shown_is_text(panel: RunningPanel, client: Rest) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m"
    client.start("one", description=evil, labels={evil[:60]: evil})
    client.post("/services/one/try", json={"data": evil})
    for path in ("/", "/services/one", f"/connections?state=all&q={evil}&peer={evil}"):
        text = page(panel, path).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text


@pytest.mark.parametrize("path", ["/services/nobody", "/nothing", "/services/%00", "/static/nix"])
def test_a_page_that_is_not_there(panel: RunningPanel, path: str) -> None:
    answer = page(panel, path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Not Found" in answer.text


def test_the_page_of_a_connection(panel: RunningPanel, client: Rest) -> None:
    with connected(client.start("one")["status"]["address"]) as peer:
        peer.sendall(b"<b>hello\x1b")
        assert peer.recv(64) == b"<b>hello\x1b"
        (found,) = client.get("/connections").json()["items"]
        answer = page(panel, f"/connections/{found['id']}")
    content = boot(answer)
    view: Any = content["connection"]
    assert {name: view[name] for name in ("id", "service", "peer", "bytes", "messages")} == {
        name: found[name] for name in ("id", "service", "peer", "bytes", "messages")
    }
    listed = client.get(f"/connections/{found['id']}/messages").json()
    assert content["messages"] == {"items": listed["items"], "next_cursor": None}
    assert content["beside"] == {"previous": None, "next": None}
    # Before any script: what was said, as text.
    assert "&lt;b&gt;hello·" in answer.text


def test_connections_beside_a_connection(panel: RunningPanel, client: Rest) -> None:
    address = client.start("one")["status"]["address"]
    for _ in range(2):
        with connected(address) as peer:
            peer.sendall(b"x")
            assert peer.recv(1) == b"x"
    with connected(address) as peer, connected(client.start("two")["status"]["address"]):
        peer.sendall(b"x")
        assert peer.recv(1) == b"x"
        listed = client.get("/connections", params={"service": "one", "state": "all"}).json()
        last, middle, first = [item["id"] for item in listed["items"]]

        def beside(number: int) -> object:
            return boot(page(panel, f"/connections/{number}"))["beside"]

        assert beside(first) == {"previous": None, "next": middle}
        assert beside(middle) == {"previous": first, "next": last}
        assert beside(last) == {"previous": middle, "next": None}


@pytest.mark.parametrize("number", ["123456789", "9" * 30])
def test_a_connection_that_never_was(panel: RunningPanel, number: str) -> None:
    answer = page(panel, f"/connections/{number}")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f"there is no connection {number}" in answer.text
    assert 'href="/connections"' in answer.text

"""The pages as the server draws them: real data, no request elsewhere, no script but ours."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import requests

from tests.panels import TOKEN, Rest, RunningPanel

PAGES = ["/", "/services/echo", "/services/new", "/handlers", "/api/docs"]


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
    assert set(content) == {"service", "etag", "connections", "events", "seq", "now"}
    seqs = [event["seq"] for event in content["events"]["items"]]  # type: ignore[index]
    assert seqs == sorted(seqs, reverse=True)
    assert seqs[0] <= content["seq"]


def test_markup_in_what_is_shown_is_text(panel: RunningPanel, client: Rest) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m"
    client.start("one", description=evil, labels={evil[:60]: evil})
    client.post("/services/one/try", json={"data": evil})
    for path in ("/", "/services/one"):
        text = page(panel, path).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text


@pytest.mark.parametrize("path", ["/services/nobody", "/nothing", "/services/%00", "/static/nix"])
def test_a_page_that_is_not_there(panel: RunningPanel, path: str) -> None:
    answer = page(panel, path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Not Found" in answer.text

"""Signing in over REST and by the pages; what nobody may who has not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests

from app.access import CSRF_HEADER, SIGN_IN_PATH
from tests.panels import TOKEN, Rest, RunningPanel

GOOD = {"name": "one", "address": "tcp://127.0.0.1:0", "handler": "echo"}


@pytest.fixture
def visitor(panel: RunningPanel) -> Iterator[Rest]:
    """A client without a token, that keeps cookies."""
    rest = panel.rest(None)
    yield rest
    rest.session.close()


def sign_in(visitor: Rest) -> str:
    """Sign in; returns the CSRF token."""
    answer = visitor.post("/session", json={"token": TOKEN})
    assert answer.status_code == 200
    csrf: str = answer.json()["csrf_token"]
    return csrf


@pytest.mark.parametrize(
    "path", ["/services", "/services/echo", "/connections", "/events", "/handlers", "/nothing"]
)
def test_nobody_may_read(visitor: Rest, path: str) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 401
    assert "Bearer" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/api/v1/openapi.json", "/api/docs"])
def test_everybody_may_ask_for_these(visitor: Rest, path: str) -> None:
    assert visitor.get(path).status_code == 200


def test_a_session(visitor: Rest) -> None:
    csrf = sign_in(visitor)
    assert visitor.get("/services").status_code == 200
    refused = visitor.post("/services", json=GOOD)
    assert refused.status_code == 403
    assert CSRF_HEADER in refused.json()["detail"]
    assert visitor.post("/services", json=GOOD, headers={CSRF_HEADER: csrf}).status_code == 201
    assert visitor.delete("/session", headers={CSRF_HEADER: csrf}).status_code == 204
    assert visitor.get("/services").status_code == 401


def test_each_sign_in_is_another_session(visitor: Rest) -> None:
    first = sign_in(visitor)
    cookies = dict(visitor.session.cookies)
    assert sign_in(visitor) != first
    answer = requests.get(f"{visitor.url}/api/v1/services", cookies=cookies, timeout=20)
    assert answer.status_code == 401


def test_a_wrong_token(visitor: Rest) -> None:
    statuses = [visitor.post("/session", json={"token": "wrong"}).status_code for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    assert visitor.post("/session", json={"token": TOKEN}).status_code == 200


@pytest.mark.parametrize("body", [{}, {"token": 5}, {"token": ""}, {"token": TOKEN, "nix": 1}])
def test_signing_in_with_nonsense(visitor: Rest, body: dict[str, object]) -> None:
    assert visitor.post("/session", json=body).status_code == 422


def test_another_name_is_not_answered(panel: RunningPanel) -> None:
    for path in ("/", "/api/v1/services", "/healthz"):
        answer = requests.get(panel.url + path, headers={"Host": "evil.example"}, timeout=20)
        assert answer.status_code == 421
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_another_origin_may_change_nothing(panel: RunningPanel, client: Rest) -> None:
    for origin in ("http://evil.example", "http://127.0.0.1:1", "null"):
        answer = client.post("/services", json=GOOD, headers={"Origin": origin})
        assert answer.status_code == 403
    assert client.post("/services", json=GOOD, headers={"Origin": panel.url}).status_code == 201


def test_the_sign_in_link_works_once(panel: RunningPanel, visitor: Rest) -> None:
    code = panel.app.extensions["access"].make_sign_in_code()
    link = f"{panel.url}{SIGN_IN_PATH}?code={code}"
    # A program that looks at it first, as those do that show a preview, does not use it up.
    looked = requests.head(link, timeout=20)
    assert (looked.status_code, looked.cookies.get_dict()) == (200, {})
    answer = visitor.session.get(link, timeout=20)
    assert answer.url == f"{panel.url}/"
    assert answer.status_code == 200
    assert visitor.get("/services").status_code == 200
    again = requests.get(link, timeout=20, headers={"Accept": "text/html"})
    assert again.status_code == 401
    assert "was used" in again.text
    # For whoever is signed in the link is no news.
    assert visitor.session.get(link, timeout=20).url == f"{panel.url}/"


def test_the_form_posts_to_where_it_is_taken(panel: RunningPanel, visitor: Rest) -> None:
    form = visitor.session.get(f"{panel.url}/signin", timeout=20)
    action = re.search(r'<form[^>]* action="([^"]+)"', form.text)
    assert action is not None
    answer = visitor.session.post(f"{panel.url}{action[1]}", data={"token": TOKEN}, timeout=20)
    assert (answer.url, answer.status_code) == (f"{panel.url}/", 200)


def test_a_page_leads_to_the_form_and_the_form_back(panel: RunningPanel, visitor: Rest) -> None:
    page = visitor.session.get(
        f"{panel.url}/services/echo", headers={"Accept": "text/html"}, timeout=20
    )
    assert page.url == f"{panel.url}{SIGN_IN_PATH}?next=/services/echo"
    form = {"token": TOKEN, "next": "/services/echo"}
    answer = visitor.session.post(f"{panel.url}{SIGN_IN_PATH}", data=form, timeout=20)
    assert (answer.url, answer.status_code) == (f"{panel.url}/services/echo", 200)


@pytest.mark.parametrize("elsewhere", ["//evil.example", "http://evil.example", "/\\evil"])
def test_the_form_leads_nowhere_else(panel: RunningPanel, visitor: Rest, elsewhere: str) -> None:
    form = {"token": TOKEN, "next": elsewhere}
    answer = visitor.session.post(
        f"{panel.url}{SIGN_IN_PATH}", data=form, allow_redirects=False, timeout=20
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


def test_the_form_with_a_wrong_token(panel: RunningPanel, visitor: Rest) -> None:
    answer = visitor.session.post(f"{panel.url}{SIGN_IN_PATH}", data={"token": "wrong"}, timeout=20)
    assert answer.status_code == 401
    assert "not the token" in answer.text
    assert "wrong" not in answer.text.replace("not the token", "")

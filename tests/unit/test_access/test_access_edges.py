"""What is refused before anybody asks who it is: hosts, origins, bodies; and what answers bear."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import Client, EnvironBuilder
from werkzeug.wrappers import Response

from app.access.bodies import BODY_BYTES, read_json
from app.access.hosts import AllowedHosts, HostGuard, split_host

LOOPBACK = AllowedHosts(["127.0.0.1", "localhost", "::1"])


# -- hosts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:5080", "LOCALHOST:1", "localhost.", "[::1]:5080", "[0:0::1]"]
)
def test_the_names_of_loopback_are_answered_with_any_port(
    deck: Any, bearer: dict[str, str], host: str
) -> None:
    answer = deck.client().get("/api/v1/services", headers={**bearer, "Host": host})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example:5080", 421),
        ("127.0.0.2", 421),
        ("[::2]:5080", 421),
        ("", 400),
        ("localhost, evil.example", 400),
        ("localhost:5080:5080", 400),
        ("user@localhost", 400),
        ("[::1", 400),
        ("localhost/", 400),
        ("\xe9vil", 400),
    ],
)
def test_a_rebound_name_is_refused_whatever_it_asks(
    deck: Any, is_problem: Any, bearer: dict[str, str], host: str, status: int
) -> None:
    for path in ("/healthz", "/api/v1/services", "/socket.io/?EIO=4&transport=polling"):
        answer = deck.client().get(path, headers=bearer, environ_overrides={"HTTP_HOST": host})
        assert is_problem(answer, status, "SOCKETDECK_ALLOWED_HOSTS" if status == 421 else "Host")


def test_a_request_without_a_host_is_refused(deck: Any) -> None:
    environ = EnvironBuilder("/healthz").get_environ()
    del environ["HTTP_HOST"]
    told: list[str] = []
    body = deck.app.wsgi_app(environ, lambda status, headers: told.append(status))
    assert told == ["400 Bad Request"]
    assert b"Host" in b"".join(body)


def test_configured_names_are_answered_and_no_others(make_deck: Callable[..., Any]) -> None:
    client = make_deck(allowed_hosts="deck.lan, [2001:db8::1]").client()
    for host, status in (
        ("deck.lan:80", 200),
        ("[2001:DB8:0::1]", 200),
        ("localhost", 421),
    ):
        assert client.get("/healthz", headers={"Host": host}).status_code == status


def test_a_panel_bound_to_every_address_answers_to_addresses_not_to_names(
    make_deck: Callable[..., Any],
) -> None:
    client = make_deck(host="0.0.0.0").client()
    for host, status in (
        ("192.168.1.7:5080", 200),
        ("[fd00::7]", 200),
        ("localhost", 200),
        ("evil.example", 421),
    ):
        assert client.get("/healthz", headers={"Host": host}).status_code == status


def test_a_head_request_is_refused_without_a_body(deck: Any) -> None:
    answer = deck.client().head("/healthz", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.data) == (421, b"")


def test_hosts_have_one_spelling() -> None:
    assert split_host("LocalHost.:80") == ("localhost", 80)
    assert split_host("[0:0:0:0:0:0:0:1]") == ("::1", None)


# -- origins ----------------------------------------------------------------------------------

ORIGINS = [
    ("http://localhost:5080", "localhost:5080", True),
    ("http://localhost", "localhost", True),
    ("http://localhost", "localhost:80", True),
    ("https://localhost", "localhost", True),
    ("https://localhost", "localhost:443", True),
    ("http://[::1]:5080", "[::1]:5080", True),
    ("http://localhost:8000", "localhost:5080", False),
    ("http://localhost", "localhost:5080", False),
    ("http://127.0.0.1:5080", "localhost:5080", False),
    ("http://evil.example", "localhost:5080", False),
    ("http://evil.example:5080", "evil.example:5080", False),
    ("http://localhost:5080.evil.example", "localhost:5080", False),
    ("http://user@localhost:5080", "localhost:5080", False),
    ("http://localhost:5080/", "localhost:5080", False),
    ("ftp://localhost", "localhost", False),
    ("file://", "localhost:5080", False),
    ("null", "localhost:5080", False),
    ("", "localhost:5080", False),
    ("http://[", "localhost:5080", False),
]


@pytest.mark.parametrize(("origin", "host", "same"), ORIGINS)
def test_an_origin_is_the_hosts_own_or_foreign(origin: str, host: str, same: bool) -> None:
    assert LOOPBACK.allows_origin(origin, host) is same


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:8000", "null"])
def test_a_foreign_page_changes_nothing_though_it_has_the_cookie(
    deck: Any, is_problem: Any, origin: str
) -> None:
    browser = deck.signed_in()
    headers = {"X-CSRF-Token": browser.csrf, "Origin": origin}
    assert is_problem(browser.post(headers=headers), 403, "may not use this panel")
    assert is_problem(browser.sign_in(headers={"Origin": origin}), 403)
    assert browser.get(headers={"Origin": origin}).status_code == 200


def test_the_panels_own_page_changes_what_it_wants(deck: Any) -> None:
    browser = deck.signed_in()
    headers = {"X-CSRF-Token": browser.csrf, "Origin": "http://localhost"}
    assert browser.post(headers=headers).status_code == 200


def test_socket_io_is_guarded_though_flask_never_sees_it() -> None:
    guard = HostGuard(Response("a handshake"), LOOPBACK)
    client = Client(guard)

    def status(**headers: str) -> int:
        base = "http://localhost:5080"
        return client.get("/socket.io/?EIO=4", base_url=base, headers=headers).status_code

    assert status() == 200
    assert status(Origin="http://localhost:5080") == 200
    for origin in ("http://evil.example", "http://localhost:8000", "null"):
        assert status(Origin=origin) == 403
    assert status(Host="evil.example", Origin="http://evil.example") == 421


# -- bodies -----------------------------------------------------------------------------------


def test_a_body_over_a_mebibyte_is_refused(
    deck: Any, is_problem: Any, bearer: dict[str, str]
) -> None:
    client = deck.client()
    just = b'"' + b"x" * (BODY_BYTES - 2) + b'"'
    options = {"headers": bearer, "content_type": "application/json"}
    assert client.post("/api/v1/services", data=just, **options).status_code == 200
    answer = client.post("/api/v1/services", data=just + b" ", **options)
    assert is_problem(answer, 413, "larger than 1048576 bytes")
    assert is_problem(client.get("/healthz", data=just + b" "), 413)


def test_a_body_that_does_not_say_how_long_it_is_is_refused_as_it_grows(
    deck: Any, is_problem: Any, bearer: dict[str, str]
) -> None:
    answer = deck.client().post(
        "/api/v1/services",
        data=b"{}" + b" " * BODY_BYTES,
        headers=bearer,
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": "", "wsgi.input_terminated": True},
    )
    assert is_problem(answer, 413)


@pytest.mark.parametrize("path", ["/api/v1/services", "/sign-in"])
def test_a_body_that_broke_off_is_refused_though_what_came_is_good(
    deck: Any, is_problem: Any, bearer: dict[str, str], path: str
) -> None:
    answer = deck.client().post(
        path,
        data=b'{"name": "one"}',
        headers={**bearer, "Content-Type": "application/json"},
        environ_overrides={"CONTENT_LENGTH": "65", "wsgi.input_terminated": True},
    )
    assert is_problem(answer, 400, "broke off: 15 of its 65 bytes came")


def test_an_encoded_body_is_refused_as_that(
    deck: Any, is_problem: Any, bearer: dict[str, str]
) -> None:
    client = deck.client()
    headers = {**bearer, "Content-Encoding": "gzip"}
    answer = client.post("/api/v1/services", json={}, headers=headers)
    assert is_problem(answer, 415, "Content-Encoding gzip")
    assert answer.headers["Accept-Encoding"] == "identity"
    headers["Content-Encoding"] = "Identity"
    assert client.post("/api/v1/services", json={}, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "at line 1, column 2"),
        (b"nope", "Expecting value"),
        (b"{} {}", "Extra data"),
        (b'{"a": "\xff"}', "byte 7 is not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8|Expecting"),
        ('{"a": 1}'.encode("utf-16-le"), "Expecting|Illegal|Invalid"),
        (b"\xef\xbb\xbf{}", r"\(BOM\); leave it out"),
        (b"NaN", "NaN is no number"),
        (b'{"a": -Infinity}', "-Infinity is no number"),
        (b'{"a": "\\ud800"}', "half a surrogate pair"),
        (b'{"\\udc00": 1}', "half a surrogate pair"),
        (b"[" * 100_000, "nested too deeply"),
        (b"1" * 5_000, "too many digits$"),
        (b'{"a": 1, "b": 2, "a": 1}', '"a" is there more than once'),
        (b'[{"labels": {"a": 1, "\\u0061": 2}}]', '"a" is there more than once'),
    ],
)
def test_what_is_not_json_is_told_as_that(
    deck: Any, is_problem: Any, bearer: dict[str, str], body: bytes, says: str
) -> None:
    answer = deck.client().post(
        "/api/v1/services", data=body, headers=bearer, content_type="application/json"
    )
    assert is_problem(answer, 400, says)


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert read_json(b'"\\ud83d\\ude00"') == "\U0001f600"


def test_a_body_of_another_type_is_refused_and_no_body_is_none(
    deck: Any, is_problem: Any, bearer: dict[str, str]
) -> None:
    client = deck.client()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        answer = client.post("/api/v1/services", data=b"{}", headers=bearer, content_type=kind)
        assert is_problem(answer, 415, "must be application/json")
    patch = "application/merge-patch+json; charset=utf-8"
    answer = client.post("/api/v1/services", data=b"{}", headers=bearer, content_type=patch)
    assert answer.status_code == 200
    assert client.post("/api/v1/services", headers=bearer).status_code == 200


def test_a_stranger_is_refused_before_the_body_is_read(deck: Any, is_problem: Any) -> None:
    answer = deck.client().post("/api/v1/services", data=b"{", content_type="application/json")
    assert is_problem(answer, 401)


# -- headers ----------------------------------------------------------------------------------


def policy(answer: Any) -> dict[str, str]:
    parts = (part.partition(" ") for part in answer.headers["Content-Security-Policy"].split("; "))
    return {name: value for name, _, value in parts}


def test_every_answer_bears_the_headers(deck: Any, bearer: dict[str, str]) -> None:
    client = deck.client()
    for path, status in (
        ("/", 200),
        ("/api/v1/services", 200),
        ("/nothing", 404),
        ("/healthz", 200),
    ):
        answer = client.get(path, headers=bearer)
        assert answer.status_code == status
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"] == "no-store"
        assert policy(answer)["frame-ancestors"] == "'none'"


def test_static_files_may_be_kept(deck: Any) -> None:
    answer = deck.client().get("/static/conftest.py")
    assert answer.headers["Cache-Control"] == "no-cache"
    answer.close()


def test_the_nonce_is_the_pages_and_new_each_time(deck: Any, bearer: dict[str, str]) -> None:
    client = deck.client()
    nonces = set()
    for _ in range(2):
        answer = client.get("/", headers={**bearer, "Host": "localhost:5080"})
        (nonce,) = re.findall(r'nonce="([^"]+)"', answer.get_data(as_text=True))
        assert policy(answer) == {
            "default-src": "'self'",
            "script-src": f"'self' 'nonce-{nonce}'",
            "style-src": "'self'",
            "img-src": "'self' data:",
            "connect-src": "'self' ws://localhost:5080",
            "object-src": "'none'",
            "frame-ancestors": "'none'",
            "base-uri": "'none'",
            "form-action": "'self'",
        }
        nonces.add(nonce)
    assert len(nonces) == 2


def test_only_the_docs_may_have_inline_styles(deck: Any, bearer: dict[str, str]) -> None:
    client = deck.client()
    docs = policy(client.get("/api/docs/swagger", headers=bearer))
    assert docs["style-src"] == "'self' 'unsafe-inline'"
    assert "unsafe-inline" not in docs["script-src"]
    other = client.get("/api/docsx", headers=bearer)
    assert "unsafe-inline" not in other.headers["Content-Security-Policy"]
    page = deck.app.config["SWAGGER_HTML_STRING"]
    assert page.count("<script") == page.count("<script nonce=")

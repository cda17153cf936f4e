"""Bad input: a clear problem each time, with all bad fields at once, and nothing half-created."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.panels import TOKEN, Rest, RunningPanel

GOOD: dict[str, Any] = {"name": "one", "address": "tcp://127.0.0.1:0", "handler": "echo"}


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPanel]:
    """One panel for all of it: that it goes on is part of what is tested."""
    running = RunningPanel(tmp_path_factory.mktemp("panel") / "data")
    yield running
    running.close()


@pytest.fixture(scope="module")
def client(panel: RunningPanel) -> Iterator[Rest]:
    rest = panel.rest()
    yield rest
    rest.session.close()


@pytest.fixture(autouse=True)
def nothing_is_created(client: Rest) -> Iterator[None]:
    """After whatever a test tried, the panel has what it had, and goes on."""
    before = [service["name"] for service in client.get("/services").json()["items"]]
    yield
    after = [service["name"] for service in client.get("/services").json()["items"]]
    assert after == before


def pointers(answer: requests.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    return sorted(error["pointer"] for error in answer.json()["errors"])


def taken(answer: requests.Response, pointer: str) -> str:
    """What a conflict says of the one field that it is about."""
    assert answer.status_code == 409, answer.text
    problem: dict[str, Any] = answer.json()
    assert problem["errors"] == [{"pointer": pointer, "detail": problem["detail"]}]
    return str(problem["detail"])


# -- definitions ------------------------------------------------------------------------------

BAD_FIELDS = [
    ("name", ""),
    ("name", "Upper"),
    ("name", "-a"),
    ("name", "a" * 64),
    ("name", "a/b"),
    ("name", 7),
    ("name", None),
    ("description", 7),
    ("description", "x" * 5000),
    ("labels", {"a": 1}),
    ("labels", ["a"]),
    ("address", "nonsense"),
    ("address", "tcp://127.0.0.1"),
    ("address", "tcp://127.0.0.1:99999"),
    ("address", "tcp://999.1.1.1:80"),
    ("address", "tcp://[::zz]:80"),
    ("address", "http://127.0.0.1:80"),
    ("address", "unix://relative/path"),
    ("address", "unix:///" + "x" * 200),
    ("address", "unix:///tmp/a\u0000b"),
    ("address", 80),
    ("concurrency", "green"),
    ("pool_size", 0),
    ("pool_size", 100_000),
    ("pool_size", "64"),
    ("pool_size", True),
    ("pool_size", 1.5),
    ("handler", "nobody"),
    ("handler", "ecoh"),
    ("handler", ""),
    ("handler", "os:system"),
    ("handler", "../evil:Class"),
    ("handler", "a b:c d"),
    ("handler", "socketserver:BaseRequestHandler"),
    ("handler", None),
    ("options", {"nix": 1}),
    ("options", [1]),
    ("requests", 0),
    ("requests", -1),
    ("requests", "many"),
    ("host", "cloud"),
    ("affinity", "yes"),
    ("autostart", 1),
    ("restart", {"policy": "sometimes"}),
    ("restart", {"delay": -1}),
    ("restart", {"nix": 1}),
    ("drain_timeout", -1),
    ("drain_timeout", 1e300),
    ("drain_timeout", "soon"),
    ("limits", {"backlog": 0}),
    ("limits", {"max_datagram": 65_508}),
    ("limits", {"nix": 1}),
    ("capture", {"level": "all"}),
    ("capture", {"bytes": -1}),
    ("nix", 1),
]
NOT_BUILT = [
    ("server", "socketserver:TCPServer"),
    ("factory", "mine:make"),
    ("attributes", {"timeout": 1}),
    ("processes", 2),
    ("tls", {"self_signed": True}),
    ("access", {"allow": ["10.0.0.0/8"]}),
    ("faults", [{"name": "slow", "type": "latency"}]),
    ("limits", {"max_connections": 1}),
    ("limits", {"max_connections_per_peer": 1}),
    ("limits", {"max_connection_rate": 1}),
    ("limits", {"idle_timeout": 1}),
    ("limits", {"max_lifetime": 1}),
]


@pytest.mark.parametrize(("field", "value"), [*BAD_FIELDS, *NOT_BUILT])
def test_each_field_of_a_definition(client: Rest, field: str, value: object) -> None:
    answer = client.post("/services", json={**GOOD, field: value})
    found = pointers(answer)
    assert found, answer.text
    assert all(pointer.split("/")[1] == field for pointer in found), answer.text


@pytest.mark.parametrize(("field", "value"), NOT_BUILT)
def test_what_is_not_built_is_said_by_name(client: Rest, field: str, value: object) -> None:
    detail = client.post("/services", json={**GOOD, field: value}).json()["detail"]
    assert "not built yet" in detail
    assert field in detail


@pytest.mark.parametrize("field", ["name", "address", "handler"])
def test_what_is_required_is_missed(client: Rest, field: str) -> None:
    given = {name: value for name, value in GOOD.items() if name != field}
    assert pointers(client.post("/services", json=given)) == [f"/{field}"]


def test_all_bad_fields_at_once(client: Rest) -> None:
    answer = client.post(
        "/services?start=maybe&nix=1",
        json={
            "name": "No",
            "address": "tcp://x:y",
            "handler": "echo",
            "options": {"nix": 1},
            "tls": {},
            "limits": {"backlog": 0, "idle_timeout": 5},
            "labels": {"a/b": 5},
        },
    )
    assert pointers(answer) == ["/nix", "/start"]
    answer = client.post("/services", json=json.loads(answer.request.body or b""))
    assert pointers(answer) == [
        "/address",
        "/labels/a~1b",
        "/limits/backlog",
        "/limits/idle_timeout",
        "/name",
        "/options/nix",
        "/tls",
    ]


def test_a_transport_that_a_handler_does_not_serve(client: Rest) -> None:
    answer = client.post(
        "/services", json={**GOOD, "handler": "http", "address": "udp://127.0.0.1:0"}
    )
    assert pointers(answer) == ["/handler"]
    assert "not udp" in answer.json()["detail"]


def test_shared_state_under_forking(client: Rest) -> None:
    answer = client.post("/services", json={**GOOD, "handler": "chat", "concurrency": "forking"})
    assert pointers(answer) == ["/concurrency"]
    assert "share" in answer.json()["detail"]


def test_a_name_that_is_taken(client: Rest) -> None:
    answer = client.post("/services", json={**GOOD, "name": "echo"})
    assert "echo" in taken(answer, "/name")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:7001", "tcp://:7001", "tcp://0.0.0.0:7001"])
def test_an_address_that_is_taken_says_by_whom(client: Rest, address: str) -> None:
    answer = client.post("/services", json={**GOOD, "address": address})
    assert "greeter" in taken(answer, "/address")


def test_an_edit_to_an_address_that_is_taken(client: Rest) -> None:
    before = client.service("echo")
    answer = client.patch("/services/echo", json={"address": "tcp://127.0.0.1:7001"})
    assert "greeter" in taken(answer, "/address")
    assert client.service("echo") == before


def test_a_service_cannot_be_renamed(client: Rest) -> None:
    assert pointers(client.patch("/services/echo", json={"name": "other"})) == ["/name"]
    answer = client.put("/services/echo", json={**GOOD, "name": "other"})
    assert pointers(answer) == ["/name"]


def test_a_bad_edit_changes_nothing(client: Rest) -> None:
    before = client.service("echo")
    assert pointers(client.patch("/services/echo", json={"concurrency": "no"})) == ["/concurrency"]
    assert pointers(client.put("/services/echo", json={"address": 1})) == ["/address", "/handler"]
    assert client.patch("/services/echo", json=[]).status_code == 422
    assert client.service("echo") == before


# -- handlers' files --------------------------------------------------------------------------

FILES = {
    "syntax": ("def broken(:\n", "X", "line 1"),
    "raises": ("1/0\n", "X", "ZeroDivisionError"),
    "exits": ("import sys; sys.exit(3)\n", "X", "exit"),
    "absent": ("import nothing_of_that_name\n", "X", "nothing_of_that_name"),
    "empty": ("", "X", "has no class X"),
    "no_handler": ("class X: pass\n", "X", "derives from"),
    "no_class": ("X = 5\n", "X", "no class"),
    "server": ("from socketserver import TCPServer as X\n", "X", "server class"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_serve(client: Rest, panel: RunningPanel, name: str) -> None:
    source, handler, said = FILES[name]
    file = panel.panel.configuration.handlers / f"{name}.py"
    file.write_text(source)
    answer = client.post("/services", json={**GOOD, "handler": f"{name}:{handler}"})
    file.unlink()
    assert pointers(answer) == ["/handler"]
    assert said in answer.json()["detail"]


# -- bodies -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "body"),
        (b"{", 400, "line 1"),
        (b"not json", 400, "JSON"),
        (b'{"name": "caf\xe9"}', 400, "UTF-8"),
        (b"\xff\xfe\x00", 400, "UTF-8"),
        (b'{"drain_timeout": NaN}', 400, "NaN"),
        (b'{"name": "\\ud800"}', 400, "surrogate"),
        (b"[" * 100_000, 400, "deep"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, 400, "deep"),
        (b"9" * 5000, 400, "JSON"),
        (b'{"name": "one", "name": "two"}', 400, '"name" is there more than once'),
        (b"[]", 422, "/: should be an object"),
        (b'"text"', 422, "/"),
        (b"null", 422, "/"),
    ],
)
def test_bodies(client: Rest, body: bytes, status: int, said: str) -> None:
    answer = client.post("/services", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert said in answer.json()["detail"]


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "", "json"])
def test_media_types(client: Rest, media: str) -> None:
    answer = client.post(
        "/services", data=json.dumps(GOOD).encode(), headers={"Content-Type": media}
    )
    assert answer.status_code == 415


def test_a_body_that_is_too_large(client: Rest) -> None:
    large = {**GOOD, "description": "x" * (1 << 20)}
    assert client.post("/services", json=large).status_code == 413


def test_a_body_that_is_too_large_and_does_not_say_so(panel: RunningPanel) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    answer = requests.post(
        f"{panel.url}/api/v1/services",
        data=pieces(),
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
        timeout=20,
    )
    assert answer.status_code == 413
    answer.close()


@pytest.mark.parametrize(
    ("path", "body", "found"),
    [
        ("stop", {"drain_timeout": -1}, ["/drain_timeout"]),
        ("stop", {"drain_timeout": "1"}, ["/drain_timeout"]),
        ("stop", {"drain_timeout": 1e999}, None),
        ("stop", {"nix": 1}, ["/nix"]),
        ("stop", [], [""]),
        ("start", {"nix": 1}, ["/nix"]),
        ("restart", {"force": True}, ["/force"]),
        ("handle-request", {"timeout": 0}, ["/timeout"]),
        ("handle-request", {"timeout": 1e6}, ["/timeout"]),
        ("try", {"data": 5, "encoding": "rot13", "timeout": 0}, ["/data", "/encoding", "/timeout"]),
        ("try", {"data": "xyz", "encoding": "hex"}, ["/data"]),
        ("try", {"data": "???", "encoding": "base64"}, ["/data"]),
        ("try", {"data": "x" * 600_000}, ["/data"]),
    ],
)
def test_bodies_of_calls(client: Rest, path: str, body: Any, found: list[str] | None) -> None:
    if found is None:
        text = json.dumps(body).replace("Infinity", "1e999")
        answer = client.post(
            f"/services/echo/{path}", data=text, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code in (400, 422)
        return
    assert pointers(client.post(f"/services/echo/{path}", json=body)) == found


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/services/echo/stop", [], "/: should be an object"),
        ("/session", {"token": ""}, "/token: should not be empty"),
        ("/session", {"token": "x" * 2000}, "/token: should have at most 1024 characters"),
    ],
)
def test_what_is_wrong_is_said_in_words_of_json(
    client: Rest, path: str, body: Any, said: str
) -> None:
    assert client.post(path, json=body).json()["detail"] == said


# -- paths and parameters ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/services?limit=0", ["/limit"]),
        ("/services?limit=501", ["/limit"]),
        ("/services?limit=ten", ["/limit"]),
        ("/services?limit=1_0", ["/limit"]),
        ("/services?limit=%D9%A1", ["/limit"]),
        ("/services?limit=1&limit=2", ["/limit"]),
        ("/services?limit=", ["/limit"]),
        ("/services?sort=colour&state=happy&nix=1", ["/nix", "/sort", "/state"]),
        ("/services?cursor=nonsense", ["/cursor"]),
        ("/services?cursor=%00", ["/cursor"]),
        ("/services?cursor=WyJuYW1lIiwxLCJhIl0", ["/cursor"]),
        ("/services?q=", ["/q"]),
        ("/services?q=a%FF", ["/q"]),
        ("/services?q=%EF%BF%BD&label=a&label=", ["/label"]),
        ("/services?label==a", ["/label"]),
        ("/connections?service=No+Name", ["/service"]),
        ("/connections?reason=nope&state=all", ["/reason"]),
        ("/connections?reason=killed", ["/reason"]),
        ("/events?kind=audit&kind=nope&service=No", ["/kind", "/service"]),
        ("/services/echo?verbose=1", ["/verbose"]),
        ("/connections?sort=colour", ["/sort"]),
        ("/connections?sort=idle&state=closed", ["/sort"]),
        ("/connections?sort=reason&state=open", ["/sort"]),
        ("/connections?sort=closed_at&state=all", ["/sort"]),
        (
            "/connections?state=x&limit=0&peer=nobody&nix=1&cursor=x",
            ["/cursor", "/limit", "/nix", "/peer", "/state"],
        ),
        ("/connections?peer=1.2.3.4/99", ["/peer"]),
        ("/events?after=-1", ["/after"]),
        ("/events?after=x&before=y&connection=0&limit=0", None),
        ("/events?cursor=x", ["/cursor"]),
        ("/events?follow=yes", ["/follow"]),
        ("/events?follow=true&limit=5&cursor=1&before=9", ["/before", "/cursor", "/limit"]),
        ("/handlers?limit=0&nix=1", ["/limit", "/nix"]),
        ("/healthz?nix=1", ["/nix"]),
    ],
)
def test_parameters(client: Rest, path: str, found: list[str] | None) -> None:
    expected = found or ["/after", "/before", "/connection", "/limit"]
    assert pointers(client.get(path)) == expected


@pytest.mark.parametrize(
    "path",
    [
        "/services/nobody",
        "/services/No%20Name",
        "/services/%2e%2e%2fetc",
        "/services/%2Fetc",
        "/services//echo",
        "/services/%00",
        "/services/%FF",
        "/connections/1",
        "/connections/0",
        "/connections/-1",
        "/connections/x",
        "/connections/99999999999999999999999",
        "/connections/1/messages",
        "/nothing",
        "/services/echo/nothing",
    ],
)
def test_what_is_not_there(client: Rest, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "there is no" in answer.json()["detail"]


@pytest.mark.parametrize("verb", ["start", "stop", "restart", "handle-request", "try"])
def test_calls_of_a_service_that_is_not_there(client: Rest, verb: str) -> None:
    answer = client.post(f"/services/nobody/{verb}", json={})
    assert answer.status_code == 404
    assert "nobody" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/services/echo/suspend"),
        ("POST", "/services/echo/resume"),
        ("POST", "/services/echo/reload"),
        ("GET", "/services/echo/faults"),
        ("GET", "/connections/1/capture.pcapng"),
        ("GET", "/definitions"),
        ("PUT", "/definitions"),
    ],
)
def test_calls_that_are_not_built_yet(client: Rest, method: str, path: str) -> None:
    assert client.call(method, path).status_code == 404
    documented = client.documented.document["paths"]
    assert not any(path.rpartition("/")[2] == known.rpartition("/")[2] for known in documented)


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/services"), ("PATCH", "/connections"), ("POST", "/events")]
)
def test_methods(client: Rest, method: str, path: str) -> None:
    answer = client.call(method, path)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]

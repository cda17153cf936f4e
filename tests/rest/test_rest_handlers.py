"""Handlers over REST: what there is, and whether a class can serve."""

from __future__ import annotations

import pytest

from tests.panels import Rest, RunningPanel

CATALOGUE = [
    "greeting",
    "echo",
    "discard",
    "daytime",
    "chargen",
    "time",
    "qotd",
    "upper",
    "chat",
    "http",
]


def test_the_catalogue_and_the_folder(client: Rest) -> None:
    found = client.get("/handlers").json()
    names = [handler["name"] for handler in found["items"]]
    assert names[: len(CATALOGUE)] == CATALOGUE
    assert set(names[len(CATALOGUE) :]) == {"hello:Hello", "hello:HelloDatagram"}
    assert found["total"] == len(names)
    assert found["errors"] == []
    by_name = {handler["name"]: handler for handler in found["items"]}
    assert by_name["http"]["transports"] == ["tcp", "unix"]
    assert by_name["chat"]["shares_state"] is True
    assert by_name["echo"]["options_schema"]["type"] == "object"
    assert by_name["hello:Hello"]["source"] == "file"


def test_pages(client: Rest) -> None:
    first = client.get("/handlers", params={"limit": 4}).json()
    second = client.get("/handlers", params={"cursor": first["next_cursor"]}).json()
    names = [handler["name"] for handler in first["items"] + second["items"]]
    assert names[: len(CATALOGUE)] == CATALOGUE
    assert second["next_cursor"] is None


def test_files_that_do_not_import_are_listed(client: Rest, panel: RunningPanel) -> None:
    folder = panel.panel.configuration.handlers
    (folder / "broken.py").write_text("def broken(:\n")
    (folder / "raises.py").write_text("raise RuntimeError('on purpose')\n")
    found = client.get("/handlers").json()
    errors = {error["file"]: error for error in found["errors"]}
    assert sorted(errors) == ["broken.py", "raises.py"]
    assert "line 1" in errors["broken.py"]["message"]
    assert "on purpose" in errors["raises.py"]["traceback"]
    assert "hello:Hello" in [handler["name"] for handler in found["items"]]


def test_a_class_of_ones_own_serves(client: Rest, panel: RunningPanel) -> None:
    (panel.panel.configuration.handlers / "mine.py").write_text(
        "from socketserver import StreamRequestHandler\n"
        "class Shout(StreamRequestHandler):\n"
        "    'Shouts.'\n"
        "    ending = b'!'\n"
        "    def handle(self):\n"
        "        self.wfile.write(self.rfile.readline().strip().upper() + self.ending)\n"
    )
    found = client.post("/handlers/check", json={"handler": "mine:Shout"}).json()
    assert (found["title"], found["description"]) == ("Shout", "Shouts.")
    assert found["transports"] == ["tcp", "unix"]
    client.start("one", handler="mine:Shout")
    assert client.post("/services/one/try", json={"data": "hi\n"}).json()["data"] == "HI!"


def test_a_restart_loads_edited_code(client: Rest, panel: RunningPanel) -> None:
    module = panel.panel.configuration.handlers / "mine.py"
    source = (
        "from socketserver import BaseRequestHandler\n"
        "class Mine(BaseRequestHandler):\n"
        "    def handle(self):\n"
        "        self.request.sendall(b'VERSION')\n"
    )
    for version in ("one", "two"):
        module.write_text(source.replace("VERSION", version))
        if version == "one":
            client.start("one", handler="mine:Mine")
        else:
            client.post("/services/one/restart")
        answer = client.post("/services/one/try", json={"data": ""}).json()
        assert answer["data"] == version


def test_a_class_with_a_bug_closes_its_own_connection(client: Rest, panel: RunningPanel) -> None:
    (panel.panel.configuration.handlers / "buggy.py").write_text(
        "from socketserver import BaseRequestHandler\n"
        "class Buggy(BaseRequestHandler):\n"
        "    def handle(self):\n"
        "        raise ValueError('a bug')\n"
    )
    with client.follow(service="one") as events:
        client.start("one", handler="buggy:Buggy")
        for _ in range(2):
            client.post("/services/one/try", json={"data": ""})
            events.until_kind("connection.closed")
    errors = [event for event in events.seen if event["kind"] == "connection.error"]
    closed = [event for event in events.seen if event["kind"] == "connection.closed"]
    assert [event["data"]["reason"] for event in closed] == ["handler_error"] * 2
    assert [event["data"]["type"] for event in errors] == ["ValueError"] * 2
    assert "raise ValueError('a bug')" in errors[0]["data"]["traceback"]
    assert client.service("one")["status"]["state"] == "running"
    assert client.service("one")["status"]["errors"] == 2


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"handler": "ecoh"}, "did you mean echo"),
        ({"handler": "hello"}, "hello:CLASS"),
        ({"handler": "hello:Helo"}, "did you mean Hello"),
        ({"handler": "nowhere:Class"}, "nowhere"),
        ({"handler": "os:system"}, "os"),
    ],
)
def test_why_not(client: Rest, asked: dict[str, str], said: str) -> None:
    answer = client.post("/handlers/check", json=asked)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert answer.json()["errors"][0]["pointer"] == "/handler"


def test_why_not_for_a_service(client: Rest) -> None:
    asked = {"handler": "chat", "transport": "udp", "concurrency": "forking", "options": {"x": 1}}
    answer = client.post("/handlers/check", json=asked)
    found = sorted(error["pointer"] for error in answer.json()["errors"])
    assert found == ["/concurrency", "/handler", "/options/x"]


@pytest.mark.parametrize("field", ["server", "factory"])
def test_what_is_not_built_is_said_by_name(client: Rest, field: str) -> None:
    answer = client.post("/handlers/check", json={"handler": "echo", field: "mine:make"})
    assert answer.status_code == 422
    assert f"{field} is not built yet" in answer.json()["detail"]

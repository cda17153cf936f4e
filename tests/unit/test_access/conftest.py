"""A small application behind the gate, with a store on the disk, as clients meet it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, jsonify, request
from werkzeug.test import Client, TestResponse

from app import problems
from app.access import Access, csp_nonce, current_identity, local_path
from app.configuration import Configuration
from app.store import Store

TOKEN = "the-token-of-these-tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class Deck:
    """The application; `client()` is a browser of its own, with cookies."""

    def __init__(self, folder: Path, **settings: str) -> None:
        environment = {f"SOCKETDECK_{name.upper()}": value for name, value in settings.items()}
        environment.setdefault("SOCKETDECK_TOKEN", TOKEN)
        environment["SOCKETDECK_DATA"] = str(folder)
        self.configuration = Configuration.from_environment(environment)
        self.start()

    def start(self) -> None:
        self.store = Store.open(self.configuration)
        self.access = Access.open(self.configuration, self.store)
        self.app = an_application(self.access)

    def stop(self) -> None:
        self.store.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    def client(self) -> Client:
        return self.app.test_client()

    def signed_in(self) -> Browser:
        browser = Browser(self.client())
        browser.sign_in()
        return browser


class Browser:
    """A client that signs in and sends its CSRF token."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.csrf = ""

    def sign_in(self, token: str = TOKEN, **options: Any) -> TestResponse:
        answer = self.client.post("/api/v1/session", json={"token": token}, **options)
        if answer.status_code == 200:
            assert answer.json is not None
            self.csrf = answer.json["csrf"]
        return answer

    def sign_out(self) -> TestResponse:
        return self.client.delete("/api/v1/session", headers={"X-CSRF-Token": self.csrf})

    def get(self, path: str = "/api/v1/services", **options: Any) -> TestResponse:
        return self.client.get(path, **options)

    def post(self, path: str = "/api/v1/services", **options: Any) -> TestResponse:
        options.setdefault("headers", {"X-CSRF-Token": self.csrf})
        options.setdefault("json", {})
        return self.client.post(path, **options)

    @property
    def cookie(self) -> str | None:
        kept = self.client.get_cookie("socketdeck-5080")
        return None if kept is None else kept.value


def an_application(access: Access) -> Flask:
    here = str(Path(__file__).parent)
    app = Flask("deck", static_folder=here, static_url_path="/static", template_folder=here)
    problems.install(app)

    @app.get("/")
    def page() -> str:
        return f'<script nonce="{csp_nonce()}"></script>'

    @app.get("/api/docs/swagger")
    def docs() -> str:
        return "docs"

    @app.get("/sign-in")
    def sign_in_page() -> Response:
        code = request.args.get("code")
        response = Response("sign in")
        if code is not None:
            session = access.sign_in_with_code(code)
            response = Response(status=303)
            response.headers["Location"] = local_path(request.args.get("next"))
            access.set_cookie(response, session)
        return response

    @app.post("/api/v1/session")
    def sign_in() -> Response:
        session = access.sign_in(str(request.get_json()["token"]))
        response = jsonify(csrf=session.csrf)
        access.set_cookie(response, session)
        return response

    @app.delete("/api/v1/session")
    def sign_out() -> Response:
        response = Response(status=204)
        access.sign_out(response)
        return response

    @app.route("/api/v1/services", methods=["GET", "POST"])
    def services() -> Response:
        identity = current_identity()
        assert identity is not None
        return jsonify(kind=identity.kind)

    @app.get("/healthz")
    def alive() -> str:
        return "alive"

    access.install(app, public=["/open"])
    return app


@pytest.fixture
def deck(tmp_path: Path) -> Iterator[Deck]:
    running = Deck(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def make_deck(tmp_path: Path) -> Iterator[Any]:
    made: list[Deck] = []

    def make(**settings: str) -> Deck:
        made.append(Deck(tmp_path / str(len(made)), **settings))
        return made[-1]

    yield make
    for running in made:
        running.stop()


@pytest.fixture
def browser(deck: Deck) -> Browser:
    return deck.signed_in()


def is_problem(answer: TestResponse, status: int, says: str = "") -> bool:
    """Whether an answer is a problem of RFC 9457 with this status, its detail matching `says`."""
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert answer.content_type == "application/problem+json"
    members = answer.get_json(force=True)
    assert {"type", "title", "status", "detail"} <= set(members)
    assert members["status"] == status
    assert re.search(says, members["detail"]), members
    return True


@pytest.fixture(name="is_problem")
def is_problem_fixture() -> Any:
    return is_problem


@pytest.fixture
def bearer() -> dict[str, str]:
    return dict(BEARER)

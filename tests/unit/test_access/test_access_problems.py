"""Errors have one shape, whoever found them; people with browsers get a page."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask, abort
from jinja2 import DictLoader
from pydantic import BaseModel, ValidationError, field_validator
from werkzeug.exceptions import ServiceUnavailable, TooManyRequests

from app import problems
from app.problems import Refused, problem, validation_problem
from app.store import BadQuery, DataFolderBusy, RevisionMismatch
from socketdeck import errors
from socketdeck.errors import FieldError

FIELDS = [FieldError("/name", "is taken"), FieldError("/limits/backlog", "is too large")]
HTML = {"Accept": "text/html,*/*;q=0.8"}


class Faulty:
    """An application whose one view raises what it is told to."""

    def __init__(self) -> None:
        self.app = Flask("faulty", template_folder="/nowhere")
        problems.install(self.app)
        self.raised: Exception | None = None

        @self.app.get("/api/it")
        @self.app.get("/it")
        def view() -> str:
            assert self.raised is not None
            raise self.raised

        @self.app.get("/<int:number>/")
        def numbered(number: int) -> str:
            abort(number)

    def answer(self, raised: Exception, path: str = "/api/it", **options: Any) -> Any:
        self.raised = raised
        return self.app.test_client().get(path, **options)


@pytest.fixture
def faulty() -> Faulty:
    return Faulty()


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (errors.UnknownService("there is no service echo"), 404),
        (errors.UnknownConnection("there is no connection 7"), 404),
        (errors.NameTaken("the name is taken"), 409),
        (errors.AddressTaken("echo has it"), 409),
        (errors.AddressUnavailable("in use by nc (pid 7)"), 409),
        (errors.IllegalTransition("it is stopped"), 409),
        (errors.StartFailed("it did not"), 409),
        (errors.StopIncomplete("a thread is left"), 409),
        (errors.AddressError("no address"), 422),
        (errors.Unsupported("not under forking"), 422),
        (errors.SocketdeckError("something"), 400),
        (RevisionMismatch("it was changed"), 412),
        (DataFolderBusy("the disk is full"), 503),
        (Refused(418, None, "no"), 418),
        (ServiceUnavailable("later"), 503),
    ],
)
def test_errors_meant_to_be_shown_are(
    faulty: Faulty, is_problem: Any, raised: Exception, status: int
) -> None:
    detail = getattr(raised, "description", None) or str(raised)
    assert is_problem(faulty.answer(raised), status, detail.replace("(", r"\(").replace(")", r"\)"))


@pytest.mark.parametrize("kind", [errors.InvalidDefinition, BadQuery])
def test_all_bad_fields_are_told_at_once(faulty: Faulty, kind: Any) -> None:
    answer = faulty.answer(kind(FIELDS))
    assert answer.get_json(force=True) == {
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "/name: is taken; /limits/backlog: is too large",
        "errors": [
            {"pointer": "/name", "detail": "is taken"},
            {"pointer": "/limits/backlog", "detail": "is too large"},
        ],
    }


def test_what_pydantic_finds_is_told_the_same_way(faulty: Faulty) -> None:
    class Body(BaseModel):
        name: str
        options: dict[str, int]

        @field_validator("name")
        @classmethod
        def short(cls, name: str) -> str:
            if len(name) > 3:
                raise ValueError("is too long")
            return name

    with pytest.raises(ValidationError) as refused:
        Body.model_validate({"name": "long name", "options": {"a/b~": "x"}})
    with faulty.app.test_request_context("/api/it"):
        answer = validation_problem(refused.value)
    found = answer.get_json(force=True)["errors"]
    assert found[0] == {"pointer": "/name", "detail": "is too long"}
    assert found[1]["pointer"] == "/options/a~1b~0"


def test_a_handlers_traceback_is_told(faulty: Faulty) -> None:
    answer = faulty.answer(errors.LoadError("it raised", "Traceback ..."))
    assert answer.status_code == 422
    assert answer.get_json(force=True)["traceback"] == "Traceback ..."
    assert "traceback" not in faulty.answer(errors.LoadError("no such class")).get_json(force=True)


def test_a_fault_of_ours_is_logged_and_not_told(
    faulty: Faulty, is_problem: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = faulty.answer(RuntimeError("secret internals"))
    assert is_problem(answer, 500, "fault [0-9a-f]{8}$")
    assert "secret" not in answer.get_data(as_text=True)
    reference = answer.get_json(force=True)["detail"][-8:]
    assert reference in caplog.text
    assert "secret internals" in caplog.text


def test_what_werkzeug_finds_is_a_problem_too(faulty: Faulty, is_problem: Any) -> None:
    client = faulty.app.test_client()
    assert is_problem(client.get("/api/none"), 404, "there is nothing at /api/none")
    answer = client.post("/api/it")
    assert is_problem(answer, 405, "/api/it does not take POST")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    answer = faulty.answer(TooManyRequests(retry_after=7))
    assert is_problem(answer, 429)
    assert answer.headers["Retry-After"] == "7"
    assert client.get("/404").status_code == 308
    assert is_problem(client.get("/410/"), 410)


def test_a_response_that_was_made_already_stays(faulty: Faulty) -> None:
    with faulty.app.test_request_context("/api/it"):
        made = problem(422, detail="as it is", title="Mine", more=1)
    assert made.get_json(force=True)["more"] == 1

    @faulty.app.get("/made")
    def made_already() -> str:
        abort(made)

    assert faulty.app.test_client().get("/made").get_json(force=True)["title"] == "Mine"


def test_a_person_with_a_browser_gets_a_page(faulty: Faulty, is_problem: Any) -> None:
    raised = errors.UnknownService("there is no service <echo>")
    assert is_problem(faulty.answer(raised, "/it", headers=HTML), 404)
    faulty.app.jinja_loader = DictLoader({"error.html": "<h1>{{ status }} {{ detail }}</h1>"})
    faulty.app.jinja_env.loader = faulty.app.jinja_loader
    answer = faulty.answer(raised, "/it", headers=HTML)
    assert answer.content_type == "text/html; charset=utf-8"
    page = answer.get_data(as_text=True)
    assert page == "<h1>404 there is no service &lt;echo&gt;</h1>"
    assert answer.status_code == 404
    assert is_problem(faulty.answer(raised, "/api/it", headers=HTML), 404)
    assert is_problem(faulty.answer(raised, "/it"), 404)
    assert is_problem(faulty.answer(raised, "/it", headers={"Accept": "application/json"}), 404)


def test_a_page_that_cannot_be_rendered_is_a_problem(
    faulty: Faulty, is_problem: Any, caplog: pytest.LogCaptureFixture
) -> None:
    faulty.app.jinja_env.loader = DictLoader({"error.html": "{{ nothing.at.all }}"})
    answer = faulty.answer(errors.UnknownService("no"), "/it", headers=HTML)
    assert is_problem(answer, 404)
    assert "cannot be rendered" in caplog.text

"""The OpenAPI document: valid, complete, and the interface does what it says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CHECKS

from tests.panels import TOKEN, RunningPanel

CALLS = {
    "GET /api/v1/services",
    "POST /api/v1/services",
    "GET /api/v1/services/{service}",
    "PUT /api/v1/services/{service}",
    "PATCH /api/v1/services/{service}",
    "DELETE /api/v1/services/{service}",
    "POST /api/v1/services/{service}/start",
    "POST /api/v1/services/{service}/stop",
    "POST /api/v1/services/{service}/restart",
    "POST /api/v1/services/{service}/handle-request",
    "GET /api/v1/services/{service}/series",
    "POST /api/v1/services/{service}/try",
    "GET /api/v1/connections",
    "GET /api/v1/connections/{connection}",
    "DELETE /api/v1/connections/{connection}",
    "POST /api/v1/connections/close",
    "GET /api/v1/connections/closings",
    "GET /api/v1/connections/closings/{closing}",
    "DELETE /api/v1/connections/closings/{closing}",
    "GET /api/v1/connections/{connection}/messages",
    "GET /api/v1/connections/{connection}/stack",
    "POST /api/v1/connections/{connection}/send",
    "GET /api/v1/events",
    "GET /api/v1/events/export",
    "GET /api/v1/events/fields",
    "GET /api/v1/events/filter",
    "GET /api/v1/exceptions",
    "GET /api/v1/exceptions/{exception}",
    "DELETE /api/v1/exceptions/{exception}",
    "GET /api/v1/handlers",
    "POST /api/v1/handlers/check",
    "POST /api/v1/session",
    "DELETE /api/v1/session",
    "GET /healthz",
    "GET /readyz",
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPanel]:
    """One panel for all that the fuzzer thinks of."""
    running = RunningPanel(tmp_path_factory.mktemp("panel") / "data")
    yield running
    running.close()


@pytest.fixture(scope="module")
def document(shared: RunningPanel) -> dict[str, Any]:
    rest = shared.rest(None)
    rest.session.close()
    return rest.documented.document


@pytest.fixture(scope="module")
def schema(shared: RunningPanel) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{shared.url}/api/v1/openapi.json")


def test_it_is_of_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    for name, found in document["components"]["schemas"].items():
        assert jsonschema_rs.meta.is_valid(found), name


def test_it_has_the_calls_that_are_built_and_no_others(document: dict[str, Any]) -> None:
    calls = {
        f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item
    }
    assert calls == CALLS


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            for inner in value.values():
                yield from references(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from references(inner)

    for reference in references(document):
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


def test_each_call_says_what_it_does(document: dict[str, Any]) -> None:
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    assert all(operation["summary"].endswith(".") for operation in operations)
    identifiers = [operation["operationId"] for operation in operations]
    assert len(set(identifiers)) == len(identifiers)
    assert "<br" not in str(document)


# What is not asked: whether a definition that fits the schema is taken, as the engine knows more of
# it than JSON Schema can say; and whether a wrong token is 401, as after ten of them it is 429.
LEFT_OUT = ("positive_data_acceptance", "ignored_auth")


@pytest.mark.parametrize("call", sorted(CALLS))
def test_a_call_does_what_the_document_says(schema: schemathesis.BaseSchema, call: str) -> None:
    method, _, path = call.partition(" ")
    left_out: list[Any] = [CHECKS.get_one(name) for name in LEFT_OUT]

    @given(case=schema[path][method].as_strategy())
    @settings(
        max_examples=12,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def answers(case: schemathesis.Case[Any]) -> None:
        if case.query and "follow" in case.query:
            del case.query["follow"]  # a stream has no end
        if isinstance(case.body, dict) and "timeout" in case.body:
            case.body["timeout"] = 0.01
        case.call_and_validate(
            headers={"Authorization": f"Bearer {TOKEN}"},
            excluded_checks=left_out,
            timeout=20,
        )

    answers()

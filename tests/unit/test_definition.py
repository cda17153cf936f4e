"""Definitions: every field is validated, all bad ones are told at once, none is ignored."""

from __future__ import annotations

from typing import Any

import pytest

from socketdeck.definition import ServiceDefinition
from socketdeck.errors import InvalidDefinition

LEAST = {"name": "echo", "address": "tcp://127.0.0.1:7", "handler": "echo"}


def parse(**fields: Any) -> ServiceDefinition:
    return ServiceDefinition.parse({**LEAST, **fields})


def refusals(given: dict[str, Any]) -> dict[str, str]:
    """What is wrong, by pointer."""
    with pytest.raises(InvalidDefinition) as caught:
        ServiceDefinition.parse(given)
    found = {error.pointer: error.detail for error in caught.value.errors}
    assert len(found) == len(caught.value.errors), "a field is told once"
    return found


def refusal(field: str, value: Any) -> str:
    """Why one bad field is refused; nothing else is."""
    found = refusals({**LEAST, field: value})
    assert len(found) == 1, found
    pointer, detail = found.popitem()
    assert pointer == f"/{field}" or pointer.startswith(f"/{field}/")
    return detail


# -- what is good ---------------------------------------------------------------------------------


def test_the_contract_defaults() -> None:
    assert ServiceDefinition.parse(LEAST).model_dump(mode="json") == {
        **LEAST,
        "description": "",
        "labels": {},
        "concurrency": "threading",
        "pool_size": 64,
        "server": None,
        "factory": None,
        "options": {},
        "attributes": {},
        "requests": None,
        "host": "thread",
        "processes": 1,
        "affinity": True,
        "tls": None,
        "autostart": True,
        "restart": {"policy": "on-failure", "delay": 1.0, "maximum_delay": 60.0, "attempts": None},
        "drain_timeout": 5.0,
        "limits": {
            "max_connections": None,
            "max_connections_per_peer": None,
            "max_connection_rate": None,
            "idle_timeout": None,
            "max_lifetime": None,
            "backlog": 4096,
            "max_datagram": 65_507,
        },
        "access": {"allow": None, "deny": None},
        "capture": {"level": "auto", "bytes": 256},
        "faults": [],
    }


def test_what_is_dumped_is_read_again() -> None:
    definition = parse(
        labels={"team": "net"},
        concurrency="pool",
        pool_size=8,
        requests=3,
        options={"buffer_size": 1024},
        restart={"policy": "always", "delay": 0.5, "attempts": 4},
        limits={"backlog": 16, "max_datagram": 512},
        capture={"level": "counters", "bytes": 0},
        drain_timeout=0,
    )
    assert ServiceDefinition.parse(definition.model_dump(mode="json")) == definition


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "a"),
        ("name", "0-9" * 21),
        ("description", "x" * 4096),
        ("labels", {"k" * 63: "v" * 255}),
        ("address", "unix:///run/a.sock"),
        ("concurrency", "forking"),
        ("pool_size", 1),
        ("pool_size", 1024),
        ("handler", "module:Class"),
        ("options", {"any": ["json", {"value": None}]}),
        ("requests", 1),
        ("host", "process"),
        ("affinity", False),
        ("autostart", False),
        ("drain_timeout", 0),
        ("drain_timeout", 2),
        ("restart", {}),
        ("restart", {"delay": 60}),
        ("limits", {"backlog": 1}),
        ("limits", {"max_datagram": 1}),
        ("capture", {"level": "off"}),
        ("capture", {"bytes": 1 << 20}),
        # What is not built yet may be said, as long as it says nothing.
        ("server", None),
        ("factory", None),
        ("attributes", {}),
        ("processes", 1),
        ("tls", None),
        ("access", {}),
        ("access", {"allow": None, "deny": None}),
        ("faults", []),
        ("limits", {"max_connections": None, "idle_timeout": None}),
    ],
)
def test_takes(field: str, value: Any) -> None:
    parse(**{field: value})


def test_an_address_is_kept_in_its_normal_form() -> None:
    assert parse(address="tcp://LOCALHOST:080").address == "tcp://localhost:80"
    assert parse(address="unix:///run//x/../a").address == "unix:///run/a"


@pytest.mark.parametrize(
    ("fields", "in_child"),
    [({}, False), ({"host": "process"}, True), ({"concurrency": "forking"}, True)],
)
def test_what_forks_runs_in_a_child(fields: dict[str, str], in_child: bool) -> None:
    assert parse(**fields).runs_in_child is in_child


# -- what is bad ----------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["name", "address", "handler"])
def test_requires(field: str) -> None:
    given = {name: value for name, value in LEAST.items() if name != field}
    assert refusals(given) == {f"/{field}": "this field is required"}


@pytest.mark.parametrize(
    "name",
    ["", "-a", "A", "a_b", "a.b", "a/b", "a b", "a\n", "\u00e9", "a" * 64, None, 7],
)
def test_refuses_names(name: Any) -> None:
    refusal("name", name)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("description", None),
        ("description", "x" * 4097),
        ("labels", ["a"]),
        ("labels", {"": "v"}),
        ("labels", {"k": 1}),
        ("labels", {"k": "v" * 256}),
        ("labels", {str(number): "" for number in range(65)}),
        ("address", "127.0.0.1:80"),
        ("address", "tcp://127.0.0.1:99999"),
        ("address", 80),
        ("concurrency", "fork"),
        ("concurrency", None),
        ("pool_size", 0),
        ("pool_size", 1025),
        ("pool_size", "8"),
        ("pool_size", True),
        ("handler", ""),
        ("handler", "x" * 256),
        ("handler", None),
        ("options", []),
        ("options", None),
        ("requests", 0),
        ("requests", -1),
        ("requests", 1.5),
        ("host", "container"),
        ("affinity", 1),
        ("autostart", "yes"),
        ("restart", {"policy": "sometimes"}),
        ("restart", {"delay": -1}),
        ("restart", {"delay": float("nan")}),
        ("restart", {"delay": 61}),
        ("restart", {"delay": 2, "maximum_delay": 1}),
        ("restart", {"attempts": -1}),
        ("restart", {"retries": 3}),
        ("restart", None),
        ("drain_timeout", -1),
        ("drain_timeout", float("inf")),
        ("drain_timeout", "5"),
        ("drain_timeout", None),
        ("limits", {"backlog": 0}),
        ("limits", {"backlog": 65_536}),
        ("limits", {"max_datagram": 0}),
        ("limits", {"max_datagram": 65_508}),
        ("limits", {"max_clients": 3}),
        ("capture", {"level": "everything"}),
        ("capture", {"bytes": -1}),
        ("capture", {"bytes": (1 << 20) + 1}),
        ("tmeout", 5),
    ],
)
def test_refuses(field: str, value: Any) -> None:
    assert refusal(field, value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("server", "module:Server"),
        ("factory", "module:make"),
        ("attributes", {"allow_reuse_port": True}),
        ("processes", 2),
        ("processes", 0),
        ("processes", True),
        ("tls", {"self_signed": True}),
        ("access", {"allow": ["10.0.0.0/8"]}),
        ("access", {"deny": ["10.0.0.0/8"]}),
        ("access", ["10.0.0.0/8"]),
        ("faults", [{"name": "slow", "type": "latency"}]),
        ("limits", {"max_connections": 10}),
        ("limits", {"max_connections_per_peer": 1}),
        ("limits", {"max_connection_rate": 0.5}),
        ("limits", {"idle_timeout": 30}),
        ("limits", {"max_lifetime": 30}),
    ],
)
def test_refuses_by_name_what_is_not_built_yet(field: str, value: Any) -> None:
    assert "not built yet" in refusal(field, value)


def test_all_bad_fields_are_told_at_once() -> None:
    found = refusals(
        {
            "name": "No",
            "address": "nowhere",
            "concurrency": "fork",
            "pool_size": 0,
            "labels": {"a/b~c": 1},
            "requests": 0,
            "restart": {"policy": "perhaps", "delay": -1},
            "capture": {"level": "all", "bytes": -1},
            "limits": {"backlog": 0, "idle_timeout": 3},
            "tls": {"self_signed": True},
            "colour": "red",
        }
    )
    assert set(found) == {
        "/name",
        "/address",
        "/handler",
        "/concurrency",
        "/pool_size",
        "/labels/a~1b~0c",
        "/requests",
        "/restart/policy",
        "/restart/delay",
        "/capture/level",
        "/capture/bytes",
        "/limits/backlog",
        "/limits/idle_timeout",
        "/tls",
        "/colour",
    }
    assert found["/handler"] == "this field is required"
    assert found["/colour"] == "there is no such field"


LONG = "k" * 64


@pytest.mark.parametrize(
    ("field", "value", "pointer", "reason"),
    [
        ("labels", {"": "v"}, "/labels/", "its name should not be empty"),
        ("labels", {LONG: ""}, f"/labels/{LONG}", "its name should have at most 63 characters"),
        ("labels", {"k": "v" * 256}, "/labels/k", "should have at most 255 characters"),
        ("labels", {"[key]": 1}, "/labels/[key]", "should be a valid string"),
        ("labels", {str(n): "" for n in range(65)}, "/labels", "should have at most 64 items"),
        ("labels", [], "/labels", "should be an object"),
        ("limits", [], "/limits", "should be an object"),
        ("handler", "", "/handler", "should not be empty"),
        ("autostart", 1, "/autostart", "should be true or false"),
        ("pool_size", "8", "/pool_size", "should be a valid integer"),
    ],
)  # fmt: skip
def test_reasons_are_in_plain_words(field: str, value: Any, pointer: str, reason: str) -> None:
    assert refusals({**LEAST, field: value}) == {pointer: reason}


def test_what_two_fields_must_agree_on_is_told_with_the_rest() -> None:
    given = {**LEAST, "name": "No", "restart": {"delay": 2, "maximum_delay": 1}}
    assert set(refusals(given)) == {"/name", "/restart"}


@pytest.mark.parametrize("name", ["labels", "restart", "limits", "access", "capture", "options"])
def test_a_part_of_the_wrong_kind_is_one_bad_field(name: str) -> None:
    for value in (7, "text", [1]):
        assert refusal(name, value)


def test_the_error_names_each_field_in_its_sentence() -> None:
    with pytest.raises(InvalidDefinition, match=r"/name: .*; /handler: this field is required"):
        ServiceDefinition.parse({"name": "?", "address": "tcp://:1"})

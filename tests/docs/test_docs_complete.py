"""The tables of the documentation say what the code says, no more and no less."""

from __future__ import annotations

import ast
import json
import re
import socketserver
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from app.access import sessions, throttle, tokens
from app.access.bodies import BODY_BYTES
from app.api import services as services_api
from app.api.exceptions import ExceptionView
from app.api.waiting import CALLS_WAITING, STREAMS_FOLLOWED
from app.cli.commands import EVENTS_BEFORE_FOLLOWING, EVENTS_SHOWN, cli
from app.configuration import Configuration
from app.filters import FIELDS, Filter, parser
from app.filters.fields import BYTES, SECONDS
from app.following import QUEUE_EVENTS as STREAM_EVENTS
from app.live import door, links, pieces, websocket
from app.live.pump import ACKNOWLEDGED_SECONDS, CATCH_UP_EVENTS
from app.live.topics import FILTERS, Topic
from app.serving import arbiter, worker
from app.store import folding
from app.store.exception_rows import GROUPS_KEPT
from app.store.history import QUEUE_EVENTS as HISTORY_EVENTS
from app.store.last_bytes import LAST_BYTES, Note
from app.store.writing import Bounds
from socketdeck import concurrency, connections, exchange, journal, watch
from socketdeck.catalogue import CATALOGUE
from socketdeck.definition import (
    Capture,
    Concurrency,
    Limits,
    Restart,
    ServiceDefinition,
)
from socketdeck.errors import InvalidDefinition
from socketdeck.lifecycle import TRANSITIONS
from socketdeck.loading.fitting import transports_of
from socketdeck.service import AT_ONCE
from socketdeck.status import ServiceStatus
from tests.docs.pages import BY_NAME, PAGES, README, ROOT, Page, shown
from tests.panels import Rest

API = BY_NAME["docs/api.md"]
ARCHITECTURE = BY_NAME["docs/architecture.md"]
COMMAND_LINE = BY_NAME["docs/command-line.md"]
CONFIGURATION = BY_NAME["docs/configuration.md"]
DEVELOPMENT = BY_NAME["docs/development.md"]
FILTERS_PAGE = BY_NAME["docs/filters.md"]
HANDLERS = BY_NAME["docs/handlers.md"]
LIVE = BY_NAME["docs/live.md"]
OPERATIONS = BY_NAME["docs/operations.md"]
SERVICES = BY_NAME["docs/services.md"]

ENGINE = ROOT / "src" / "socketdeck"
PANEL = ROOT / "app"

PARTS: dict[str, type[BaseModel]] = {"restart": Restart, "limits": Limits, "capture": Capture}


def only(cell: str) -> str:
    """The one thing that a cell shows."""
    (name,) = shown(cell)
    return name


# -- configuration ----------------------------------------------------------------------------


def settings_of_the_code() -> set[str]:
    """What `app.configuration` reads, by its own calls."""
    tree = ast.parse((PANEL / "configuration.py").read_text("utf-8"))
    return {
        f"SOCKETDECK_{call.args[0].value}"
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("get", "refuse")
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "settings"
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }


def test_every_setting_is_documented() -> None:
    documented = [only(row[0]) for row in CONFIGURATION.rows("variable")]
    assert len(documented) == len(set(documented))
    elsewhere = {
        found
        for folder in ("app", "src", "setup", "Makefile")
        for path in [ROOT / folder, *(ROOT / folder).rglob("*.py")]
        if path.is_file()
        for found in re.findall(r"SOCKETDECK_[A-Z_]*[A-Z]", path.read_text("utf-8"))
    }
    assert set(documented) == settings_of_the_code() | elsewhere


def test_defaults_of_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    default = Configuration.from_environment({})
    here = f"{tmp_path}/"
    for name, cell, *_ in CONFIGURATION.rows("variable", "default"):
        value = getattr(default, only(name).removeprefix("SOCKETDECK_").lower(), None)
        text = ",".join(value) if value == default.allowed_hosts else str(value).replace(here, "")
        assert cell == ("not set" if value is None else f"`{text}`"), name


# -- services ---------------------------------------------------------------------------------


def default_shown(cell: str, field: FieldInfo, part: type[BaseModel] | None) -> bool:
    """Whether a cell shows a field's default; of a part, that of what is built of it."""
    if cell == "required":
        return field.is_required()
    value = json.loads(only(cell))
    default = field.get_default(call_default_factory=True)
    return bool((part(**value) if part else value) == default)


def test_every_field_of_a_definition_is_documented_with_its_default() -> None:
    rows = {only(row[0]): row[1] for row in SERVICES.rows("field", "default")}
    not_built = set(shown(SERVICES.line_with("These fields are known and not built yet")))
    fields = dict(ServiceDefinition.model_fields)
    for name, part in PARTS.items():
        fields |= {f"{name}.{field}": info for field, info in part.model_fields.items()}
    assert set(rows) | not_built == set(fields)
    assert not set(rows) & not_built
    wrong = [
        name
        for name, cell in rows.items()
        if not default_shown(cell, fields[name], PARTS.get(name))
    ]
    assert not wrong


def test_what_is_said_to_be_not_built_is_refused_by_name() -> None:
    given: dict[str, Any] = {"name": "a", "address": "tcp://:0", "handler": "echo", "limits": {}}
    not_built = shown(SERVICES.line_with("These fields are known and not built yet"))
    for name in not_built:
        place = given["limits"] if name.startswith("limits.") else given
        place[name.removeprefix("limits.")] = {"some": "thing"}
    with pytest.raises(InvalidDefinition) as refused:
        ServiceDefinition.parse(given)
    refusals = {error.pointer[1:].replace("/", ".") for error in refused.value.errors}
    assert refusals == set(not_built)
    assert all("not built yet" in error.detail for error in refused.value.errors)


def test_the_states_and_what_may_come_next() -> None:
    rows = SERVICES.rows("state", "what it means", "what may come next")
    assert {only(row[0]): set(shown(row[2])) for row in rows} == TRANSITIONS


def test_what_an_edit_changes_at_once() -> None:
    line = SERVICES.line_with("act at once").partition(" act at once")[0]
    assert set(shown(line)) - {"PATCH", "PUT"} == AT_ONCE


def test_every_field_of_a_status_is_documented() -> None:
    documented = [name for row in SERVICES.rows("field", "meaning") for name in shown(row[0])]
    assert sorted(documented) == sorted(ServiceStatus.model_fields)


# -- handlers ---------------------------------------------------------------------------------


def test_every_handler_of_the_catalogue_is_documented() -> None:
    rows = HANDLERS.rows("handler", "serves")
    assert [only(row[0]) for row in rows] == list(CATALOGUE)
    for name, serves, *_ in rows:
        assert tuple(shown(serves)) == CATALOGUE[only(name)].transports


def test_every_option_is_documented_with_its_default() -> None:
    rows = HANDLERS.rows("handler", "option")
    options = [
        (name, option) for name, entry in CATALOGUE.items() for option in entry.options.model_fields
    ]
    assert [(only(row[0]), only(row[1])) for row in rows] == options
    for name, option, cell, *_ in rows:
        field = CATALOGUE[only(name)].options.model_fields[only(option)]
        if shown(cell):
            assert default_shown(cell, field, None), (name, option)


def test_what_the_base_classes_serve() -> None:
    for name, serves, *_ in HANDLERS.rows("base class", "serves"):
        base = getattr(socketserver, only(name))
        assert tuple(shown(serves)) == transports_of(base)


def test_every_way_of_serving_is_documented() -> None:
    rows = HANDLERS.rows("`concurrency`")
    assert {only(row[0]) for row in rows} == set(get_args(Concurrency))


# -- REST -------------------------------------------------------------------------------------


def calls_of(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The operations of an OpenAPI document, by the name that the page has for them."""
    found = {}
    for path, item in document["paths"].items():
        short = path.removeprefix("/api/v1").replace("{service}", "NAME")
        short = short.replace("{exception}", "ID").replace("{closing}", "ID")
        for method, operation in item.items():
            found[f"{method.upper()} {short.replace('{connection}', 'ID')}"] = operation
    return found


def test_every_call_is_documented(client: Rest) -> None:
    calls = calls_of(client.documented.document)
    documented = [only(row[0]) for row in API.rows("call", "does")]
    assert sorted(documented) == sorted(calls)
    parameters = {
        parameter["name"]
        for operation in calls.values()
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query"
    }
    assert parameters <= set(re.findall(r"\w+", " ".join(shown(API.prose))))


def test_every_kind_of_event_is_documented() -> None:
    documented = {kind for row in API.rows("kind", "data") for kind in shown(row[0])}
    emitted = {
        node.value
        for folder in (ENGINE, PANEL)
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"(service|connection|events)\.[a-z]+|audit", node.value)
    }
    told_of_by_audit_events = {"connection.close", "connection.send"}
    assert documented == emitted - told_of_by_audit_events


# -- the live link ----------------------------------------------------------------------------


def test_every_topic_is_documented() -> None:
    asked: dict[str, Any] = {"name": "echo", "id": 1, "filter": dict.fromkeys(FILTERS)}
    names = []
    for name, more, *_ in LIVE.rows("topic", "more"):
        taken = {key: asked[key] for key in shown(more)[:1]}
        assert Topic.parse({"topic": only(name), **taken}).name == only(name)
        names.append(only(name))
    with pytest.raises(Exception, match=f"there are {', '.join(names)}"):
        Topic.parse({"topic": "none"})
    assert f"{{{', '.join(FILTERS)}}}" in shown(LIVE.prose)


def test_the_bounds_of_the_live_link() -> None:
    bounds = {
        "clients at once": "`SOCKETDECK_LIVE_CLIENTS`; those above get 503",
        "clients that have not signed in yet": f"{door.UNKNOWN_CLIENTS}",
        "subscriptions of a client": f"{links.SUBSCRIPTIONS_MAXIMUM}",
        "a message of a client": size(websocket.MESSAGE_BYTES),
        "events in a frame": f"{pieces.FRAME_EVENTS}; when catching up as many frames as it takes",
        "bytes in a frame": f"{size(pieces.FRAME_BYTES)}, about",
    }
    assert {row[0]: row[1] for row in LIVE.rows("what", "bound")} == bounds
    said = LIVE.prose
    assert f"cut to {pieces.PAYLOAD_BYTES:,} bytes" in said
    assert f"every {links.FRAME_SECONDS * 1000:g} ms" in said
    assert f"for {ACKNOWLEDGED_SECONDS:g} s is disconnected" in said
    assert f"more than {CATCH_UP_EVENTS:,} events were missed" in said
    assert f"has {door.UNKNOWN_SECONDS:g} s to sign in" in said


# -- exceptions -------------------------------------------------------------------------------


def test_every_field_of_an_exception_is_documented() -> None:
    documented = [name for row in API.rows("field", "what it is") for name in shown(row[0])]
    assert sorted(documented) == sorted(ExceptionView.model_fields)
    notes = [only(row[0]) for row in API.rows("`last_bytes_note`")]
    assert sorted(notes) == sorted(get_args(Note))


def test_what_is_said_of_how_much_is_kept_of_exceptions() -> None:
    bounds = (
        f"At most {GROUPS_KEPT:,} exceptions",
        f"{folding.FOLDS_A_WRITE} new ones",
        f"{LAST_BYTES} bytes at most",
        f"the newest {folding.CONNECTIONS_KEPT} on",
        f"the last {folding.STEPS_KEPT // 2} h",
    )
    assert [bound for bound in bounds if bound not in API.text] == []


# -- filters, and the command line ------------------------------------------------------------


def test_every_field_of_the_filter_language_is_documented() -> None:
    rows = FILTERS_PAGE.rows("field", "takes")
    assert sorted(only(row[0]) for row in rows) == sorted(FIELDS)
    for name, takes, *_ in rows:
        field = FIELDS[only(name)]
        assert (takes in ("number", "bytes", "seconds", "time")) == (":>" in field.operators), name
        assert takes == "words" or field.takes_list, name
        if takes in ("bytes", "seconds"):
            field.parse(f">1{'KiB' if takes == 'bytes' else 'ms'}")


def test_what_the_page_says_can_be_written_can_be_written() -> None:
    for cell, *_ in FILTERS_PAGE.rows("written", "means"):
        for text in shown(cell):
            assert Filter.parse(text).terms, text
    for unit in [*BYTES, *SECONDS]:
        assert f"`{unit}`" in FILTERS_PAGE.prose


def test_the_bounds_of_a_filter() -> None:
    bounds = {
        "characters of a filter": f"{parser.CHARACTERS_MAXIMUM:,}",
        "brackets within brackets": f"{parser.DEPTH_MAXIMUM}",
        "values in a filter": f"{parser.VALUES_MAXIMUM}",
    }
    assert {row[0]: row[1] for row in FILTERS_PAGE.rows("what", "bound")} == bounds


def test_every_option_of_the_command_line_is_documented() -> None:
    documented = sorted(
        option for row in COMMAND_LINE.rows("option", "does") for option in shown(row[0])
    )
    options = [param for command in cli.commands.values() for param in command.params]
    names = sorted(
        name for option in options if isinstance(option, click.Option) for name in option.opts
    )
    assert documented == names
    said = COMMAND_LINE.text
    assert all(f"socketdeck {name}" in said for name in cli.commands)
    assert f"the last so many: {EVENTS_SHOWN}, or {EVENTS_BEFORE_FOLLOWING} before" in said


# -- operations -------------------------------------------------------------------------------


def size(count: int) -> str:
    """Bytes as a page writes them."""
    return f"{count >> 20} MiB" if count >= 1 << 20 else f"{count >> 10} KiB"


def test_every_limit_is_as_the_code_has_it() -> None:
    default = Configuration.from_environment({})
    bounds = Bounds()
    limits = {
        "body of a request": size(BODY_BYTES),
        "head of a request": f"{size(worker.HEAD_BYTES)}, within {worker.HEAD_SECONDS:g} s",
        "a body's arrival": f"{worker.BODY_SECONDS:g} s",
        "connections to the panel": f"{arbiter.CONNECTIONS_MAXIMUM:,}",
        "connections of one address whose head is awaited": f"{worker.WAITING_PER_ADDRESS}",
        "live links": f"`SOCKETDECK_LIVE_CLIENTS` ({default.live_clients})",
        "streams of events, followed or taken away": f"{STREAMS_FOLLOWED}",
        "calls that wait (start, stop, try and the like)": f"{CALLS_WAITING}",
        "bytes that `try` sends": size(services_api.TRY_BYTES),
        "bytes that `try` reads": size(exchange.RECEIVED_BYTES),
        "records that wait to become events": f"{journal.INBOX_RECORDS:,}",
        "events in memory": f"{journal.RING_EVENTS:,}, and {size(journal.RING_BYTES)}",
        "events that wait for history": f"{HISTORY_EVENTS:,}",
        "events that wait for a followed stream": f"{STREAM_EVENTS:,}",
        "closed connections in memory": f"{connections.CLOSED_KEPT:,}",
        "flows of a datagram service": f"{watch.FLOWS:,}",
        "requests in a pool's queue": f"{concurrency.QUEUE_FACTOR} times its threads",
        "children of a forking service": f"{concurrency.ReapingForkingMixIn.max_children}",
        "events": f"{default.history_events:,}",
        "bytes of events, compressed": size(default.history_bytes),
        "closed connections": f"{default.history_connections:,}",
        "bytes of closed connections": size(bounds.connection_bytes),
        "exceptions, each failure once": f"{GROUPS_KEPT:,}",
    }
    assert {row[0]: row[1] for row in OPERATIONS.rows("what", "bound")} == limits


def test_what_is_said_of_signing_in() -> None:
    said = OPERATIONS.prose
    hour = 3600
    assert f"once, within {tokens.CODE_SECONDS / hour:g} hours" in said
    assert f"after {sessions.IDLE_SECONDS / hour:g} hours without use" in said
    assert f"after {sessions.LIFETIME_SECONDS / hour / 24:g} days" in said
    assert f"At most {sessions.SESSIONS_KEPT:,} are kept" in said
    assert f"after {throttle.WRONG_ATTEMPTS} in a minute" in said
    assert throttle.WINDOW_SECONDS == 60


# -- the house --------------------------------------------------------------------------------


def rooms(folder: Path) -> list[str]:
    """The modules and packages of a folder, as the page writes them."""
    packages = [f"{path.parent.name}/" for path in folder.glob("*/__init__.py")]
    modules = [path.name for path in folder.glob("*.py") if not path.name.startswith("__")]
    return sorted(packages + modules)


def test_every_room_is_documented() -> None:
    documented = [only(row[0]) for row in ARCHITECTURE.rows("room", "holds")]
    assert sorted(documented) == sorted(rooms(ENGINE) + rooms(PANEL))


def imports(tree: ast.Module) -> Iterator[str]:
    """What is imported as a module loads: nothing in functions, nothing for types alone."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            todo += node.orelse
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            todo += ast.iter_child_nodes(node)


def test_a_room_of_the_engine_imports_only_what_stands_above_it() -> None:
    order = [only(row[0]) for row in ARCHITECTURE.rows("room", "holds")]
    order = [name.removesuffix(".py").removesuffix("/") for name in order[: len(rooms(ENGINE))]]
    wrong = []
    for path in ENGINE.rglob("*.py"):
        room = path.relative_to(ENGINE).parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        for imported in imports(ast.parse(path.read_text("utf-8"))):
            top, _, rest = imported.partition(".")
            other = rest.partition(".")[0]
            if top == "socketdeck" and other in order and order.index(other) > order.index(room):
                wrong.append(f"{path.relative_to(ENGINE)} imports {imported}")
            if top in ("app", "flask", "sqlalchemy", "gunicorn", "socketio"):
                wrong.append(f"{path.relative_to(ENGINE)} imports {imported}")
    assert not wrong


# -- make, links, words -----------------------------------------------------------------------


def make_targets() -> set[str]:
    """What `make` alone lists."""
    listed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {line.split()[1] for line in listed.stdout.splitlines()}


def test_every_make_target_is_documented_and_no_other_is_named() -> None:
    targets = make_targets()
    documented = {only(row[0]).removeprefix("make ") for row in DEVELOPMENT.rows("target")}
    assert documented == targets
    named = {
        name for page in PAGES for name in re.findall(r"(?:`|^ {4}|\$ )make ([a-z]+)", page.text)
    }
    assert named <= targets


def test_every_folder_that_is_named_is_there() -> None:
    for page in (README, DEVELOPMENT):
        for cell, *_ in page.rows("folder", "holds"):
            for folder in shown(cell):
                assert folder == "instance/" or (ROOT / folder).is_dir(), folder


def test_the_tests_own_folders_are_all_named() -> None:
    named = {only(row[0]) for row in DEVELOPMENT.rows("folder", "holds")}
    there = {
        f"tests/{path.name}/"
        for path in (ROOT / "tests").iterdir()
        if path.is_dir() and any(path.rglob("*test*.*"))
    }
    assert named == there - {"tests/__pycache__/"}


def test_the_readme_leads_to_every_page() -> None:
    assert {page.name for page in PAGES} - {"README.md"} <= set(README.links)


@pytest.mark.parametrize("read", PAGES, ids=lambda read: read.name)
def test_links_lead_somewhere(read: Page) -> None:
    for link in read.links:
        target, _, anchor = link.partition("#")
        if target.startswith(("http://", "https://")):
            continue
        path = read.path.parent / target if target else read.path
        # A picture is made by the browser tests, which may not have run yet.
        assert path.exists() or path.parent.name == "pictures", f"{read.name} links to {link}"
        if anchor:
            assert anchor in Page(path.resolve()).anchors, f"{read.name} links to {link}"


@pytest.mark.parametrize("read", PAGES, ids=lambda read: read.name)
def test_a_page_speaks_of_the_clone_alone(read: Page) -> None:
    """Nothing outside of it, no folder of anybody's, nothing of how it came about."""
    elsewhere = r"\.\./|/(home|root|Users|work)/|session of|TODO|FIXME"
    assert not re.findall(elsewhere, read.text)

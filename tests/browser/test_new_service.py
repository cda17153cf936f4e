"""New service: from the catalogue or the handlers folder; what is wrong is told at its field."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.clients import ask
from tests.browser.conftest import Serve
from tests.browser.tab import Tab
from tests.panels import Rest

SHOUT = """
from socketserver import StreamRequestHandler


class Shout(StreamRequestHandler):
    \"\"\"Answers each line in capitals.\"\"\"

    mark = "!"

    def handle(self):
        print("somebody shouts")
        for line in self.rfile:
            self.wfile.write(line.strip().upper() + self.mark.encode() + b"\\n")
"""


@pytest.fixture
def created(client: Rest) -> Iterator[Callable[[str], str]]:
    """Looks up what was created in the browser, as REST shows it; it is deleted after the test."""
    names: list[str] = []

    def address(name: str) -> str:
        names.append(name)
        service = client.service(name)
        assert service["status"]["state"] == "running", service["status"]
        found: str = service["status"]["address"]
        return found

    yield address
    for name in names:
        client.delete(f"/services/{name}")


def choices(tab: Tab, label: str) -> Locator:
    """The cards of which one is picked."""
    return tab.page.get_by_role("radiogroup", name=label).locator(".choice")


def choose(tab: Tab, handler: str) -> None:
    """Pick a card."""
    choices(tab, "Handler").filter(
        has=tab.page.locator("b", has_text=re.compile(f"^{handler}$"))
    ).click()


def definition(tab: Tab) -> Locator:
    """The same as JSON, beside the form."""
    return tab.page.get_by_label("the definition", exact=True)


def fill(tab: Tab, values: dict[str, str]) -> None:
    """Type into fields, each found by the JSON pointer to what it sets."""
    for pointer, value in values.items():
        tab.field(pointer).get_by_role("textbox").fill(value)


def error_at(tab: Tab, pointer: str, text: str) -> None:
    """An error stands at its field, which says so to a screen reader too."""
    expect(tab.field(pointer).get_by_role("alert")).to_contain_text(text)
    expect(tab.field(pointer).locator("[aria-invalid=true]")).to_have_accessible_description(
        re.compile(re.escape(text))
    )


def test_from_the_catalogue_with_an_option(tab: Tab, created: Callable[[str], str]) -> None:
    tab.open("/services/new")
    choose(tab, "chat")
    forking = choices(tab, "Concurrency").filter(has_text="forking")
    expect(forking.get_by_role("radio")).to_be_disabled()
    expect(forking).to_contain_text("Not for chat")

    choose(tab, "greeting")
    expect(forking.get_by_role("radio")).to_be_enabled()
    fill(tab, {"/name": "morning", "/options/message": "Good morning\n"})
    expect(definition(tab)).to_contain_text('"message": "Good morning\\n"')
    tab.button("Create and start").click()

    expect(tab.page).to_have_url(f"{tab.origin}/services/morning")
    expect(tab.page.get_by_role("heading", name="morning")).to_be_visible()
    tab.is_live()
    assert ask(created("morning"), b"") == b"Good morning\n"
    tab.tab("Events")
    expect(tab.events("data out", "Good morning")).to_have_count(1)


def test_a_class_from_the_handlers_folder(
    tab: Tab, created: Callable[[str], str], write_handler: Callable[[str, str], Path]
) -> None:
    tab.open("/services/new")
    write_handler("shout.py", SHOUT)  # after the page was loaded: it is looked for as one types
    choose(tab, "Your own class")
    tab.allow_refusal(422)
    fill(tab, {"/handler": "shout:Whisper"})
    expect(tab.field("/handler").get_by_role("alert")).to_contain_text("Whisper")
    fill(tab, {"/handler": "shout:Shout"})
    expect(tab.field("/handler")).to_contain_text("found: Answers each line in capitals.")
    expect(tab.field("/name").get_by_role("textbox")).to_have_value("shout")

    fill(tab, {"/options": '{"mark": '})
    tab.button("Create and start").click()
    error_at(tab, "/options", "Should be an object")
    fill(tab, {"/options": '{"mark": "!!!"}'})
    choices(tab, "Concurrency").filter(has_text="sync").click()
    tab.button("Create and start").click()
    expect(tab.page).to_have_url(f"{tab.origin}/services/shout")
    tab.is_live()
    assert ask(created("shout"), b"hello\n") == b"HELLO!!!\n"
    tab.tab("Events")
    expect(tab.events("log", "somebody shouts")).to_have_count(1)


def test_what_is_wrong_is_told_at_its_field(tab: Tab, client: Rest) -> None:
    tab.open("/services/new")
    tab.allow_refusal(422)
    choose(tab, "echo")
    fill(tab, {"/name": "Not a name", "/address/port": "99999", "/options/buffer_size": "1.5"})
    tab.page.get_by_text("Life", exact=True).click()
    fill(tab, {"/drain_timeout": "-1", "/requests": "a few"})
    tab.page.get_by_text("Life", exact=True).click()
    tab.button("Create and start").click()
    error_at(tab, "/name", "lower-case letters")
    error_at(tab, "/address/port", "ports go from 0 to 65535")
    error_at(tab, "/options/buffer_size", "Should be a valid integer")
    error_at(tab, "/drain_timeout", "greater than or equal to 0")
    error_at(tab, "/requests", "Should be a valid integer")
    expect(tab.field("/address/port").get_by_role("textbox")).to_be_focused()
    assert client.get("/services", params={"q": "echo"}).json()["total"] == 1, "the ready-made one"

    fill(tab, {"/address/port": "0"})
    expect(tab.field("/address/port").get_by_role("alert")).to_have_count(0)
    expect(tab.field("/name").get_by_role("alert")).to_have_count(1)


def test_an_address_and_a_name_that_are_taken(tab: Tab, serve: Serve, client: Rest) -> None:
    address = serve("first-come", "echo")
    port = address.rpartition(":")[2]
    client.patch("/services/first-come", json={"address": address})
    tab.open("/services/new")
    tab.allow_refusal(409)
    choose(tab, "echo")
    fill(tab, {"/name": "second", "/address/port": port})
    tab.button("Create and start").click()
    error_at(tab, "/address/port", "is the address of the service first-come")

    fill(tab, {"/name": "first-come", "/address/port": "0"})
    tab.button("Create and start").click()
    error_at(tab, "/name", "a service first-come already")
    expect(tab.field("/address/port").get_by_role("alert")).to_have_count(0)
    assert client.get("/services/second").status_code == 404


def test_a_port_that_another_program_holds(tab: Tab, client: Rest) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        tab.open("/services/new")
        choose(tab, "echo")
        fill(tab, {"/name": "unlucky", "/address/port": port})
        tab.button("Create and start").click()
        expect(tab.page).to_have_url(f"{tab.origin}/services/unlucky")
        tab.is_live()
        expect(tab.page.get_by_role("status").filter(has_text="failed")).to_be_visible()
        held = re.compile(f"{port}.*in use by .*pid")
        expect(tab.page.get_by_role("alert")).to_contain_text(held)

    # The port is free now.
    tab.button("Start").click()
    expect(tab.page.get_by_role("status").filter(has_text="running")).to_be_visible()
    expect(tab.page.get_by_role("alert")).to_have_count(0)
    client.delete("/services/unlucky")

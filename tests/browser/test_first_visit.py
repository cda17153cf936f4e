"""The first visit: start what is there, talk to it, and see it arrive, all on one page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from app.readymade import GREETER, ready_made
from tests.browser.clients import ask, has_netcat, netcat, port_is_free, typing_netcat
from tests.browser.conftest import NewTab, Serve
from tests.browser.tab import Tab
from tests.panels import ServedPanel

GREETING = "Thank you for connection"
GREETER_PORT = int(GREETER["address"].rpartition(":")[2])


def greet(address: str) -> str:
    return netcat(address) if has_netcat else ask(address, b"").decode()


def start_greeter(tab: Tab) -> str:
    """Click Start in the first steps; the address that the page then shows."""
    steps = tab.page.get_by_role("region", name="First steps")
    starter = steps.get_by_role("article").filter(has_text="greeter")
    tab.button(re.compile("^Start ?greeter$"), within=starter).click()
    expect(starter).to_contain_text(re.compile("Waiting for the first connection|it is in use by"))
    if "in use" in starter.inner_text():
        pytest.skip("the greeter's port was taken just now")
    expect(tab.row("greeter")).to_contain_text("running")
    return starter.locator(".tag").inner_text()


def see_greeting_arrive(tab: Tab, address: str) -> None:
    """Talk to the greeter; its connection is seen open, with its bytes, and closed."""
    tab.open_drawer()
    assert greet(address) == GREETING

    starter = tab.page.get_by_role("article").filter(has_text="greeter")
    expect(starter).to_contain_text("1 connection so far, 0 open.")
    expect(tab.events("opened", re.compile(r"127\.0\.0\.1:\d+"))).to_have_count(1)
    expect(tab.events("log", "got connection from")).to_have_count(1)
    expect(tab.events("data out", GREETING)).to_have_count(1)
    expect(tab.events("closed", f"{len(GREETING)} B out")).to_have_count(1)


def test_start_greet_and_watch(fresh_panel: ServedPanel, new_tab: NewTab) -> None:
    """As a reader of the README does it, but on a port that is free in any case."""
    with fresh_panel.rest().session as session:
        answer = session.patch(
            f"{fresh_panel.url}/api/v1/services/greeter", json={"address": "tcp://127.0.0.1:0"}
        )
        assert answer.ok, answer.text
    tab = new_tab(fresh_panel).open("/")
    steps = tab.page.get_by_role("region", name="First steps")
    expect(steps.get_by_role("heading", name="3 services ready to start")).to_be_visible()
    for service in ready_made():
        name = tab.page.get_by_text(service["name"], exact=True)
        starter = steps.get_by_role("article").filter(has=name)
        expect(starter).to_contain_text(service["description"])
        expect(tab.row(service["name"])).to_contain_text("stopped")
    expect(tab.figure("Running")).to_have_text("0 / 3")

    with tab.without_a_reload():
        see_greeting_arrive(tab, start_greeter(tab))
    expect(tab.figure("Running")).to_have_text("1 / 3")

    tab.button("Dismiss the first steps").click()
    expect(steps).to_have_count(0)
    tab.open("/")
    expect(steps).to_have_count(0)


def test_start_greet_and_watch_on_its_own_port(fresh_panel: ServedPanel, new_tab: NewTab) -> None:
    if not port_is_free(GREETER_PORT):
        pytest.skip(f"port {GREETER_PORT} is taken on this machine")
    tab = new_tab(fresh_panel).open("/")
    with tab.without_a_reload():
        steps = tab.page.get_by_role("region", name="First steps")
        expect(steps).to_contain_text(f"nc 127.0.0.1 {GREETER_PORT}")
        address = start_greeter(tab)
        assert address == GREETER["address"]
        see_greeting_arrive(tab, address)


@pytest.mark.skipif(not has_netcat, reason="nc is not on this machine")
def test_what_is_typed_is_seen_as_it_is_typed(panel: ServedPanel, serve: Serve, tab: Tab) -> None:
    address = serve("typed-by-hand", "echo")
    tab.open("/services/typed-by-hand")
    with tab.without_a_reload(), typing_netcat(address) as nc:
        assert nc.stdin is not None
        assert nc.stdout is not None
        expect(tab.figure("Open connections")).to_have_text("1")
        row = tab.row("127.0.0.1:")
        expect(row).to_have_count(1)
        expect(row.get_by_role("button", name="Close connection")).to_be_visible()

        nc.stdin.write(b"hello\n")
        assert nc.stdout.read(6) == b"hello\n"
        expect(row.locator(".c-in")).to_have_text("6 B")
        expect(row.locator(".c-out")).to_have_text("6 B")
        expect(row.locator(".c-last")).to_contain_text("hello")

        nc.kill()
        expect(tab.figure("Open connections")).to_have_text("0")
        expect(row).to_have_count(0)
        tab.button("Closed").click()
        expect(row).to_contain_text(re.compile("client (closed|reset)"))

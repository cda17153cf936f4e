"""The live link: lost with its panel, and caught up with when the panel is back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.clients import ask
from tests.browser.conftest import NewTab, Serve
from tests.browser.tab import Tab
from tests.panels import ServedPanel, connected

LOST = re.compile(r"The live link was lost at \d\d:\d\d:\d\d\.")


class MortalPanel:
    """A panel that is killed and started again, on the same port and the same data."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.served = ServedPanel(data)
        self.port = int(self.served.url.rpartition(":")[2])

    def kill(self) -> None:
        self.served.kill_all()

    def start_again(self) -> None:
        self.served = ServedPanel(self.data, port=self.port)


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[MortalPanel]:
    panel = MortalPanel(tmp_path / "data")
    yield panel
    with panel.served:
        pass


def start_greeter(panel: MortalPanel) -> str:
    """A greeter that listens where it did, whenever it is started again."""
    client = panel.served.rest()
    with client.session:
        address: str = client.start("hi", "greeting")["status"]["address"]
        client.patch("/services/hi", json={"address": address})
    return address


def lose(tab: Tab, panel: MortalPanel) -> None:
    """Kill the panel; the page says so, and since when."""
    tab.allow(r"WebSocket connection to .* failed|ERR_CONNECTION_(REFUSED|RESET)")
    panel.kill()
    expect(tab.page.get_by_role("alert")).to_contain_text(LOST)
    expect(tab.page.locator(".link-state")).to_contain_text(re.compile(r"lost \d\d:\d\d:\d\d"))


def regain(tab: Tab, panel: MortalPanel) -> None:
    """Start it again; the page finds that out by itself."""
    panel.start_again()
    tab.is_live()
    expect(tab.page.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("path", ["/", "/services/hi#events", "/events?filter=service:hi"])
def test_lost_with_the_panel_and_caught_up_without_a_reload(
    mortal: MortalPanel, new_tab: NewTab, path: str
) -> None:
    address = start_greeter(mortal)
    tab = new_tab(mortal.served).open(path)
    with tab.without_a_reload():
        if path == "/":
            tab.open_drawer()
        ask(address, b"")
        expect(tab.events("closed", "server closed")).to_have_count(1)
        lose(tab, mortal)
        regain(tab, mortal)
        # What ran runs again; who came while the page did not look is seen all the same.
        ask(address, b"")
        expect(tab.events("opened")).to_have_count(2)
        expect(tab.events("closed", "server closed")).to_have_count(2)
        expect(tab.events("data out", "Thank you")).to_have_count(2)


def test_what_was_open_is_told_as_closed(mortal: MortalPanel, new_tab: NewTab) -> None:
    client = mortal.served.rest()
    with client.session:
        address = client.start("held", "echo")["status"]["address"]
    tab = new_tab(mortal.served).open("/services/held")
    with tab.without_a_reload():
        with connected(address):
            # By then it is in history, which is written once a second.
            age = tab.row("127.0.0.1").locator(".c-age")
            expect(age).to_have_text(re.compile(r"^([3-9]\.\d|\d\d) s$"))
            lose(tab, mortal)
        regain(tab, mortal)
        expect(tab.row("127.0.0.1")).to_have_count(0)
        expect(tab.figure("Open connections")).to_have_text("0")
        tab.button("Closed").click()
        expect(tab.row("127.0.0.1")).to_contain_text("panel restarted")


def test_an_act_without_a_panel_says_so(mortal: MortalPanel, new_tab: NewTab) -> None:
    tab = new_tab(mortal.served).open("/services/echo")
    lose(tab, mortal)
    tab.button("Start").click()
    expect(tab.toast("Start echo failed")).to_contain_text("The panel does not answer")
    tab.button("Try now").click()
    expect(tab.page.get_by_role("alert")).to_contain_text(LOST)


def test_more_events_than_a_frame_holds(tab: Tab, serve: Serve) -> None:
    """What a page cannot follow is left out of its tail, but not in silence; no connection is."""
    address = serve("busy", "greeting")
    tab.open("/services/busy#events")
    for _ in range(200):
        ask(address, b"")
    tab.tab("Connections")
    tab.button("Closed").click()
    expect(tab.page.get_by_text("200 connections", exact=True)).to_be_visible()
    tab.tab("Events")
    expect(tab.page.locator(".tail-row").last).to_contain_text("server closed")

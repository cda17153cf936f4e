"""The charts of a service: they go on by themselves, and outlive a reload and a restart."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.clients import ask
from tests.browser.conftest import NewTab, Serve
from tests.browser.tab import Tab
from tests.panels import Rest, ServedPanel, connected

HAS_INK = """(canvas, token) => {
    const probe = document.createElement('i');
    probe.style.color = `var(--${token})`;
    document.body.append(probe);
    const [r, g, b] = getComputedStyle(probe).color.match(/[0-9]+/g).map(Number);
    probe.remove();
    const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    for (let at = 0; at < data.length; at += 4)
        if (data[at] === r && data[at + 1] === g && data[at + 2] === b && data[at + 3] === 255)
            return true;
    return false;
}"""


@pytest.fixture
def new_tab(new_tab: NewTab) -> NewTab:
    """Tabs on a screen with room for the charts: on a low one they begin folded."""

    def make(panel: ServedPanel, **more: Any) -> Tab:
        tab = new_tab(panel, **more)
        tab.page.set_viewport_size({"width": 1280, "height": 1000})
        return tab

    return make


def chart(tab: Tab, title: str) -> Locator:
    """One of the charts."""
    heading = tab.page.get_by_role("heading", name=title, exact=True)
    return tab.page.locator(".chart").filter(has=heading)


def told(tab: Tab, title: str, pattern: str) -> None:
    """Wait until what a screen reader is told of a chart is as a pattern says."""
    expect(chart(tab, title).get_by_role("img")).to_have_attribute(
        "aria-label", re.compile(pattern)
    )


def test_a_reload_and_a_restart_keep_the_lines(tmp_path: Path, new_tab: NewTab) -> None:
    with ServedPanel(tmp_path) as panel:
        client = panel.rest()
        with client.session:
            address = client.start("kept", "echo")["status"]["address"]
        tab = new_tab(panel).open("/services/kept")
        assert ask(address, b"x" * 5000) == b"x" * 5000
        told(tab, "Throughput", r"in .*at most [1-9][\d.]* (KB|B)/s")
        told(tab, "Handling time", r"p99 [\d.]+ (µs|ms|s)")
        tab.open("/services/kept")
        told(tab, "Throughput", r"in .*at most [1-9][\d.]* (KB|B)/s")
        told(tab, "Handling time", r"p99 [\d.]+ (µs|ms|s)")
        tab.page.close()
        panel.end()
    with ServedPanel(tmp_path) as again:
        tab = new_tab(again).open("/services/kept")
        told(tab, "Throughput", r"at most [1-9].* the panel was restarted at \d\d:\d\d")
        told(tab, "Errors", r"the panel was restarted")
        tab.page.get_by_role("button", name="1 min").click()
        told(tab, "Throughput", r"over the last minute: .*the panel was restarted")
        find_mark(tab)
        tab.page.mouse.move(0, 0)
        expect(tab.page.locator(".chart-tip")).to_have_count(0)


def find_mark(tab: Tab) -> None:
    """Move the pointer over a chart until the mark of a restart says what it is."""
    box = chart(tab, "Throughput").locator(".u-over").bounding_box()
    assert box is not None
    tip = tab.page.locator(".chart-tip")
    for x in range(int(box["width"]), 0, -4):
        tab.page.mouse.move(box["x"] + x, box["y"] + box["height"] / 2)
        tab.settle()
        if tip.count():
            expect(tip).to_contain_text("The panel was restarted at")
            return
    raise AssertionError("no mark of a restart was found")


def test_a_live_chart_asks_for_nothing(tab: Tab, serve: Serve) -> None:
    address = serve("charted", "echo")
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    tab.open("/services/charted")
    expect(chart(tab, "Open connections").locator(".read b")).to_have_text("0")
    assert len([url for url in asked if "/series?" in url]) == 1
    with tab.without_a_reload(), connected(address) as one, connected(address):
        expect(chart(tab, "Open connections").locator(".read b")).to_have_text("2")
        one.sendall(b"y" * 3000)
        told(tab, "Throughput", r"in .*at most [1-9]")
    expect(chart(tab, "Open connections").locator(".read b")).to_have_text("0")
    assert len([url for url in asked if "/series?" in url]) == 1


def test_a_lost_link_is_caught_up_with(tmp_path: Path, new_tab: NewTab) -> None:
    with ServedPanel(tmp_path) as panel:
        client = panel.rest()
        with client.session:
            client.start("mortal", "echo")
        tab = new_tab(panel).open("/services/mortal")
        told(tab, "Errors", "over the last 15 minutes: 0 in all$")
        tab.allow(r"WebSocket connection to .* failed|ERR_CONNECTION_(REFUSED|RESET)")
        with tab.without_a_reload():
            panel.kill_all()
            expect(tab.page.locator(".link-state")).to_contain_text("lost")
            with ServedPanel(tmp_path, port=int(panel.url.rpartition(":")[2])):
                tab.is_live()
                told(tab, "Errors", "the panel was restarted at")
        tab.page.close()


def test_how_far_back_and_folded_are_remembered(tab: Tab, serve: Serve) -> None:
    serve("remembered", "echo")
    tab.open("/services/remembered")
    told(tab, "Errors", "over the last 15 minutes")
    tab.page.get_by_role("button", name="24 h").click()
    told(tab, "Errors", "over the last 24 hours: 0 in all")
    tab.open("/services/remembered")
    told(tab, "Errors", "over the last 24 hours")
    tab.button("Charts").click()
    expect(tab.page.locator(".chart")).to_have_count(0)
    tab.open("/services/remembered")
    expect(tab.button("Charts")).to_have_attribute("aria-expanded", "false")
    expect(tab.page.locator(".chart")).to_have_count(0)
    tab.button("Charts").click()
    told(tab, "Errors", "over the last 24 hours")


def test_the_same_as_a_table(tab: Tab, serve: Serve) -> None:
    address = serve("tabled", "echo")
    tab.open("/services/tabled")
    ask(address, b"t" * 2000)
    told(tab, "Throughput", r"in .*at most [1-9]")
    tab.button("As table").click()
    table = tab.page.get_by_role("region", name="The charts as a table")
    heads = table.get_by_role("columnheader")
    expect(heads).to_have_text(
        [
            "From",
            "Open connections",
            "Throughput, in",
            "Throughput, out",
            "Handling time, p50",
            "Handling time, p95",
            "Handling time, p99",
            "Errors",
        ]
    )
    expect(
        table.get_by_role("row").filter(has_text=re.compile(r"\d B/s.*µs|ms"))
    ).not_to_have_count(0)
    assert tab.violations() == []
    tab.button("As charts").click()
    told(tab, "Throughput", r"at most [1-9]")


def test_charts_are_read_by_keys(tab: Tab, serve: Serve) -> None:
    address = serve("keyed", "echo")
    tab.open("/services/keyed")
    with connected(address):
        expect(chart(tab, "Open connections").locator(".read b")).to_have_text("1")
        tab.page.get_by_role("group", name=re.compile("^Charts: the arrow keys")).focus()
        spoken = tab.page.locator(".plots [aria-live]")
        tab.page.keyboard.press("End")
        expect(spoken).to_have_text(re.compile(r"^\d\d:\d\d:\d\d: open 1, in "))
        tab.page.keyboard.press("Home")
        expect(spoken).to_have_text(re.compile(r"^\d\d:\d\d:\d\d: open \u2013, in \u2013"))
        tab.page.keyboard.press("Escape")
        expect(spoken).to_be_empty()


def test_a_service_that_never_ran_says_so(tab: Tab, client: Rest) -> None:
    client.create("unborn", "echo")
    try:
        tab.open("/services/unborn")
        expect(tab.page.get_by_text("unborn has not run yet.")).to_be_visible()
        assert tab.violations() == []
        client.post("/services/unborn/start")
        expect(chart(tab, "Open connections").locator(".read b")).to_have_text("0")
    finally:
        client.delete("/services/unborn")


def test_the_lines_take_the_colours_of_the_theme(tab: Tab, serve: Serve) -> None:
    address = serve("coloured", "echo")
    tab.allow("willReadFrequently")  # that the test itself looks at the picture
    tab.open("/services/coloured")
    tab.page.get_by_role("button", name="1 min").click()
    canvas = chart(tab, "Open connections").locator("canvas")
    with connected(address):
        expect(chart(tab, "Open connections").locator(".read b")).to_have_text("1")
        for theme in ("dark", "light"):
            tab.turn_theme(theme)
            tab.page.wait_for_function(
                f"(canvas) => ({HAS_INK})(canvas, 'accent')", arg=canvas.element_handle()
            )
    assert tab.sticking_out() == []

"""The overview: all services at a glance, ordered, filtered, and acted on together."""

from __future__ import annotations

import contextlib

from playwright.sync_api import expect

from tests.browser.clients import ask
from tests.browser.conftest import NewTab, Serve
from tests.browser.tab import Tab
from tests.panels import ServedPanel, connected


def names(tab: Tab) -> list[str]:
    """The names in the table, from the top."""
    return tab.page.locator("tbody [data-row] a.name").all_inner_texts()


def test_figures_and_rows_are_live(fresh_panel: ServedPanel, new_tab: NewTab) -> None:
    client = fresh_panel.rest()
    tab = new_tab(fresh_panel).open("/")
    with client.session, tab.without_a_reload(), contextlib.ExitStack() as clients:
        address = client.start("echo-two", "echo")["status"]["address"]
        expect(tab.figure("Running")).to_have_text("1 / 4")
        row = tab.row("echo-two")
        expect(row).to_contain_text(address)
        for _ in range(3):
            clients.enter_context(connected(address))
        expect(tab.figure("Open connections")).to_have_text("3")
        expect(row.locator(".c-open")).to_have_text("3")

        client.create("doomed", "echo", address="tcp://192.0.2.1:7000")
        client.post("/services/doomed/start")
        expect(tab.figure("Failed")).to_have_text("1")
        failed = tab.row("doomed")
        expect(failed).to_contain_text("failed")
        expect(failed).to_contain_text("192.0.2.1")
        client.delete("/services/doomed")
        expect(failed).to_have_count(0)


def test_several_are_stopped_together(tab: Tab, serve: Serve) -> None:
    addresses = [serve(f"several-{letter}", "echo", drain_timeout=0) for letter in "abc"]
    tab.open("/")
    with connected(addresses[0]), connected(addresses[0]):
        expect(tab.row("several-a").locator(".c-open")).to_have_text("2")
        tab.page.get_by_label("Pick several-a").check()
        tab.page.get_by_label("Pick several-c").click(modifiers=["Shift"])
        expect(tab.page.get_by_role("heading", name="3 picked")).to_be_visible()
        tab.button("Stop").click()
        question = tab.page.get_by_role("dialog", name="Stop 3 services?")
        expect(question).to_contain_text("They have 2 open connections between them.")
        expect(question.get_by_role("listitem").filter(has_text="several-a")).to_contain_text(
            "2 open, closed at once"
        )
        tab.button("Stop 3 services", within=question).click()
    for letter in "abc":
        expect(tab.row(f"several-{letter}")).to_contain_text("stopped")
    expect(tab.toast("Stopped several-a, several-b and several-c")).to_be_visible()
    tab.button("Start", within=tab.row("several-b"))
    tab.button("Start several-b").click()
    expect(tab.row("several-b")).to_contain_text("running")


def test_order_and_filter(tab: Tab, serve: Serve) -> None:
    address = serve("order-z", "echo")
    serve("order-a", "greeting")
    tab.open("/")
    search = tab.page.get_by_role("searchbox", name="Filter services")
    search.fill("order-")
    expect(tab.row("order-")).to_have_count(2)
    assert names(tab) == ["order-a", "order-z"]
    with connected(address):
        tab.page.get_by_role("button", name="Open", exact=True).click()
        tab.page.mouse.move(0, 0)  # under the pointer nothing moves
        expect(tab.page.locator("tbody [data-row] a.name").first).to_have_text("order-z")
        expect(tab.row("order-z").locator(".c-open")).to_have_text("1")
    search.fill("nothing of the kind")
    expect(tab.page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    tab.button("Show all").click()
    expect(tab.row("greeter")).to_have_count(1)


def test_drawer_holds_still_while_it_is_paused(tab: Tab, serve: Serve) -> None:
    address = serve("paused", "greeting")
    tab.open("/")
    tab.open_drawer()
    tab.button("Pause").click()
    ask(address, b"")
    resume = tab.page.get_by_role("button", name="Go on, 4 new")
    expect(resume).to_be_visible()
    expect(tab.events("opened", "paused")).to_have_count(0)
    resume.click()
    expect(tab.events("closed", "paused")).to_have_count(1)

    tab.button("Data").click()
    expect(tab.events("data out")).to_have_count(0)
    expect(tab.events("opened", "paused")).to_have_count(1)


def test_a_command_is_copied(panel: ServedPanel, new_tab: NewTab, serve: Serve) -> None:
    address = serve("copied", "echo")
    tab = new_tab(panel, permissions=["clipboard-read", "clipboard-write"]).open("/")
    tab.button("Copy a command that talks to copied").click()
    expect(tab.toast("Copied")).to_be_visible()
    port = address.rpartition(":")[2]
    assert tab.page.evaluate("() => navigator.clipboard.readText()") == f"nc 127.0.0.1 {port}"


def test_a_page_that_is_not_there(tab: Tab) -> None:
    tab.allow_refusal(404)
    for path in ("/services/nothing", "/nothing"):
        tab.page.goto(tab.origin + path)
        expect(tab.page.get_by_role("heading", name="Nothing here")).to_be_visible()
    tab.page.get_by_role("link", name="Overview").click()
    tab.is_live()

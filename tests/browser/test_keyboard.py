"""The keyboard: from page to page, in tables, and out of whatever is open."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Serve
from tests.browser.tab import Tab
from tests.panels import connected


def test_keys_lead_from_page_to_page(tab: Tab) -> None:
    tab.open("/handlers")
    press = tab.page.keyboard.press
    press("g")
    press("s")
    expect(tab.page).to_have_url(f"{tab.origin}/")
    tab.is_live()

    press("?")
    keys = tab.page.get_by_role("dialog", name="Keyboard")
    expect(keys).to_contain_text("Go to the services")
    expect(keys).to_contain_text("New service")
    press("n")  # belongs to the dialog
    press("Escape")
    expect(keys).to_have_count(0)
    expect(tab.page).to_have_url(f"{tab.origin}/")

    press("n")
    expect(tab.page).to_have_url(f"{tab.origin}/services/new")
    tab.is_live()
    press("g")
    press("h")
    expect(tab.page).to_have_url(f"{tab.origin}/handlers")


def test_slash_searches_and_escape_leaves(tab: Tab, serve: Serve) -> None:
    serve("sought", "echo")
    tab.open("/")
    press = tab.page.keyboard.press
    press("/")
    search = tab.page.get_by_role("searchbox", name="Filter services")
    expect(search).to_be_focused()
    tab.page.keyboard.type("sough")
    expect(tab.page.locator("tbody [data-row]")).to_have_count(1)
    press("Escape")
    expect(search).to_have_value("")
    press("Escape")
    expect(search).not_to_be_focused()

    # Elsewhere it finds services of all pages.
    tab.open("/handlers")
    press("/")
    tab.page.keyboard.type("sough")
    expect(tab.page.get_by_role("option", name="sought")).to_be_visible()
    press("Enter")
    expect(tab.page).to_have_url(f"{tab.origin}/services/sought")


def test_arrows_and_enter_in_a_table(tab: Tab, serve: Serve) -> None:
    serve("arrow-a", "echo")
    serve("arrow-b", "echo")
    tab.open("/")
    press = tab.page.keyboard.press
    press("/")
    tab.page.keyboard.type("arrow-")
    press("ArrowDown")
    expect(tab.row("arrow-a")).to_be_focused()
    press("ArrowDown")
    expect(tab.row("arrow-b")).to_be_focused()
    press("Space")
    expect(tab.page.get_by_label("Pick arrow-b")).to_be_checked()
    press("Escape")
    expect(tab.page.get_by_label("Pick arrow-b")).not_to_be_checked()
    press("Enter")
    expect(tab.page).to_have_url(f"{tab.origin}/services/arrow-b")
    tab.is_live()

    press("4")
    expect(tab.page.get_by_role("tab", name="Try it")).to_have_attribute("aria-selected", "true")
    tab.page.get_by_role("tab", name="Try it").focus()
    press("ArrowRight")
    expect(tab.page.get_by_role("tab", name="Settings")).to_be_focused()
    expect(tab.button("Save")).to_be_visible()


def test_a_dialog_keeps_the_focus_and_gives_it_back(tab: Tab, serve: Serve) -> None:
    address = serve("focused", "echo")
    tab.open("/services/focused")
    with connected(address):
        expect(tab.figure("Open connections")).to_have_text("1")
        tab.button("Stop").focus()
        tab.page.keyboard.press("Enter")
        expect(tab.button("Stop focused")).to_be_focused()
        tab.page.keyboard.press("Escape")
        expect(tab.button("Stop")).to_be_focused()

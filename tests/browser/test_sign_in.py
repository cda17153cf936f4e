"""Signing in by the printed link and by the form, and what signing out ends."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import NewTab
from tests.browser.tab import Tab
from tests.panels import TOKEN, ServedPanel


def fill_form(tab: Tab, token: str) -> None:
    tab.page.get_by_label("Token").fill(token)
    tab.button("Sign in").click()


def test_printed_link_signs_in_once(fresh_panel: ServedPanel, new_tab: NewTab) -> None:
    first, second = (new_tab(fresh_panel, signed_in=False) for _ in range(2))
    first.page.goto(fresh_panel.link)
    expect(first.page).to_have_url(f"{fresh_panel.url}/")
    first.is_live()

    second.allow_refusal(401)
    second.page.goto(fresh_panel.link)
    expect(second.page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(second.page.get_by_role("status")).to_contain_text("link was used")

    # For whoever is signed in it is no news: it leads to where it led.
    first.page.goto(fresh_panel.link)
    expect(first.page).to_have_url(f"{fresh_panel.url}/")


def test_form_tells_of_a_wrong_token_and_takes_the_right_one(
    panel: ServedPanel, new_tab: NewTab
) -> None:
    tab = new_tab(panel, signed_in=False)
    tab.page.goto(f"{panel.url}/handlers")
    expect(tab.page).to_have_url(re.compile("/sign-in"))
    expect(tab.page.get_by_label("Token")).to_be_focused()

    tab.allow_refusal(401)
    fill_form(tab, "guessed")
    expect(tab.page.get_by_role("status")).to_contain_text("not the token of this panel")
    assert "guessed" not in tab.page.content()

    fill_form(tab, TOKEN)
    expect(tab.page).to_have_url(f"{panel.url}/handlers")
    expect(tab.page.get_by_role("heading", name="Handlers", exact=True)).to_be_visible()

    # It leads to the panel's own pages alone.
    tab.context.clear_cookies()
    tab.page.goto(f"{panel.url}/sign-in?next=//example.org/")
    fill_form(tab, TOKEN)
    expect(tab.page).to_have_url(f"{panel.url}/")


def test_signing_out_ends_the_session_and_its_live_links(
    panel: ServedPanel, new_tab: NewTab
) -> None:
    tab = new_tab(panel).open("/")
    other = new_tab(panel, beside=tab).open("/services/echo")

    tab.button("Sign out").click()
    expect(tab.page.get_by_role("heading", name="Sign in")).to_be_visible()
    notice = other.page.get_by_role("alert")
    expect(notice).to_contain_text("You are signed out.")
    expect(notice).not_to_contain_text("Bearer")

    notice.get_by_role("link", name="Sign in again").click()
    expect(other.page).to_have_url(f"{panel.url}/sign-in?next=%2Fservices%2Fecho")
    fill_form(other, TOKEN)
    expect(other.page).to_have_url(f"{panel.url}/services/echo")
    other.is_live()


def test_a_page_left_behind_is_good_again_once_somebody_signed_in_beside_it(
    panel: ServedPanel, new_tab: NewTab
) -> None:
    tab = new_tab(panel).open("/")
    left = new_tab(panel, beside=tab).open("/services/greeter")
    tab.button("Sign out").click()
    expect(left.page.get_by_role("alert")).to_contain_text("You are signed out.")
    expect(left.page.locator(".link-state")).to_contain_text("signed out")
    fill_form(tab, TOKEN)
    tab.is_live()

    # It tries again when somebody comes back to it, and then calls as the new session.
    with left.page.expect_navigation():
        left.page.evaluate("() => dispatchEvent(new Event('online'))")
    left.is_live()
    left.button("Handle one request").click()
    expect(left.toast("greeter waits for one request")).to_be_visible()


def test_the_way_back_leads_to_the_form(panel: ServedPanel, new_tab: NewTab) -> None:
    tab = new_tab(panel).open("/")
    tab.button("Sign out").click()
    expect(tab.page.get_by_role("heading", name="Sign in")).to_be_visible()
    tab.page.go_back()
    expect(tab.page.get_by_role("heading", name="Sign in")).to_be_visible()

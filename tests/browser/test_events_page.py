"""The page of all events: filtered, live or at a moment, and taken along."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.clients import ask
from tests.browser.conftest import NewTab, Serve
from tests.browser.tab import Tab
from tests.browser.test_payloads import SHOWN, nothing_ran
from tests.panels import ROOT, TOKEN, Rest, ServedPanel


def filter_box(tab: Tab) -> Locator:
    return tab.page.get_by_role("combobox", name="Filter the events")


def apply(tab: Tab, text: str) -> None:
    """Write a filter, and have it applied."""
    filter_box(tab).fill(text)
    filter_box(tab).press("Enter")


def asked(tab: Tab) -> dict[str, str]:
    """What the address bar asks for."""
    return {name: values[0] for name, values in parse_qs(urlsplit(tab.page.url).query).items()}


def chips(tab: Tab) -> Locator:
    return tab.page.get_by_role("list", name="Terms of the filter").locator(".chip")


def rows(tab: Tab) -> Locator:
    return tab.page.locator(".tail-row")


def detail(tab: Tab) -> Locator:
    return tab.page.get_by_role("complementary", name="The picked event")


def scroll(tab: Tab, to: str) -> None:
    """Scroll the list to its `top` or `bottom`, as it is now."""
    place = "0" if to == "top" else "list.scrollHeight"
    tab.page.locator(".tail-list").evaluate(f"list => {{ list.scrollTop = {place}; }}")


def scroll_until(tab: Tab, to: str, wanted: Locator) -> None:
    """Scroll on to an end, as more is read there, until something is in sight."""
    end = tab.page.locator(".tail-edge")
    for _ in range(40):
        if wanted.count():
            break
        scroll(tab, to)
        expect(end.filter(has_text="Reading")).to_have_count(0)
        tab.settle()
    expect(wanted.first).to_be_visible()


def test_what_happens_anywhere_is_seen_and_leads_on(tab: Tab, serve: Serve, client: Rest) -> None:
    one, other = serve("ev-one", "greeting"), serve("ev-other", "greeting")
    tab.open("/events")
    for address in (one, other):
        ask(address, b"")
    closed = [
        tab.events("closed", "server closed").filter(has_text=name)
        for name in ("ev-one", "ev-other")
    ]
    for row in closed:
        expect(row).to_have_count(1)
    number = client.get("/connections", params={"service": "ev-one", "state": "all"}).json()
    connection = number["items"][0]["id"]
    link = closed[0].get_by_role("link", name=f"#{connection}")
    expect(link).to_have_attribute("href", f"/connections/{connection}")
    expect(closed[0].get_by_role("link", name="ev-one")).to_have_attribute(
        "href", "/services/ev-one"
    )


def test_a_filter_is_written_with_completion_by_keyboard(tab: Tab, serve: Serve) -> None:
    one, other = serve("ev-typed", "greeting"), serve("ev-untyped", "greeting")
    tab.open("/events")
    press, typed = tab.page.keyboard.press, tab.page.keyboard.type
    press("/")
    box = filter_box(tab)
    expect(box).to_be_focused()
    typed("serv")
    options = tab.page.get_by_role("option")
    expect(options.first).to_have_text(re.compile("^service:"))
    expect(box).to_have_attribute("aria-expanded", "true")
    press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    expect(box).to_have_attribute("aria-activedescendant", "filter-option-0")
    press("Enter")
    expect(box).to_have_value("service:")
    typed("typed")
    expect(options).to_have_text(["ev-typed", "ev-untyped"])
    press("ArrowDown")
    press("ArrowDown")
    press("ArrowUp")
    press("Tab")
    expect(box).to_have_value("service:ev-typed ")
    typed("closed")
    press("ArrowDown")
    press("Enter")
    expect(box).to_have_value("service:ev-typed kind:closed ")
    press("Escape")
    expect(options).to_have_count(0)
    press("Enter")
    expect(chips(tab)).to_have_count(2)
    assert asked(tab) == {"filter": "service:ev-typed kind:closed"}

    ask(other, b"")
    ask(one, b"")
    expect(tab.events("closed", "ev-typed")).to_have_count(1)
    expect(rows(tab)).to_have_count(1)


def test_a_filter_is_written_with_completion_by_pointer(tab: Tab) -> None:
    tab.open("/events")
    filter_box(tab).click()
    tab.page.get_by_role("option", name=re.compile("^kind:")).click()
    tab.page.get_by_role("option", name="error", exact=True).click()
    expect(filter_box(tab)).to_have_value("kind:error ")
    expect(filter_box(tab)).to_be_focused()
    tab.page.get_by_role("button", name=re.compile("^Apply")).click()
    expect(chips(tab)).to_have_text(re.compile("kind:error"))
    tab.button("Clear the filter").first.click()
    expect(chips(tab)).to_have_count(0)
    assert asked(tab) == {}
    # What was applied is offered again.
    filter_box(tab).click()
    tab.page.get_by_role("option", name="kind:error used before").click()
    expect(chips(tab)).to_have_text(re.compile("kind:error"))


def test_terms_are_turned_and_removed_with_a_click(tab: Tab, serve: Serve) -> None:
    address = serve("ev-chips", "echo")
    ask(address, b"hello")
    tab.open("/events?filter=service:ev-chips (kind:data or kind:closed) direction:in")
    expect(tab.events("data in")).to_have_count(1)
    expect(rows(tab)).to_have_count(1)
    expect(tab.page.locator(".chip-joint")).to_have_text(["(", "or", ")"])

    tab.page.get_by_role("button", name="direction:in, leave it out").click()
    expect(tab.events("data out")).to_have_count(1)
    expect(tab.events("closed")).to_have_count(1)
    expect(tab.events("data in")).to_have_count(0)
    assert asked(tab)["filter"] == "service:ev-chips (kind:data or kind:closed) -direction:in"

    tab.button("Remove kind:data").click()
    expect(rows(tab)).to_have_count(1)
    assert asked(tab)["filter"] == "service:ev-chips (kind:closed) -direction:in"
    tab.page.go_back()
    expect(rows(tab)).to_have_count(2)
    expect(filter_box(tab)).to_have_value(
        "service:ev-chips (kind:data or kind:closed) -direction:in"
    )


def test_what_is_wrong_with_a_filter_is_marked_in_it(tab: Tab, client: Rest) -> None:
    tab.allow_refusal(422)
    tab.open("/events")
    text = "service:echo \U0001f642 kind:nonsense or x"
    apply(tab, text)
    answer = client.get("/events/filter", params={"filter": text}).json()["errors"][0]
    alert = tab.page.get_by_role("alert")
    expect(alert).to_contain_text(answer["detail"][1:])
    expect(filter_box(tab)).to_have_attribute("aria-invalid", "true")
    bad = text[answer["position"] : answer["position"] + answer["length"]]
    assert bad == "nonsense"
    expect(tab.page.locator(".filter-paint mark")).to_have_text(bad)
    assert asked(tab) == {}, "what is no filter is not applied"

    # In a long one the place may be out of sight: a click goes there.
    long = " ".join(["-text:nothing"] * 30)
    apply(tab, f"{long} kind:nonsense {long}")
    alert.get_by_role("button").click()
    selected = filter_box(tab).evaluate(
        "box => box.value.slice(box.selectionStart, box.selectionEnd)"
    )
    assert selected == bad
    expect(alert).to_contain_text("kind:nonsense")

    apply(tab, "kind:error")
    expect(chips(tab)).to_have_count(1)
    expect(alert).to_have_count(0)
    assert asked(tab) == {"filter": "kind:error"}

    # One that came by a link.
    tab.open("/events?filter=kind:nonsense")
    expect(tab.page.get_by_role("heading", name="This is no filter")).to_be_visible()
    expect(tab.page.locator(".filter-paint mark")).to_have_text("nonsense")


ODD = {"brackets": "(" * 500, "words": "x " * 500, "open": '"', "long": "x" * 10_000}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_or_huge_filter_is_answered(tab: Tab, name: str) -> None:
    tab.allow_refusal(422)
    tab.allow_refusal(414)
    tab.open("/events")
    apply(tab, ODD[name])
    expect(tab.page.get_by_role("alert").or_(chips(tab).first).first).to_be_visible()
    assert not tab.sticking_out()


def test_kinds_are_left_out_and_the_view_can_be_shared(
    panel: ServedPanel, new_tab: NewTab, serve: Serve
) -> None:
    address = serve("ev-kinds", "echo")
    ask(address, b"hello")
    tab = new_tab(panel).open("/events?filter=service:ev-kinds")
    expect(tab.events("data in")).to_have_count(1)
    tab.button("Data").click()
    expect(tab.events("data in")).to_have_count(0)
    expect(tab.events("opened")).to_have_count(1)
    tab.button("Service").click()
    expect(rows(tab)).to_have_count(2)
    assert asked(tab)["kinds"] == "connections,errors,log"

    # New ones that are left out do not come by the live link either.
    ask(address, b"again")
    expect(tab.events("closed")).to_have_count(2)
    expect(rows(tab)).to_have_count(4)

    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.button("Copy a link to this view").click()
    link = tab.page.evaluate("() => navigator.clipboard.readText()")
    other = new_tab(panel)
    other.page.goto(link)
    expect(rows(other)).to_have_count(4)
    expect(other.button("Data")).to_have_attribute("aria-pressed", "false")


def test_pause_counts_and_going_on_shows(tab: Tab, serve: Serve) -> None:
    address = serve("ev-pause", "greeting")
    tab.open("/events?filter=service:ev-pause kind:closed")
    ask(address, b"")
    expect(rows(tab)).to_have_count(1)
    tab.page.keyboard.press("Space")
    for _ in range(3):
        ask(address, b"")
    expect(tab.button("Go on, 3 new")).to_be_visible()
    expect(rows(tab)).to_have_count(1)
    tab.page.keyboard.press("Space")
    expect(rows(tab)).to_have_count(4)
    tab.button("Pause").click()
    ask(address, b"")
    tab.button("Go on, 1 new").click()
    expect(rows(tab)).to_have_count(5)


def test_scrolled_up_older_events_are_read_to_the_first(tab: Tab, serve: Serve) -> None:
    address = serve("ev-many", "greeting")
    for _ in range(200):
        ask(address, b"")
    tab.open("/events?filter=service:ev-many")
    expect(tab.events("closed").last).to_be_visible()
    scroll_until(tab, "top", tab.events("created"))
    expect(tab.page.locator(".tail-edge").first).to_have_text("The first that is kept")
    expect(tab.page.get_by_text(re.compile(r"^[6-9]\d\d events shown$"))).to_be_visible()
    assert rows(tab).count() < 120, "only what is in sight is drawn"

    # What happens meanwhile is counted; back at the bottom it is there, and is followed.
    ask(address, b"")
    expect(
        tab.page.get_by_role("button", name=re.compile(r"^Back to now, \d+ new$"))
    ).to_be_visible()
    following = tab.page.locator(".events-foot").get_by_text("following")
    scroll_until(tab, "bottom", following)
    tab.button("Pause").wait_for()
    expect(tab.events("closed").last).to_be_visible()


def test_a_moment_and_back_to_now(tab: Tab, serve: Serve) -> None:
    address = serve("ev-moment", "echo")
    ask(address, b"before")
    moment = datetime.now(UTC)
    for _ in range(2):
        ask(address, b"after")
    after = moment.isoformat().replace("+00:00", "Z")
    tab.open(f"/events?filter=service:ev-moment kind:data&at={quote(after)}")
    expect(tab.events("data in", "before")).to_have_count(1)
    expect(tab.events("data in", "after")).to_have_count(2)
    marked = tab.page.locator(".tail-row[data-moment]")
    expect(marked).to_have_count(1)
    expect(marked).to_contain_text("after")
    ask(address, b"now")
    back = tab.button("Back to now, 2 new")
    expect(back).to_be_visible()
    expect(tab.events("data in", "now")).to_have_count(0)
    back.click()
    expect(tab.events("data in", "now")).to_have_count(1)
    expect(marked).to_have_count(0)
    assert "at" not in asked(tab)

    # By the field for it: a moment before all of this.
    tab.button("Jump to").click()
    early = datetime.now(UTC) - timedelta(days=400)
    tab.page.get_by_label("Time, on this machine").fill(f"{early:%Y-%m-%dT%H:%M:%S}")
    tab.button("Go there").click()
    expect(tab.page.locator(".tail-edge").first).to_have_text("The first that is kept")
    expect(tab.events("data in", "before")).to_have_count(1)
    assert "at" in asked(tab)
    tab.page.keyboard.press("End")
    expect(tab.page.locator(".events-foot")).to_contain_text("following")
    assert "at" not in asked(tab)


def test_the_picked_event_and_the_keys(tab: Tab, serve: Serve) -> None:
    address = serve("ev-keys", "echo")
    ask(address, b"hello")
    tab.open("/events?filter=service:ev-keys")
    expect(tab.events("closed")).to_have_count(1)
    press = tab.page.keyboard.press
    tab.events("data in").focus()
    press("Enter")
    expect(detail(tab)).to_contain_text("data in")
    press("ArrowDown")
    expect(detail(tab)).to_contain_text("data out")
    press("End")
    expect(detail(tab)).to_contain_text("client_closed")
    press("Home")
    expect(detail(tab)).to_contain_text("created")
    press("Escape")
    expect(detail(tab)).to_have_count(0)
    expect(tab.events("created")).to_be_focused()

    tab.events("data in").click()
    tab.button("Only direction:in", within=detail(tab)).click()
    expect(rows(tab)).to_have_count(1)
    tab.button("Without kind:data", within=detail(tab)).click()
    expect(tab.page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    assert asked(tab)["filter"] == "service:ev-keys direction:in -kind:data"
    tab.button("Clear the filter").last.click()
    expect(rows(tab).first).to_be_visible()


def test_what_is_shown_is_exported(tab: Tab, serve: Serve) -> None:
    address = serve("ev-export", "echo")
    ask(address, b"=1+1")
    tab.open("/events?filter=service:ev-export kind:data")
    expect(rows(tab)).to_have_count(2)
    tab.button("Pause").click()
    ask(address, b"later")
    tab.button("Export").click()
    expect(tab.page.get_by_text("2 events, ")).to_be_visible()
    assert not tab.violations()
    lengths = {}
    for name in (
        "NDJSON, a line an event: what is shown",
        "NDJSON, a line an event: all that match",
    ):
        with tab.page.expect_download() as download:
            tab.page.get_by_role("link", name=name).click()
        lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
        events = [json.loads(line) for line in lines]
        assert {event["kind"] for event in events} == {"connection.data"}
        lengths[name] = [event["data"]["length"] for event in events]
        tab.button("Export").click()
    assert lengths["NDJSON, a line an event: what is shown"] == [4, 4]
    assert sorted(lengths["NDJSON, a line an event: all that match"]) == [4, 4, 5, 5]
    with tab.page.expect_download() as download:
        tab.page.get_by_role("link", name="CSV, for a spreadsheet: what is shown").click()
    assert download.value.suggested_filename.endswith(".csv")


@pytest.mark.parametrize("program", ["curl", "socketdeck"])
def test_the_same_by_a_command(tab: Tab, serve: Serve, program: str) -> None:
    address = serve(f"ev-{program}", "echo")
    ask(address, b"it's $(here)")
    tab.open(f"/events?filter=service:ev-{program} data:%22it's $(here)%22&kinds=data")
    expect(rows(tab)).to_have_count(2)
    tab.button("Pause").click()
    tab.button("Command").click()
    command = tab.page.get_by_label(f"the {program} command", exact=True).inner_text()
    assert not tab.violations()
    done = subprocess.run(
        ["sh", "-c", command.replace(".venv/bin/socketdeck", f"{sys.executable} -m app")],
        cwd=ROOT,
        env={**os.environ, "SOCKETDECK_TOKEN": TOKEN},
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert done.stdout.count("connection.data" if program == "curl" else "it's $(here)") == 2


def test_payloads_are_shown_and_not_run(tab: Tab, serve: Serve) -> None:
    address = serve("ev-payloads", "echo")
    for payload in SHOWN:
        ask(address, payload)
    tab.open("/events?filter=service:ev-payloads direction:in")
    for shown in SHOWN.values():
        row = tab.events("data in", shown)
        expect(row).to_have_count(1)
        row.click()
        expect(detail(tab).locator(".code")).to_contain_text(shown)
    nothing_ran(tab)
    # A filter is a text like any other.
    tab.open("/events?filter=%22<img src=x onerror=alert(1)>%22")
    expect(chips(tab)).to_have_count(1)
    assert tab.page.locator(".chips img").count() == 0


def test_what_cannot_be_read_says_so_and_is_read_again(tab: Tab, serve: Serve) -> None:
    address = serve("ev-failing", "greeting")
    ask(address, b"")
    tab.allow(r"ERR_FAILED")
    tab.page.route(re.compile(r"/api/v1/events\?"), lambda route: route.abort())
    tab.open("/events?filter=service:ev-failing")
    expect(tab.page.get_by_role("heading", name="The events could not be read")).to_be_visible()
    tab.page.unroute_all()
    tab.button("Try again").click()
    expect(tab.events("closed")).to_have_count(1)


def test_a_service_leads_to_all_of_its_events(tab: Tab, serve: Serve) -> None:
    address = serve("ev-service", "greeting")
    ask(address, b"")
    tab.open("/services/ev-service#events")
    tab.page.get_by_role("link", name="All of this in Events").click()
    expect(chips(tab)).to_have_text(re.compile("service:ev-service"))
    expect(tab.events("closed")).to_have_count(1)


def test_a_page_is_not_blank_without_its_script(
    panel: ServedPanel, new_tab: NewTab, serve: Serve
) -> None:
    ask(serve("ev-script", "greeting"), b"")
    tab = new_tab(panel, java_script_enabled=False)
    tab.page.goto(f"{panel.url}/events")
    expect(tab.page.get_by_role("heading", name="Events")).to_be_visible()
    expect(rows(tab).filter(has_text="ev-script").first).to_be_visible()

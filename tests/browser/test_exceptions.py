"""What handlers raise: one card for each failure, live, safe, and gone when it is forgotten."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.clients import ask
from tests.browser.conftest import NewTab, Serve
from tests.browser.tab import Tab
from tests.panels import Rest, ServedPanel

SHOP = '''
from socketserver import BaseRequestHandler

STOCK = {b"tea": 3}


class Shop(BaseRequestHandler):
    """Sells what it has."""

    def handle(self):
        wanted = self.request.recv(4096)
        if wanted.startswith(b"<"):
            raise ValueError(wanted.decode("latin-1"))
        if wanted.startswith(b"much"):
            raise OverflowError("<i>\\x1b[31m\\u202e" + "word \\n" * 200_000)
        try:
            left = STOCK[wanted]
        except KeyError as error:
            if wanted.startswith(b"no "):
                raise LookupError("nobody sells it") from error
            raise
        self.request.sendall(b"%d" % left)
'''

MARKUP = b"<img src=x onerror=\"document.title='run'\">\x1b[31m\x9b\xad"


@pytest.fixture
def shop(serve: Serve, write_handler: Callable[[str, str], Path]) -> str:
    """The address of a service with bugs, of which nothing was raised yet."""
    write_handler("raising_shop.py", SHOP)
    return serve("raising", "raising_shop:Shop")


def card(tab: Tab, text: str | re.Pattern[str]) -> Locator:
    """The cards with a text in their head."""
    heading = tab.page.locator("h2", has_text=text)
    return tab.page.get_by_role("article").filter(has=heading)


def test_many_connections_one_card_live(tab: Tab, shop: str) -> None:
    tab.open("/services/raising#exceptions")
    expect(tab.page.get_by_role("heading", name="No handler has raised")).to_be_visible()
    with tab.without_a_reload():
        for word in (b"rum", b"gin"):
            assert ask(shop, word) == b""
        one = card(tab, "KeyError")
        expect(one).to_have_count(1)
        expect(one.locator(".exc-count")).to_have_text("2 times")
        expect(one.locator(".exc-place")).to_contain_text("handlers/raising_shop.py, line")
        expect(one.locator(".exc-line")).to_contain_text("left = STOCK[wanted]")
        expect(one.locator(".exc-preview")).to_have_text("gin")
        expect(one.get_by_role("link", name="127.0.0.1:")).to_have_count(2)
        expect(tab.page.get_by_role("tab", name="Exceptions")).to_have_text(re.compile(r"1$"))
        assert ask(shop, b"no rum") == b""
        expect(card(tab, "LookupError")).to_contain_text("Came from")
        expect(tab.page.get_by_role("tab", name="Exceptions")).to_have_text(re.compile(r"2$"))


def test_the_count_is_on_the_tab_before_it_is_opened(tab: Tab, shop: str) -> None:
    assert ask(shop, b"rum") == b""
    tab.open("/services/raising")
    counted = tab.page.get_by_role("tab", name="Exceptions")
    expect(counted).to_have_text(re.compile(r"1$"))
    expect(counted.locator("[title='seen since it started']")).to_have_count(1)
    tab.page.get_by_role("link", name="Errors", exact=True).click()
    expect(counted).to_have_attribute("aria-selected", "true")
    expect(card(tab, "KeyError")).to_be_in_viewport()


def test_a_card_leads_to_its_connection_and_its_events(tab: Tab, shop: str, client: Rest) -> None:
    assert ask(shop, b"rum") == b""
    tab.open("/exceptions?service=raising")
    one = card(tab, "KeyError")
    (number,) = client.get("/exceptions?service=raising").json()["items"][0]["connections"]
    link = one.get_by_role("link", name=f"#{number}")
    expect(link).to_have_attribute("href", f"/connections/{number}")
    events = one.get_by_role("link", name=re.compile("^Events of raising"))
    expect(events).to_have_attribute("href", "/events?filter=service%3Araising%20kind%3Aerror")


def test_the_traceback_opens_and_is_copied(tab: Tab, shop: str) -> None:
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    assert ask(shop, b"no rum") == b""
    tab.open("/exceptions?service=raising")
    one = card(tab, "LookupError")
    expect(one.locator("pre.exc-trace")).to_have_count(0)
    one.locator("summary").click()
    trace = one.locator("pre.exc-trace")
    expect(trace).to_contain_text("The above exception was the direct cause")
    expect(trace.locator(".own").first).to_contain_text("raising_shop.py")
    tab.button("Copy the traceback", within=one).click()
    expect(tab.button("Copied", within=one)).to_be_visible()
    copied = tab.page.evaluate("() => navigator.clipboard.readText()")
    assert copied.endswith("LookupError: nobody sells it\n")


def test_the_bytes_are_shown_as_text_and_as_hex(tab: Tab, shop: str) -> None:
    assert ask(shop, b"no\xffthing\r\nat all") == b""
    tab.open("/exceptions?service=raising")
    one = card(tab, "KeyError")
    expect(one.locator(".exc-preview")).to_contain_text("CRLF")
    tab.button("Hex", within=one).click()
    expect(one.locator(".hexdump")).to_contain_text("6e 6f ff 74")
    tab.button("Hex", within=one).click()
    expect(one.locator(".hexdump")).to_have_count(0)


def test_hostile_texts_are_shown_and_not_run(tab: Tab, shop: str) -> None:
    for words in (MARKUP, b"much"):
        assert ask(shop, words) == b""
    tab.open("/exceptions?service=raising")
    markup = card(tab, "ValueError")
    expect(markup.locator("h2")).to_contain_text("<img src=x onerror=")
    expect(markup.locator("h2 .ctl").first).to_have_text("ESC")
    much = card(tab, "OverflowError")
    expect(much.locator("h2")).to_contain_text("<i>ESC[31mU+202E")
    box = much.bounding_box()
    assert box is not None
    assert box["height"] < 400
    much.locator("summary").click()
    expect(much.locator("pre.exc-trace")).to_contain_text("characters left out")
    assert tab.page.locator("#root img, #root h2 i").count() == 0
    assert "run" not in tab.page.title()
    assert tab.sticking_out() == []


def test_a_card_does_not_move_under_the_pointer(tab: Tab, shop: str) -> None:
    assert ask(shop, b"rum") == b""
    assert ask(shop, b"no rum") == b""
    tab.open("/exceptions?service=raising")
    heads = tab.page.locator(".exc-type")
    expect(heads).to_have_text(["LookupError", "KeyError"])
    card(tab, "LookupError").hover()
    assert ask(shop, b"gin") == b""
    expect(card(tab, "KeyError").locator(".exc-count")).to_have_text("2 times")
    expect(heads).to_have_text(["LookupError", "KeyError"])
    assert ask(shop, MARKUP) == b""
    expect(tab.button("1 new one")).to_be_visible()
    tab.page.mouse.move(5, 5)
    expect(heads).to_have_text(["ValueError", "KeyError", "LookupError"])


def test_forget_can_be_undone_and_else_is_for_good(tab: Tab, shop: str, client: Rest) -> None:
    assert ask(shop, b"rum") == b""
    tab.open("/exceptions?service=raising")
    for undo in (True, False):
        tab.button("Forget", within=card(tab, "KeyError")).click()
        expect(card(tab, "KeyError")).to_have_count(0)
        if undo:
            tab.button("Undo").click()
            expect(card(tab, "KeyError")).to_have_count(1)
            assert client.get("/exceptions?service=raising").json()["total"] == 1
        else:
            with tab.page.expect_response(lambda answer: answer.request.method == "DELETE"):
                tab.button("Dismiss").click()
    assert client.get("/exceptions?service=raising").json()["total"] == 0
    expect(tab.page.get_by_role("heading", name="No handler has raised")).to_be_visible()
    assert ask(shop, b"rum") == b""
    expect(card(tab, "KeyError").locator(".exc-count")).to_have_text("1 time")


def test_what_was_forgotten_is_so_where_the_page_is_left(tab: Tab, shop: str) -> None:
    assert ask(shop, b"rum") == b""
    tab.open("/exceptions?service=raising")
    tab.button("Forget", within=card(tab, "KeyError")).click()
    expect(card(tab, "KeyError")).to_have_count(0)
    tab.page.goto(f"{tab.origin}/handlers")
    forgotten = (
        "return (await (await fetch('/api/v1/exceptions?service=raising')).json()).total === 0"
    )
    tab.page.wait_for_function(f"async () => {{ {forgotten}; }}")


def test_search_and_order_stand_in_the_address_bar(tab: Tab, shop: str) -> None:
    for words in (b"rum", b"gin", b"no rum"):
        assert ask(shop, words) == b""
    tab.open("/exceptions?service=raising")
    tab.button("Count").click()
    expect(tab.page.locator(".exc-type")).to_have_text(["KeyError", "LookupError"])
    tab.page.get_by_label("Search the exceptions").fill("nobody")
    expect(tab.page.locator(".exc-type")).to_have_text(["LookupError"])
    expect(tab.page).to_have_url(re.compile(r"\?service=raising&q=nobody&sort=-count$"))
    tab.page.reload()
    tab.is_live()
    expect(tab.page.locator(".exc-type")).to_have_text(["LookupError"])
    tab.page.get_by_label("Search the exceptions").fill("no such thing")
    expect(tab.page.get_by_role("heading", name="Nothing like that")).to_be_visible()
    tab.button("Show all").click()
    expect(tab.page.locator(".exc-type")).to_have_count(2)
    tab.button("Show all services").click()
    expect(tab.page).to_have_url(re.compile(r"/exceptions\?sort=-count$"))


def test_a_panel_on_which_nothing_was_raised(fresh_panel: ServedPanel, new_tab: NewTab) -> None:
    tab = new_tab(fresh_panel).open("/exceptions")
    expect(tab.page.get_by_role("heading", name="No handler has raised")).to_be_visible()
    assert tab.violations() == []
    assert tab.sticking_out() == []


def test_axe_finds_nothing_with_all_of_it_open(tab: Tab, shop: str) -> None:
    for words in (b"rum", b"no rum", MARKUP):
        assert ask(shop, words) == b""
    tab.open("/exceptions?service=raising")
    for one in ("KeyError", "LookupError"):
        card(tab, one).locator("summary").click()
        tab.button("Hex", within=card(tab, one)).click()
    expect(tab.page.locator(".hexdump")).to_have_count(2)
    for width in (1280, 390):
        tab.page.set_viewport_size({"width": width, "height": 844})
        for theme in ("light", "dark"):
            tab.turn_theme(theme)
            assert tab.violations() == [], (width, theme)
            assert tab.sticking_out() == [], (width, theme)

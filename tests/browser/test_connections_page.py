"""Connections of all services: filtered and sorted by the server, live, closed by the many."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.clients import ask
from tests.browser.conftest import Serve
from tests.browser.tab import SCROLLED_TO_ROW, Tab
from tests.panels import Rest, connected

PATH = "/connections"


@contextlib.contextmanager
def visitors(address: str, count: int) -> Iterator[list[socket.socket]]:
    """So many clients of an echo service, accepted in this order."""
    with contextlib.ExitStack() as stack:
        clients = []
        for number in range(count):
            client = stack.enter_context(connected(address))
            client.sendall(b"x" * (number + 1))
            assert client.recv(1024)
            clients.append(client)
        yield clients


def port(client: socket.socket) -> str:
    """What is shown of a client."""
    return f"127.0.0.1:{client.getsockname()[1]}"


def asked(tab: Tab) -> dict[str, str]:
    """What the address bar asks for."""
    return {name: values[0] for name, values in parse_qs(urlsplit(tab.page.url).query).items()}


def away(tab: Tab) -> None:
    """Take the pointer off the table."""
    tab.page.mouse.move(0, 0)


def count(tab: Tab, text: str) -> None:
    expect(tab.page.locator(".said [role=status]")).to_have_text(text)


def select(tab: Tab, client: socket.socket, *, shift: bool = False) -> None:
    box = tab.row(port(client)).get_by_role("checkbox")
    box.click(modifiers=["Shift"] if shift else [])


def bar(tab: Tab) -> str:
    return tab.page.get_by_role("region", name="Selected connections").inner_text()


def test_they_come_and_go_of_all_services(tab: Tab, serve: Serve) -> None:
    first, second = serve("page-one", "echo"), serve("page-two", "echo")
    tab.open(PATH)
    with tab.without_a_reload(), visitors(first, 1) as (one,):
        with visitors(second, 1) as (two,):
            expect(tab.row(port(one))).to_contain_text("page-one")
            gone = tab.row(port(two))
            expect(gone).to_contain_text("page-two")
            one.sendall(b"abcd")
            assert one.recv(16) == b"abcd"
            expect(tab.row(port(one)).locator(".c-in")).to_have_text("5 B")
            expect(tab.row(port(one)).locator(".c-last")).to_contain_text("abcd")
        expect(gone).to_have_count(0)
        tab.button("All").click()
        expect(gone).to_contain_text("client closed")
        assert asked(tab) == {"state": "all"}


def test_a_page_is_drawn_before_its_script(tab: Tab, serve: Serve) -> None:
    address = serve("drawn", "echo")
    tab.page.route("**/static/js/pages/*", lambda route: route.abort())
    tab.allow("ERR_FAILED")
    with visitors(address, 2) as clients:
        tab.page.goto(f"{tab.origin}{PATH}?service=drawn")
        for client in clients:
            link = tab.page.get_by_role("link", name=port(client))
            expect(link).to_have_attribute("href", re.compile(r"^/connections/\d+$"))


def test_filters_and_orders_stand_in_the_address(tab: Tab, serve: Serve) -> None:
    address = serve("shared-view", "echo")
    with visitors(address, 3) as clients:
        tab.open(f"{PATH}?service=shared-view")
        rows = tab.row("127.0.0.1")
        expect(rows).to_have_count(3)
        expect(rows.first).to_contain_text(port(clients[-1]))

        tab.button("In").click()
        expect(rows.first).to_contain_text("3 B")
        tab.button("In").click()
        expect(rows.first).to_contain_text(port(clients[0]))
        assert asked(tab) == {"service": "shared-view", "sort": "bytes_in"}
        assert tab.page.locator("th.c-in").get_attribute("aria-sort") == "ascending"

        tab.page.get_by_label("Sort by").select_option("messages_out")
        assert asked(tab)["sort"] == "-messages_out"
        tab.page.go_back()
        expect(tab.page.locator("th.c-in")).to_have_attribute("aria-sort", "ascending")
        assert asked(tab)["sort"] == "bytes_in"

        # Typing changes the address in place: back leads past it.
        peer = tab.page.get_by_label("Peer: an address")
        peer.press_sequentially(port(clients[1]))
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text(port(clients[1]))
        count(tab, "1 connection")
        view = tab.page.url
        peer.fill("10.0.0.0/8")
        expect(tab.page.get_by_role("heading", name="Nothing matches")).to_be_visible()
        tab.button("Show all").click()
        tab.page.go_back()
        expect(peer).to_have_value("10.0.0.0/8")

        # What one sees is what another gets who is sent the address.
        tab.open(view.removeprefix(tab.origin))
        expect(peer).to_have_value(port(clients[1]))
        expect(rows).to_have_count(1)


def test_each_state_has_its_columns(tab: Tab, serve: Serve) -> None:
    address = serve("columns", "echo")
    with visitors(address, 1):
        pass
    with visitors(address, 1):
        tab.open(f"{PATH}?service=columns")
        heads = tab.page.locator("thead")
        expect(heads).to_contain_text("Idle")
        expect(heads).to_contain_text("RTT")
        expect(heads).not_to_contain_text("Reason")
        tab.button("Closed").first.click()
        expect(heads).to_contain_text("Reason")
        expect(heads).not_to_contain_text("RTT")
        assert asked(tab) == {"service": "columns", "state": "closed", "sort": "-closed_at"}
        expect(tab.page.get_by_label("Select connection")).to_have_count(0)
        tab.page.get_by_label("Reason", exact=True).select_option("killed")
        expect(tab.page.get_by_role("heading", name="Nothing matches")).to_be_visible()
        tab.button("All").click()
        assert asked(tab) == {"service": "columns", "state": "all", "reason": "killed"}


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("peer=bogus", "'bogus' is no peer"),
        ("sort=colour", "'colour' is no key to sort open connections by"),
        ("state=melted", "'open', 'closed' or 'all'"),
        ("reason=killed", "pen connections have none; ask with state=closed"),
        ("q=" + "x" * 300, "256"),
    ],
)
def test_an_address_that_makes_no_sense(tab: Tab, serve: Serve, query: str, sentence: str) -> None:
    address = serve("sensible", "echo")
    with visitors(address, 1):
        tab.open(f"{PATH}?{query}&service=sensible")
        notice = tab.page.get_by_role("alert")
        expect(notice).to_contain_text(sentence)
        tab.button("Start over", within=notice).click()
        expect(tab.row("sensible")).to_have_count(1)
        assert asked(tab) == {}


def test_what_is_typed_wrong_is_told(tab: Tab, serve: Serve) -> None:
    address = serve("typed", "echo")
    with visitors(address, 1) as (client,):
        tab.open(f"{PATH}?service=typed").allow_refusal(422)
        peer = tab.page.get_by_label("Peer: an address")
        peer.fill("127.0.0.")
        expect(tab.page.get_by_role("alert")).to_contain_text("'127.0.0.' is no peer")
        expect(peer).to_have_attribute("aria-invalid", "true")
        peer.fill("127.0.0.0/8")
        expect(tab.row(port(client))).to_have_count(1)
        expect(peer).not_to_have_attribute("aria-invalid", "true")


def test_nothing_moves_under_the_pointer(tab: Tab, serve: Serve) -> None:
    address = serve("held", "echo")
    with contextlib.ExitStack() as later, visitors(address, 3) as clients:
        tab.open(f"{PATH}?service=held")
        expect(tab.row("127.0.0.1")).to_have_count(3)
        tab.row(port(clients[1])).hover()
        newcomer = later.enter_context(connected(address))
        expect(tab.button("1 new")).to_be_visible()
        expect(tab.row(port(newcomer))).to_have_count(0)
        clients[2].close()
        expect(tab.row("client closed")).to_have_count(1)
        away(tab)
        expect(tab.row(port(newcomer))).to_have_count(1)
        expect(tab.row("client closed")).to_have_count(0)
        expect(tab.button("1 new")).to_have_count(0)


def test_a_long_list_comes_as_it_is_scrolled(tab: Tab, serve: Serve) -> None:
    address = serve("long-list", "greeting")
    for _ in range(450):
        ask(address, b"")
    tab.open(f"{PATH}?service=long-list&state=closed&sort=id")
    count(tab, "450 connections")
    tab.page.wait_for_function(SCROLLED_TO_ROW, arg=451)  # the heading is row 1
    assert tab.page.locator("tr[data-row]").count() < 80
    listed = tab.page.locator("tr[data-row]").evaluate_all(
        "rows => rows.map(row => Number(row.dataset.row))"
    )
    assert listed == sorted(listed)


def test_a_range_is_closed_at_once(tab: Tab, serve: Serve, client: Rest) -> None:
    address = serve("ranged", "echo")
    with visitors(address, 5) as five:
        tab.open(f"{PATH}?service=ranged")
        select(tab, five[3])
        select(tab, five[1], shift=True)
        assert "3 selected" in bar(tab)
        # Who selects is not disturbed, though the pointer is elsewhere.
        away(tab)
        with visitors(address, 1) as (sixth,):
            expect(tab.button("1 new")).to_be_visible()
            expect(tab.row(port(sixth))).to_have_count(0)
        # One that leaves by itself is selected no more.
        five[2].close()
        expect(tab.page.get_by_text("2 selected")).to_be_visible()
        tab.button("Close", within=tab.page.locator(".bulk")).click()
        question = tab.page.get_by_role("dialog", name="Close 2 connections?")
        expect(question).to_contain_text("ranged2 connections")
        tab.button("Cancel", within=question).click()
        expect(tab.page.get_by_text("2 selected")).to_be_visible()
        tab.button("Close", within=tab.page.locator(".bulk")).click()
        tab.button("Close 2", within=question).click()
        expect(tab.toast("Closed 2 connections")).to_be_visible()
        assert (five[1].recv(64), five[3].recv(64)) == (b"", b"")
        for unharmed in (five[0], five[4]):
            unharmed.sendall(b"still")
            assert unharmed.recv(64) == b"still"
        away(tab)
        expect(tab.row("127.0.0.1")).to_have_count(2)
    closed = client.get("/connections?service=ranged&state=closed&reason=killed").json()
    assert closed["total"] == 2


def test_all_that_match_are_reset(tab: Tab, serve: Serve, client: Rest) -> None:
    address, other = serve("matched", "echo"), serve("bystander", "echo")
    with visitors(address, 130) as many, visitors(other, 1) as (bystander,):
        tab.open(f"{PATH}?service=matched")
        tab.page.get_by_label("Select all that are listed").click()
        expect(tab.page.get_by_text("100 selected")).to_be_visible()
        tab.button("Select all 130 that match").click()
        expect(tab.page.get_by_text("All 130 that match")).to_be_visible()
        tab.button("Reset", within=tab.page.locator(".bulk")).click()
        question = tab.page.get_by_role("dialog", name="Reset 130 connections?")
        expect(question).to_contain_text("All open connections of matched")
        tab.button("Reset 130", within=question).click()
        expect(tab.toast("Reset 130 connections")).to_be_visible()
        for one in (many[0], many[-1]):
            with pytest.raises(ConnectionResetError):
                one.recv(64)
        bystander.sendall(b"unharmed")
        assert bystander.recv(64) == b"unharmed"


def test_at_a_pace_and_stopped(tab: Tab, serve: Serve, client: Rest) -> None:
    address = serve("paced", "echo")
    with visitors(address, 3) as clients:
        tab.open(f"{PATH}?service=paced&sort=id")
        tab.page.get_by_label("Select all that are listed").click()
        tab.page.get_by_label("Pace").select_option("paced")
        pace = tab.page.get_by_label("Connections a second")
        pace.fill("none")
        expect(tab.button("Close", within=tab.page.locator(".bulk"))).to_be_disabled()
        pace.fill("0.01")
        tab.button("Close", within=tab.page.locator(".bulk")).click()
        question = tab.page.get_by_role("dialog")
        expect(question).to_contain_text("0.01 a second, which takes about 5 m 00 s")
        tab.button("Close 3", within=question).click()
        assert clients[0].recv(64) == b""
        progress = tab.page.get_by_role("progressbar")
        expect(progress).to_have_attribute("value", "1")
        # It goes on without the page, and whoever comes back finds it.
        tab.open(f"{PATH}?service=paced")
        expect(progress).to_have_attribute("value", "1")
        tab.button("Stop", within=tab.page.locator(".bulk")).click()
        expect(tab.toast("Closed 1 connection")).to_contain_text("stopped with 2 to go")
        expect(progress).to_have_count(0)
        for unharmed in clients[1:]:
            unharmed.sendall(b"still")
            assert unharmed.recv(64) == b"still"


def test_by_keyboard(tab: Tab, serve: Serve) -> None:
    address = serve("keyed", "echo")
    with visitors(address, 4):
        tab.open(f"{PATH}?service=keyed")
        rows = tab.row("127.0.0.1")
        expect(rows).to_have_count(4)
        tab.page.keyboard.press("j")
        expect(rows.first).to_be_focused()
        tab.page.keyboard.press("Space")
        tab.page.keyboard.press("ArrowDown")
        tab.page.keyboard.press("ArrowDown")
        tab.page.keyboard.press("Shift+Space")
        expect(tab.page.get_by_text("3 selected")).to_be_visible()
        tab.page.keyboard.press("Escape")
        expect(tab.page.get_by_text("3 selected")).to_have_count(0)
        tab.page.keyboard.press("i")
        facts = tab.page.get_by_role("complementary", name="The picked connection")
        expect(facts).to_contain_text("2 B in 1 message")
        tab.page.keyboard.press("Escape")
        expect(facts).to_have_count(0)
        number = rows.nth(2).get_attribute("data-row")
        tab.page.keyboard.press("Enter")
        expect(tab.page).to_have_url(f"{tab.origin}/connections/{number}")


def test_a_row_opens_beside_and_as_a_page(tab: Tab, serve: Serve) -> None:
    address = serve("opened", "echo")
    with visitors(address, 1) as (client,):
        tab.open(f"{PATH}?service=opened")
        row = tab.row(port(client))
        row.locator(".c-in").click()
        facts = tab.page.get_by_role("complementary", name="The picked connection")
        expect(facts).to_contain_text(port(client))
        number = row.get_attribute("data-row")
        link = facts.get_by_role("link", name="Open")
        expect(link).to_have_attribute("href", f"/connections/{number}")
        row.get_by_role("link", name=port(client)).click()
        expect(tab.page).to_have_url(f"{tab.origin}/connections/{number}")


def test_on_a_phone(tab: Tab, serve: Serve) -> None:
    address = serve("in-the-hand", "echo")
    tab.page.set_viewport_size({"width": 390, "height": 844})
    with visitors(address, 2) as clients:
        tab.open(f"{PATH}?service=in-the-hand")
        row = tab.row(port(clients[0]))
        for part in (".c-peer", ".c-service", ".c-age", ".c-in", ".c-out"):
            expect(row.locator(part)).to_be_in_viewport()
        expect(row.locator(".c-rtt")).to_be_hidden()
        box = row.bounding_box()
        assert box is not None
        assert box["height"] == 58
        select(tab, clients[0])
        assert not tab.sticking_out()
        assert not tab.violations()
        tab.button("Clear").click()
        row.locator(".c-in").click()
        expect(tab.page).to_have_url(re.compile(r"/connections/\d+$"))


def test_a_service_keeps_its_view_in_the_address(tab: Tab, serve: Serve) -> None:
    address = serve("tabbed", "echo")
    with visitors(address, 2):
        pass
    tab.open("/services/tabbed?state=closed&sort=-bytes_in")
    rows = tab.row("127.0.0.1")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("2 B")
    tab.tab("Events")
    expect(tab.page).to_have_url(re.compile(r"\?state=closed&sort=-bytes_in#events$"))
    tab.tab("Connections")
    expect(rows).to_have_count(2)
    assert asked(tab) == {"state": "closed", "sort": "-bytes_in"}
    tab.open("/services/tabbed?peer=nowhere")
    expect(tab.page.get_by_role("alert")).to_contain_text("'nowhere' is no peer")


def test_what_others_send_is_shown_and_not_run(tab: Tab, serve: Serve) -> None:
    address = serve("hostile", "echo")
    with visitors(address, 1) as (client,):
        tab.open(f"{PATH}?service=hostile&q=<img src=x onerror=alert(1)>")
        expect(tab.page.get_by_role("heading", name="Nothing matches")).to_be_visible()
        tab.button("Show all").click()
        client.sendall(b"<img src=x onerror=alert(1)>\x1b[31m\x00\xe2\x80\xae")
        assert client.recv(64)
        row = tab.row(port(client))
        expect(row.locator(".c-last")).to_contain_text("<img src=x")
        assert row.locator("img").count() == 0


def test_it_goes_on_when_the_link_is_back(tab: Tab, serve: Serve) -> None:
    address = serve("relinked", "echo")
    tab.open(f"{PATH}?service=relinked").allow(
        "WebSocket connection to .* failed|ERR_INTERNET_DISCONNECTED"
    )
    with tab.without_a_reload():
        tab.context.set_offline(True)
        with visitors(address, 1) as (client,):
            tab.context.set_offline(False)
            tab.is_live()
            expect(tab.row(port(client))).to_have_count(1)

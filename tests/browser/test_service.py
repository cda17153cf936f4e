"""The page of a service: start and stop, try it, its connections, its settings, its end."""

from __future__ import annotations

import contextlib
import re

import pytest
from playwright.sync_api import expect

from tests.browser.clients import ask
from tests.browser.conftest import Serve
from tests.browser.tab import SCROLLED_TO_ROW, Tab
from tests.panels import Rest, connected


def state(tab: Tab, word: str) -> None:
    """The head says how the service stands."""
    expect(tab.page.locator(".service-head").get_by_role("status")).to_contain_text(word)


def test_stop_names_whom_it_hits_and_start_brings_it_back(tab: Tab, serve: Serve) -> None:
    address = serve("stoppable", "echo", drain_timeout=0)
    tab.open("/services/stoppable")
    with tab.without_a_reload(), connected(address) as one, connected(address) as other:
        expect(tab.figure("Open connections")).to_have_text("2")
        tab.button("Stop").click()
        question = tab.page.get_by_role("dialog", name="Stop stoppable?")
        expect(question).to_contain_text("It has 2 open connections, closed at once.")
        tab.button("Cancel", within=question).click()
        expect(question).to_have_count(0)
        one.sendall(b"still there")
        assert one.recv(64) == b"still there"

        tab.button("Stop").click()
        tab.button("Stop stoppable", within=question).click()
        state(tab, "stopped")
        assert (one.recv(64), other.recv(64)) == (b"", b"")
        expect(tab.figure("Open connections")).to_have_text("0")

        tab.button("Start again", within=tab.toast("Stopped stoppable")).click()
        state(tab, "running")
        tab.button("Restart").click()
        expect(tab.toast("Restarted stoppable")).to_be_visible()

    tab.tab("Events")
    expect(tab.events("closed", "service stopped")).to_have_count(2)
    expect(tab.events("state", "running")).to_have_count(3)


def test_try_it_as_text_and_as_hex(tab: Tab, serve: Serve) -> None:
    serve("tried", "echo")
    serve("silent", "discard")
    tab.open("/services/tried")
    tab.tab("Try it")
    talks = tab.page.get_by_role("article")
    send = tab.button("Send")

    tab.page.get_by_label("Send", exact=True).fill("hello")
    tab.button("CR LF").click()
    expect(tab.page.get_by_text("7 bytes", exact=True)).to_be_visible()
    send.click()
    expect(talks).to_have_count(1)
    expect(talks.first).to_contain_text("answered after")
    expect(talks.first.locator(".wire").filter(has_text="got")).to_contain_text("hello")

    # What was typed stays the same bytes.
    tab.button("Hex").click()
    expect(tab.page.get_by_label("Send", exact=True)).to_have_value("68 65 6c 6c 6f 0d 0a")
    tab.button("Text").click()
    expect(tab.page.get_by_label("Send", exact=True)).to_have_value("hello")
    tab.button("Hex").click()
    tab.page.get_by_label("Send", exact=True).fill("00 ff zz")
    expect(tab.page.get_by_role("alert")).to_contain_text("no hexadecimal digit")
    expect(send).to_be_disabled()
    tab.page.get_by_label("Send", exact=True).fill("00 ff 0x10, 7f")
    send.click()
    expect(talks).to_have_count(2)
    expect(talks.first.locator(".wire").filter(has_text="got")).to_contain_text("00 ff 10 7f")

    # A real connection each: among the events like any other.
    tab.tab("Events")
    expect(tab.events("opened")).to_have_count(2)
    expect(tab.events("data in", "hello")).to_have_count(1)

    tab.open("/services/silent#try")
    tab.page.get_by_label("Wait up to").fill("0.2")
    send.click()
    expect(talks).to_contain_text("nothing came back")


def test_connections_open_closed_all_and_closing_one(tab: Tab, serve: Serve) -> None:
    address = serve("watched", "echo")
    tab.open("/services/watched")
    with tab.without_a_reload(), contextlib.ExitStack() as clients:
        first, second = (clients.enter_context(connected(address)) for _ in range(2))
        expect(tab.row("127.0.0.1:")).to_have_count(2)
        mine = tab.row(f"127.0.0.1:{second.getsockname()[1]}")
        expect(mine).to_have_count(1)

        tab.button(re.compile("^Close connection"), within=mine).click()
        question = tab.page.get_by_role("dialog")
        expect(question).to_contain_text(f"127.0.0.1:{second.getsockname()[1]}, to watched")
        tab.button("Close (FIN)", within=question).click()
        assert second.recv(64) == b""
        # Under the pointer its row stays where it is, and says how it ended.
        expect(mine).to_contain_text("killed")
        tab.page.mouse.move(0, 0)
        expect(tab.row("127.0.0.1:")).to_have_count(1)
        expect(mine).to_have_count(0)

        show = tab.page.get_by_role("group", name="Show")
        tab.button("Closed", within=show).click()
        expect(mine).to_contain_text("killed")
        expect(tab.row("127.0.0.1")).to_have_count(1)
        tab.button("All", within=show).click()
        expect(tab.row("127.0.0.1")).to_have_count(2)

        mine.click()
        facts = tab.page.get_by_role("complementary", name="The picked connection")
        expect(facts).to_contain_text("killed")
        tab.button("Its events", within=facts).click()
        expect(tab.events("closed", "killed")).to_have_count(1)
        expect(tab.events("opened")).to_have_count(1)

        first.sendall(b"unharmed")
        assert first.recv(64) == b"unharmed"
        tab.tab("Connections")
        tab.button(re.compile("^Open"), within=show).click()
        tab.button(re.compile("^Close connection"), within=tab.row("127.0.0.1:")).click()
        tab.button("Reset (RST)").click()
        expect(tab.toast("Reset #")).to_be_visible()
        with pytest.raises(ConnectionResetError):
            first.recv(64)


def test_newest_events_are_in_sight_without_scrolling_the_page(tab: Tab, serve: Serve) -> None:
    address = serve("long-tail", "greeting")
    tab.open("/services/long-tail#events")
    for _ in range(20):
        ask(address, b"")
    # Created and started are three; each client is opened, logged, answered and closed.
    expect(tab.page.locator(".tail-row[data-row='82']")).to_be_in_viewport(ratio=1)
    assert tab.page.evaluate("() => document.documentElement.scrollHeight <= innerHeight")


def test_a_long_table_is_a_window_on_its_rows(tab: Tab, serve: Serve) -> None:
    address = serve("crowded", "echo")
    table = tab.page.locator(".table-wrap")
    rows = tab.page.locator("table.conns tr[data-row]")
    with contextlib.ExitStack() as clients:
        peers = [clients.enter_context(connected(address)) for _ in range(600)]
        for peer in peers:  # an answer, so that each has been accepted
            peer.sendall(b"x")
            assert peer.recv(1) == b"x"
        tab.open("/services/crowded")
        expect(tab.page.locator(".lanes .count")).to_contain_text("no room for")
        first = tab.row(f"127.0.0.1:{peers[0].getsockname()[1]}")
        expect(first).to_have_count(0)
        table.evaluate("list => list.scrollIntoView({block: 'end'})")
        expect(tab.page.get_by_text("600 connections", exact=True)).to_be_visible()
        # Who looks at the end of what has come gets the next page, and the next.
        tab.page.wait_for_function(SCROLLED_TO_ROW, arg=601)  # the heading is row 1
        expect(first).to_be_in_viewport()
        assert rows.count() < 60
        # In another order it begins at its beginning.
        tab.button("Id").click()
        expect(rows.first).to_contain_text(f":{peers[0].getsockname()[1]}")


def test_closed_connections_go_on_under_the_pointer(tab: Tab, serve: Serve) -> None:
    address = serve("visited", "greeting")
    for _ in range(620):
        ask(address, b"")
    tab.open("/services/visited")
    tab.button("Closed").click()
    expect(tab.page.get_by_text("620 connections", exact=True)).to_be_visible()
    tab.page.locator(".table-wrap").hover()
    tab.page.mouse.wheel(0, 90 * 32)
    expect(tab.page.locator("tr[aria-rowindex='105']")).to_be_attached()
    # New ones wait, though they are counted: nothing moves, and nothing does when the pointer goes.
    above = "() => document.querySelector('.table-wrap').scrollTop"
    before = tab.page.evaluate(above)
    ask(address, b"")
    waiting = tab.button("1 new")
    expect(waiting).to_be_visible()
    expect(tab.page.get_by_text("621 connections", exact=True)).to_be_visible()
    tab.page.mouse.move(0, 0)
    expect(waiting).to_be_visible()
    assert tab.page.evaluate(above) == before > 0
    waiting.click()
    expect(waiting).to_have_count(0)
    assert tab.page.evaluate(above) == 0


def test_datagrams_are_flows(tab: Tab, serve: Serve) -> None:
    address = serve("flows", "echo", address="udp://127.0.0.1:0")
    tab.open("/services/flows")
    with tab.without_a_reload(), connected(address) as client:
        for datagram in (b"one", b"", b"three"):
            client.send(datagram)
            assert client.recv(64) == datagram
        row = tab.row("127.0.0.1")
        expect(row.locator(".c-in")).to_have_text("8 B")
        expect(tab.figure("Open flows")).to_have_text("1")
        row.click()
        facts = tab.page.get_by_role("complementary", name="The picked flow")
        expect(facts).to_contain_text("in 3 messages")


def test_edited_settings_wait_for_a_restart(tab: Tab, serve: Serve, client: Rest) -> None:
    address = serve("edited", "greeting", options={"message": "before"})
    tab.open("/services/edited")
    tab.tab("Settings")
    message = tab.field("/options/message").get_by_role("textbox")
    expect(message).to_have_value("before")
    expect(tab.button("Save")).to_be_disabled()
    saving = tab.page.get_by_text("It goes on as it is until restarted.")
    tab.page.get_by_text("Life", exact=True).click()
    drain = tab.field("/drain_timeout").get_by_role("textbox")
    before = drain.input_value()
    drain.fill("-1")
    expect(tab.page.get_by_text("Not saved yet.")).to_be_visible()  # it would act at once
    expect(tab.page.get_by_text("drains -1 s")).to_have_count(0)
    drain.fill(before)
    message.fill("after")
    expect(saving).to_be_visible()
    tab.button("Save").click()
    expect(tab.toast("Saved edited")).to_contain_text("A restart applies what changed.")
    notice = tab.page.get_by_role("status").filter(has_text="changed since it started")
    expect(notice).to_contain_text(re.compile("options", re.IGNORECASE))
    assert ask(address, b"") == b"before"

    tab.button("Restart now", within=notice).click()
    expect(notice).to_have_count(0)
    assert ask(client.service("edited")["status"]["address"], b"") == b"after"


def test_an_edit_that_is_refused(tab: Tab, serve: Serve, client: Rest) -> None:
    serve("shared", "echo")
    tab.open("/services/shared")
    tab.tab("Settings")
    tab.page.get_by_text("Description and labels").click()
    description = tab.field("/description").get_by_role("textbox")
    description.fill("mine")
    client.patch("/services/shared", json={"description": "theirs"})

    tab.allow_refusal(412)
    tab.button("Save").click()
    notice = tab.page.get_by_role("alert").filter(has_text="Somebody else has saved")
    expect(notice).to_be_visible()
    expect(description).to_have_value("mine")
    tab.button("Load theirs", within=notice).click()
    expect(notice).to_have_count(0)
    tab.page.get_by_text("Description and labels").click()
    expect(description).to_have_value("theirs")

    tab.allow_refusal(422)
    port = tab.field("/address/port")
    port.get_by_role("textbox").fill("70000")
    tab.button("Save").click()
    expect(port.get_by_role("alert")).to_contain_text("too large")
    assert client.service("shared")["address"] == "tcp://127.0.0.1:0"


def test_delete_asks_and_can_be_undone(tab: Tab, serve: Serve, client: Rest) -> None:
    address = serve("doomed", "echo", description="not for long")
    tab.open("/services/doomed")
    tab.tab("Settings")
    with connected(address):
        expect(tab.figure("Open connections")).to_have_text("1")
        tab.button("Delete").click()
        question = tab.page.get_by_role("dialog", name="Delete doomed?")
        expect(question).to_contain_text("1 open connection")
        tab.button("Cancel", within=question).click()
    expect(tab.figure("Open connections")).to_have_text("0")
    tab.button("Delete").click()
    tab.button("Delete doomed", within=question).click()
    expect(tab.page).to_have_url(f"{tab.origin}/")
    expect(tab.row("doomed")).to_have_count(0)
    assert client.get("/services/doomed").status_code == 404

    tab.button("Undo", within=tab.toast("Deleted doomed")).click()
    expect(tab.row("doomed")).to_contain_text("running")
    assert client.service("doomed")["description"] == "not for long"

    tab.open("/services/doomed")
    client.delete("/services/doomed")
    expect(tab.page.get_by_role("heading", name="doomed was deleted")).to_be_visible()


def test_handle_one_request(tab: Tab, serve: Serve, client: Rest) -> None:
    address = serve("once", "greeting")
    client.post("/services/once/stop")
    client.patch("/services/once", json={"address": address})
    tab.open("/services/once")
    tab.button("Handle one request").click()
    state(tab, "running")
    assert ask(address, b"").startswith(b"Thank you")
    expect(tab.toast("once handled one request")).to_be_visible()
    state(tab, "stopped")

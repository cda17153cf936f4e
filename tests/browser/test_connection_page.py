"""The page of a connection: the conversation, its views and search, facts, stack, send, its end."""

from __future__ import annotations

import json
import re
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Serve
from tests.browser.tab import Tab
from tests.browser.test_every_page import look
from tests.panels import LiveClient, Rest, ServedPanel, connected

ODD = b"<img src=x onerror=\"document.title='run'\">\x1b[31m \xe2\x80\xaeevil\x00 caf\xc3"

STANDS = '''
import threading
from socketserver import BaseRequestHandler

go_on = threading.Event()


class Stands(BaseRequestHandler):
    """Waits where its stack can be seen."""

    def handle(self):
        if self.request.recv(64) == b"raise":
            raise KeyError("<b>no such thing</b>")
        self.stand_here()

    def stand_here(self):
        self.request.sendall(b"standing")
        self.request.recv(64)  # here it stands
'''


def number_of(client: Rest, service: str) -> int:
    """Of the one that is open, once it was accepted."""
    with client.follow(service=service, after=0) as events:
        events.until_kind("connection.opened")
    (found,) = client.get("/connections", params={"service": service}).json()["items"]
    number: int = found["id"]
    return number


def messages(tab: Tab, way: str = "") -> Locator:
    return tab.page.locator(f".talk-list article{'.' + way if way else ''}")


def row(tab: Tab, text: str) -> Locator:
    """Rows of messages that are just this."""
    return tab.page.locator(".msg-row", has_text=re.compile(f"^{re.escape(text)}$"))


def view(tab: Tab, name: str) -> None:
    tab.button(name, within=tab.page.get_by_role("group", name="Messages as")).click()


def fact(tab: Tab, name: str) -> Locator:
    return tab.page.locator(f".facts dt:text-is('{name}') + dd")


def said(peer: socket.socket, words: bytes) -> None:
    """Say something to an echo service and have it back."""
    peer.sendall(words)
    received = b""
    while len(received) < len(words):
        received += peer.recv(1 << 20)


@pytest.fixture
def open_page(tab: Tab, client: Rest) -> Callable[[str], int]:
    def go(service: str) -> int:
        number = number_of(client, service)
        tab.open(f"/connections/{number}")
        return number

    return go


def test_a_conversation_as_it_was_and_as_it_goes_on(
    tab: Tab, serve: Serve, open_page: Callable[[str], int]
) -> None:
    with connected(serve("goes-on")) as peer:
        said(peer, b"before\r\n")
        number = open_page("goes-on")
        expect(tab.page.get_by_role("heading", level=1)).to_contain_text(f"#{number}")
        expect(messages(tab, "in")).to_have_text(re.compile(r"in.*before.*8 B"))
        expect(messages(tab, "out")).to_have_text(re.compile(r"out.*before.*8 B"))
        with tab.without_a_reload():
            said(peer, b"after")
            expect(messages(tab)).to_have_count(4)
            expect(messages(tab, "out").last).to_contain_text("after")
        # Direction is told by side, arrow and word.
        into, out = (messages(tab, way).last.locator(".msg-body") for way in ("in", "out"))
        left, right = into.bounding_box(), out.bounding_box()
        assert left is not None
        assert right is not None
        assert left["x"] < right["x"]
        assert left["x"] + left["width"] < right["x"] + right["width"]
        for way in ("in", "out"):
            head = messages(tab, way).last.locator(".msg-head")
            expect(head).to_contain_text(way)
            expect(head.locator(f'use[href="#i-{way}"]')).to_have_count(1)


def test_views(tab: Tab, serve: Serve, open_page: Callable[[str], int]) -> None:
    with connected(serve("views")) as peer:
        said(peer, b'{"n": 12345678901234567890, "deep": {"list": [1, {"x": 2}]}}\n')
        said(peer, b"one\r\ntwo\t2\n")
        said(peer, struct.pack("!IHB", 1, 0x8001, 7) + b"abc")
        open_page("views")
        into = messages(tab, "in")
        expect(into).to_have_count(3)
        rows = into.nth(0).locator(".msg-row")
        expect(rows).to_have_text(
            [
                "{",
                '"n": 12345678901234567890,',
                '"deep": {',
                '"list": [',
                "1,",
                '{"x": 2}',
                "]",
                "}",
                "}",
            ]
        )
        expect(into.nth(1).locator(".msg-row")).to_have_text(["one", "two\t2"])
        expect(into.nth(2)).to_contain_text("00 00 00 01 80 01 07 61  62 63")
        expect(into.nth(2)).to_contain_text("·······abc")

        view(tab, "Hex")
        expect(into.nth(1)).to_contain_text("6f 6e 65 0d 0a")
        expect(into.nth(0).locator(".msg-row").nth(1)).to_contain_text("0010")
        view(tab, "Lines")
        expect(into.nth(1).locator(".msg-row")).to_have_text(["1oneCRLF", "2twoTAB2LF"])
        view(tab, "Text")
        expect(into.nth(0).locator(".msg-row").first).to_contain_text('{"n": 123')
        expect(into.nth(2)).to_contain_text("NULNULNULSOH80")
        # It is kept for the next one.
        tab.page.reload()
        expect(into.nth(2)).to_contain_text("NULNULNULSOH80")


def test_what_is_odd_is_shown_and_not_run(
    tab: Tab, serve: Serve, open_page: Callable[[str], int]
) -> None:
    with connected(serve("odd-talk")) as peer:
        said(peer, ODD)
        open_page("odd-talk")
        for name, seen in {
            "Auto": "<img src=x onerror=",
            "Text": "ESC[31m U+202EevilNUL cafC3",
            "Lines": "ESC[31m U+202EevilNUL cafC3",
            "Hex": "3c 69 6d 67 20 73 72 63  3d 78",
        }.items():
            view(tab, name)
            expect(messages(tab, "in")).to_contain_text(seen)
        assert "run" not in tab.page.title()
        assert tab.page.locator("#root img, #root script").count() == 0


def test_what_was_not_captured_says_so(
    tab: Tab, serve: Serve, client: Rest, open_page: Callable[[str], int]
) -> None:
    address = serve("prefix", capture={"level": "payload", "bytes": 256})
    with connected(address) as peer:
        said(peer, b"x" * 16_384)
        open_page("prefix")
        expect(messages(tab, "in").first).to_contain_text("captured 256 of 16,384 B")
    with connected(serve("counted", capture={"level": "counters", "bytes": 256})) as peer:
        said(peer, b"hidden")
        number = open_page("counted")
        expect(tab.page.get_by_text("Only counts are captured")).to_be_visible()
        expect(tab.page.get_by_text("6 B came in and 6 B went out")).to_be_visible()
        tab.button("Capture payloads").click()
        expect(tab.page.get_by_text("Only counts are captured")).to_have_count(0)
        assert client.get("/services/counted").json()["capture"]["level"] == "payload"
        said(peer, b"seen")  # into a recv that began before, and may not look yet
        said(peer, b"seen")
        expect(messages(tab, "in").last).to_contain_text("seen")
        assert number == number_of(client, "counted")


def test_search_counts_and_steps_through_hits(
    tab: Tab, serve: Serve, open_page: Callable[[str], int]
) -> None:
    with connected(serve("searched")) as peer:
        for number in range(30):
            said(peer, b"line %d\r\n" % number + (b"a Needle\r\n" if number in (3, 20) else b""))
        open_page("searched")
        expect(messages(tab).last).to_contain_text("line 29")
        tab.page.keyboard.press("/")
        field = tab.page.get_by_label("Search in the conversation")
        expect(field).to_be_focused()
        field.press_sequentially("needle")
        status = tab.page.get_by_role("search").get_by_role("status")
        expect(status).to_have_text("4 hits")
        current = tab.page.locator("mark.current")
        seen = []
        for key in ("Enter", "Enter", "Enter", "Enter", "Shift+Enter"):
            field.press(key)
            expect(current).to_have_count(1)
            expect(current).to_be_in_viewport()
            seen.append(re.sub(r"\D", "", (status.text_content() or "").split(" of ")[0]))
        assert sorted(seen[:4]) == ["1", "2", "3", "4"]
        assert seen[4] == seen[2]

        # What comes while it stands is searched too.
        said(peer, b"one more needle")
        expect(status).to_contain_text("of 6")
        field.fill("nowhere")
        expect(status).to_have_text("not found")
        tab.button("Search for hex bytes").click()
        field.fill("65 0g")
        expect(status).to_contain_text("no hexadecimal digit")
        field.fill("4e 65")
        expect(status).to_have_text("4 hits")
        field.press("Escape")
        expect(field).to_have_value("")


def test_pause_counts_and_follow_goes_to_the_end(
    tab: Tab, serve: Serve, open_page: Callable[[str], int]
) -> None:
    with connected(serve("paused")) as peer:
        for number in range(60):
            said(peer, b"early %d" % number)
        open_page("paused")
        follow = tab.button("Follow")
        expect(follow).to_have_attribute("aria-pressed", "true")
        expect(messages(tab).last).to_contain_text("early 59")
        expect(messages(tab).last).to_be_in_viewport()

        tab.page.keyboard.press("Space")
        said(peer, b"unseen")
        said(peer, b"unseen")
        expect(tab.button("Go on, 4 new")).to_be_visible()
        expect(messages(tab).last).to_contain_text("early 59")
        tab.page.keyboard.press("Space")
        expect(messages(tab).last).to_contain_text("unseen")

        # Whoever scrolls up stays there.
        tab.page.get_by_role("log").hover()
        tab.page.mouse.wheel(0, -900)
        expect(follow).to_have_attribute("aria-pressed", "false")
        top = messages(tab).first.get_attribute("aria-label")
        said(peer, b"later")
        expect(tab.button("2 new messages")).to_be_visible()
        assert messages(tab).first.get_attribute("aria-label") == top
        tab.page.keyboard.press("f")
        expect(messages(tab).last).to_contain_text("later")
        expect(messages(tab).last).to_be_in_viewport()
        expect(follow).to_have_attribute("aria-pressed", "true")


def test_a_long_conversation_is_a_window_that_reads_back_to_its_beginning(
    tab: Tab, serve: Serve, client: Rest, open_page: Callable[[str], int]
) -> None:
    with connected(serve("long")) as peer:
        for number in range(700):
            said(peer, b"message %d" % number)
            if number % 50 == 0:  # what is not read for long is folded
                client.get("/events", params={"limit": 1})
        open_page("long")
        expect(messages(tab).last).to_contain_text("message 699")
        log = tab.page.get_by_role("log")
        log.hover()
        for _ in range(60):
            if row(tab, "message 0").count():
                break
            tab.page.mouse.wheel(0, -20_000)
            tab.settle()
        expect(row(tab, "message 0")).to_have_count(2)
        assert messages(tab).count() < 100, "only what is in sight is drawn"
        log.focus()
        tab.page.keyboard.press("End")
        expect(messages(tab).last).to_contain_text("message 699")
        tab.page.keyboard.press("Home")
        expect(row(tab, "message 0")).to_have_count(2)


def test_eight_mebibytes_on_one_line(
    tab: Tab, serve: Serve, open_page: Callable[[str], int]
) -> None:
    address = serve("one-line", "discard", capture={"level": "payload", "bytes": 0})
    with connected(address) as peer:
        peer.sendall(b"0123456789abcdef" * (8 << 16))
        number = open_page("one-line")
        expect(fact(tab, "In")).to_contain_text("8,388,608 B")
        expect(messages(tab).last).to_contain_text("89abcdef0123")
        assert tab.page.locator(".msg-row").count() < 300
        view(tab, "Hex")
        expect(messages(tab).last).to_contain_text("30 31 32 33")
        held = tab.page.evaluate("() => document.querySelector('#root').textContent.length")
        assert held < 100_000, "what is out of sight is not in the page"
        assert tab.page.url.endswith(f"/connections/{number}")


def test_send_text_and_hex(
    tab: Tab, serve: Serve, client: Rest, open_page: Callable[[str], int]
) -> None:
    with connected(serve("sent-into", "discard")) as peer:
        peer.sendall(b"x")
        number = open_page("sent-into")
        expect(messages(tab)).to_have_count(1)
        tab.page.keyboard.press("s")
        field = tab.page.get_by_label("Send to the peer")
        expect(field).to_be_focused()
        tab.button("CR LF").click()
        field.fill("hello")
        field.press("Enter")
        assert peer.recv(64) == b"hello\r\n"
        expect(messages(tab, "injected")).to_contain_text("hello")
        expect(messages(tab, "injected")).to_contain_text("sent from here")
        expect(field).to_have_value("")

        form = tab.page.get_by_role("form", name="Send into the connection")
        tab.button("Hex", within=form).click()
        field.fill("00 zz")
        expect(form.get_by_role("alert")).to_contain_text("no hexadecimal digit")
        expect(tab.button("Send", within=form)).to_be_disabled()
        field.fill("00 ff")
        tab.button("Send", within=form).click()
        assert peer.recv(64) == b"\x00\xff"
        tab.page.reload()
        expect(messages(tab, "injected")).to_have_count(2)
        listed = client.get(f"/connections/{number}/messages").json()["items"]
        assert [item["injected"] for item in listed] == [False, True, True]


def test_close_and_reset_name_what_they_hit(
    tab: Tab, serve: Serve, open_page: Callable[[str], int]
) -> None:
    address = serve("ended")
    for act, how in (("Close", "Close"), ("Reset", "Reset")):
        with connected(address) as peer:
            said(peer, b"hello")
            number = open_page("ended")
            with tab.without_a_reload():
                tab.button(act).click()
                title = f"{how} connection #{number}?"
                question = tab.page.get_by_role("dialog", name=title)
                expect(question).to_contain_text(f"127.0.0.1:{peer.getsockname()[1]} to ended")
                expect(question).to_contain_text("2 messages and 10 B so far")
                tab.button("Cancel", within=question).click()
                said(peer, b"still there")
                tab.button(act).click()
                tab.button(f"{how} connection #{number}", within=question).click()
                if act == "Reset":
                    with pytest.raises(ConnectionResetError):
                        peer.recv(64)
                else:
                    assert peer.recv(64) == b""
                # Its page says so, the controls go, what was said stays.
                expect(tab.page.locator(".connection-head").get_by_role("status")).to_have_text(
                    "killed"
                )
                expect(tab.page.get_by_text("It ended while you were looking")).to_be_visible()
                expect(tab.button("Close")).to_have_count(0)
                expect(tab.button("Reset")).to_have_count(0)
                expect(tab.page.get_by_label("Send to the peer")).to_have_count(0)
                expect(messages(tab).filter(has_text="still there")).to_have_count(2)


def test_a_peer_that_hangs_up_while_its_page_is_open(
    tab: Tab, serve: Serve, open_page: Callable[[str], int]
) -> None:
    with connected(serve("hangs-up")) as peer:
        said(peer, b"bye")
        open_page("hangs-up")
        expect(tab.button("Close")).to_be_visible()
    expect(tab.page.locator(".talk-ended")).to_contain_text("client closed")
    expect(tab.button("Close")).to_have_count(0)
    expect(messages(tab)).to_have_count(2)


def test_the_stack_and_the_exception_of_a_handler(
    tab: Tab,
    serve: Serve,
    open_page: Callable[[str], int],
    write_handler: Callable[[str, str], Path],
) -> None:
    write_handler("stands.py", STANDS)
    address = serve("stands", "stands:Stands")
    with connected(address) as peer:
        peer.sendall(b"stand")
        assert peer.recv(64) == b"standing"
        open_page("stands")
        card = tab.page.get_by_role("region", name="Python stack now")
        tab.button("Look", within=card).click()
        frames = card.get_by_role("listitem")
        expect(frames.first).to_contain_text("stands.py:")
        here = card.locator('[aria-current="location"]')
        expect(here).to_have_count(1)
        expect(card).to_contain_text("stand_here")
        expect(card).to_contain_text("# here it stands")
        expect(card).to_contain_text("The handler runs")
        card.get_by_label("every second").check()
        peer.sendall(b"go on")
        expect(card).to_contain_text("It has ended")
    with connected(address) as peer:
        peer.sendall(b"raise")
        assert peer.recv(64) == b""
    tab.page.reload()
    tab.page.get_by_label("Next connection").click()
    notice = tab.page.locator(".notice.bad")
    expect(notice).to_contain_text("Its handler raised KeyError")
    expect(notice).to_contain_text("<b>no such thing</b>")
    notice.locator("summary").click()
    expect(notice.locator("pre")).to_contain_text("raise KeyError")
    expect(tab.page.locator(".talk-mark.bad")).to_contain_text("KeyError")
    assert tab.page.locator("#root b").count() == 0


def test_who_is_at_the_other_end_of_a_unix_socket(
    tab: Tab, serve: Serve, client: Rest, open_page: Callable[[str], int], tmp_path: Path
) -> None:
    with connected(serve("unix-peer", address=f"unix://{tmp_path}/peer.sock")) as peer:
        said(peer, b"hello")
        number = open_page("unix-peer")
        known = client.get(f"/connections/{number}").json()["peer_credentials"]
        expect(fact(tab, "Peer process")).to_contain_text(f"pid {known['pid']}")
        expect(fact(tab, "Peer user")).to_contain_text(f"uid {known['uid']}")
        expect(tab.button("Reset")).to_have_count(0)
        expect(tab.figure("Round trip")).to_have_count(0)


def test_rest_frames_and_page_show_the_same(
    tab: Tab, serve: Serve, panel: ServedPanel, client: Rest, open_page: Callable[[str], int]
) -> None:
    """One connection, three ways to look at it."""
    live = LiveClient(panel.url)
    try:
        with connected(serve("same")) as peer:
            said(peer, b"hello")
            number = open_page("same")
            answer = live.subscribe("connection", id=number)
            assert answer["snapshot"]["id"] == number
            said(peer, json.dumps({"n": list(range(500))}).encode())
            rest = client.get(f"/connections/{number}").json()
            frames = live.until(
                lambda frames: any(
                    (frame.get("status") or {}).get("bytes") == rest["bytes"] for frame in frames
                )
            )
            told: dict[str, Any] = next(
                frame["status"]
                for frame in reversed(frames)
                if (frame.get("status") or {}).get("bytes") == rest["bytes"]
            )
            lasting = {"duration", "idle", "kernel"}  # they go on between two looks
            assert set(told) == set(rest)
            assert {key: told[key] for key in told.keys() - lasting} == {
                key: rest[key] for key in rest.keys() - lasting
            }
            assert set(told["kernel"]) == set(rest["kernel"])

            for way in ("in", "out"):
                shown = f"{rest['bytes'][way]:,} B"
                expect(fact(tab, way.capitalize())).to_contain_text(shown)
                expect(fact(tab, way.capitalize())).to_contain_text(
                    f"{rest['messages'][way]} message"
                )
            expect(fact(tab, "Peer")).to_have_text(rest["peer"])
            expect(fact(tab, "Local")).to_have_text(rest["local"])
            expect(fact(tab, "Thread")).to_have_text(rest["thread"])
            expect(fact(tab, "Process")).to_have_text(f"pid {rest['pid']}")
            expect(fact(tab, "Generation")).to_have_text(str(rest["generation"]))
            retransmits = str(rest["kernel"]["retransmits"])
            expect(tab.figure("Retransmits")).to_have_text(retransmits)
            expect(tab.figure("Congestion window")).to_contain_text("segments")

            # The messages: as REST lists them, as frames told them, as the page shows them.
            listed = client.get(f"/connections/{number}/messages").json()["items"]
            data = [event for event in live.events("connection") if event["connection"] == number]
            by_seq = {item["seq"]: item for item in listed}
            assert [event["seq"] for event in data] == [item["seq"] for item in listed[2:]]
            for event in data:
                item = by_seq[event["seq"]]
                assert event["time"] == item["time"]
                assert event["data"]["direction"] == item["direction"]
                assert event["data"]["length"] == item["length"]
                assert event["data"]["data"] == item["data"]
            expect(messages(tab)).to_have_count(len(listed))
    finally:
        live.close()


def test_an_id_that_never_was(tab: Tab) -> None:
    tab.allow_refusal(404)
    tab.page.goto(f"{tab.origin}/connections/987654321")
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Nothing here")
    expect(tab.page.get_by_text("there is no connection 987654321")).to_be_visible()
    expect(tab.page.get_by_role("link", name="All connections")).to_have_attribute(
        "href", "/connections"
    )


def test_both_themes_and_widths(tab: Tab, serve: Serve, open_page: Callable[[str], int]) -> None:
    with connected(serve("looked-at")) as peer:
        said(peer, b'{"sensor": "s1", "readings": [{"celsius": 20.5}]}\n')
        said(peer, b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n" + b"x" * 2_000)
        said(peer, bytes(range(64)) + ODD)
        open_page("looked-at")
        tab.page.keyboard.press("/")
        tab.page.keyboard.type("sensor")
        expect(tab.page.get_by_role("search").get_by_role("status")).to_contain_text("hits")
        tab.page.keyboard.press("Enter")
        expect(tab.page.locator(".msg-row mark").first).to_be_visible()
        look(tab, "connection")


def test_not_blank_without_its_script(
    panel: ServedPanel, new_tab: Any, serve: Serve, client: Rest
) -> None:
    with connected(serve("scriptless")) as peer:
        said(peer, b"hello")
        tab = new_tab(panel, java_script_enabled=False)
        tab.page.goto(f"{panel.url}/connections/{number_of(client, 'scriptless')}")
        expect(tab.page.get_by_role("article")).to_have_count(2)
        expect(tab.page.get_by_role("article").first).to_contain_text("hello")

"""What comes off the wire is shown and never run; what a handler raises is shown where it is."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.clients import ask
from tests.browser.conftest import Serve
from tests.browser.tab import Tab
from tests.panels import connected

MARKUP = b"<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script></pre>"
ESCAPES = b"\x1b[31mred\x1b[0m\x07 \x9b31m \xe2\x80\xaeevil\xff"
TEMPLATE = b"{{ 7 * 7 }} ${7*7} &lt;b&gt;"

SHOWN = {
    MARKUP: "<img src=x onerror=",
    ESCAPES: "ESC[31mred",
    TEMPLATE: "{{ 7 * 7 }} ${7*7} &lt;b&gt;",
}
"""What stands for each on a page."""

TRIPS = '''
from socketserver import BaseRequestHandler


class Trips(BaseRequestHandler):
    """Has a bug."""

    def handle(self):
        data = self.request.recv(1024)
        if data == b"trip":
            raise ZeroDivisionError("<b>tripped</b> \\x1b[1m")
        self.request.sendall(data)
'''

SPEAKS = '''
import logging
import sys
from socketserver import BaseRequestHandler


class Speaks(BaseRequestHandler):
    """Prints what it gets."""

    def handle(self):
        data = self.request.recv(1024).decode("latin-1")
        print(data)
        print("to stderr: " + data, file=sys.stderr)
        logging.getLogger("speaks").warning("logged: %s", data)
'''


def nothing_ran(tab: Tab) -> None:
    assert "run" not in tab.page.title()
    assert tab.page.locator("#root img, #root b b, #root script").count() == 0


def test_payloads_are_shown_and_not_run(tab: Tab, serve: Serve) -> None:
    address = serve("payloads", "echo")
    tab.open("/services/payloads")
    for payload, shown in SHOWN.items():
        with connected(address) as client:
            tab.tab("Connections")
            client.sendall(payload)
            assert client.recv(1024) == payload
            row = tab.row(f"127.0.0.1:{client.getsockname()[1]}")
            expect(row.locator(".c-last")).to_contain_text(shown)

            tab.tab("Events")
            line = tab.events("data in").last
            expect(line).to_contain_text(shown)
            line.click()
            detail = tab.page.get_by_role("complementary", name="The picked event")
            expect(detail.locator(".code")).to_contain_text(shown)
            tab.button("Hex", within=detail.get_by_role("group", name="Show as")).click()
            expect(detail.locator(".hexdump")).to_contain_text(payload[:8].hex(" "))
            tab.button("Close", within=detail).click()
    nothing_ran(tab)

    tab.tab("Try it")
    tab.page.get_by_label("Send", exact=True).fill(MARKUP.decode())
    tab.button("Send").click()
    answer = tab.page.get_by_role("article").locator(".wire").filter(has_text="got")
    expect(answer).to_contain_text(SHOWN[MARKUP])
    nothing_ran(tab)

    # The same from the start of a page, and on the overview.
    tab.open("/services/payloads#events")
    for shown in SHOWN.values():
        expect(tab.events("data in", shown).first).to_be_visible()
    tab.open("/").open_drawer()
    expect(tab.events("data in", SHOWN[MARKUP]).last).to_be_visible()
    nothing_ran(tab)


def test_bytes_that_are_no_text_do_not_vanish(tab: Tab, serve: Serve) -> None:
    address = serve("odd", "echo")
    tab.open("/services/odd")
    for payload, shown in {b"\xff\xfe\xfd": "ff fe fd", b"tail\xff\n": "tailFFLF"}.items():
        assert ask(address, payload) == payload
        tab.tab("Events")
        expect(tab.events("data in").last).to_contain_text(shown)
        tab.tab("Connections")
        show = tab.page.get_by_role("group", name="Show", exact=True)
        tab.button("Closed", within=show).click()
        expect(tab.row(shown)).to_have_count(1)


def test_a_handler_that_raises(
    tab: Tab, serve: Serve, write_handler: Callable[[str, str], Path]
) -> None:
    write_handler("trips.py", TRIPS)
    address = serve("trips", "trips:Trips")
    tab.open("/services/trips")
    with tab.without_a_reload():
        assert ask(address, b"trip") == b""
        expect(tab.figure("Errors")).to_have_text("1")
        tab.tab("Events")
        error = tab.events("error", "ZeroDivisionError: <b>tripped</b>")
        expect(error).to_have_count(1)
        expect(tab.events("closed", "handler error")).to_have_count(1)

        error.click()
        traceback = tab.page.get_by_role("complementary", name="The picked event").locator("pre")
        expect(traceback).to_be_visible()
        expect(traceback).to_contain_text('trips.py", line')
        expect(traceback).to_contain_text("raise ZeroDivisionError")

        tab.tab("Connections")
        tab.button("Closed").click()
        row = tab.row("handler error")
        expect(row).to_contain_text("ZeroDivisionError")
        row.click()
        facts = tab.page.get_by_role("complementary", name="The picked connection")
        expect(facts.locator("pre")).to_contain_text("raise ZeroDivisionError")
        nothing_ran(tab)

        # The service goes on. Under the pointer the table does not move.
        assert ask(address, b"well") == b"well"
        expect(tab.button("1 new")).to_be_visible()
        expect(tab.row("127.0.0.1")).to_have_count(1)
        tab.page.mouse.move(0, 0)
        expect(tab.row("127.0.0.1")).to_have_count(2)


def test_what_a_handler_prints_stands_by_its_connection(
    tab: Tab, serve: Serve, write_handler: Callable[[str, str], Path]
) -> None:
    write_handler("speaks.py", SPEAKS)
    address = serve("speaks", "speaks:Speaks")
    tab.open("/services/speaks#events")
    ask(address, b"<i>\x1b[2J</i>")
    expect(tab.events("log", re.compile(r"^(?!.*logged).*<i>ESC\[2J</i>"))).to_have_count(1)
    expect(tab.events("log, stderr", "to stderr: <i>")).to_have_count(1)
    expect(tab.page.locator(".tail-row").filter(has_text="logged: <i>")).to_have_count(1)
    assert tab.page.locator("#root i i, .tail-row .what i").count() == 0


def test_a_peer_with_an_odd_name(tab: Tab, serve: Serve, tmp_path: Path) -> None:
    """A Unix client's own address is a text of its choice."""
    address = serve("named", "echo", address=f"unixgram://{tmp_path}/named.sock")
    tab.open("/services/named")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.bind(f"{tmp_path}/<b>\x1b[31m")
        client.sendto(b"hello", address.removeprefix("unixgram://"))
        assert client.recv(64) == b"hello"
    expect(tab.row("<b>")).to_have_count(1)
    expect(tab.row("<b>").locator(".c-peer")).to_contain_text("[31m")
    assert tab.page.locator(".c-peer b").count() == 0

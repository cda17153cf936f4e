"""The handlers' page: the catalogue, the reader's own, and files that do not import."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.tab import Tab
from tests.panels import Rest

BROKEN = "def handle(:\n"
FAILS = "import socketserver\n\nraise RuntimeError('<b>not today</b>')\n"
GOOD = """
from socketserver import DatagramRequestHandler


class Fine(DatagramRequestHandler):
    \"\"\"Does nothing, well.\"\"\"

    def handle(self):
        pass
"""


def test_catalogue_says_what_each_serves(tab: Tab, client: Rest) -> None:
    tab.open("/handlers")
    catalogue = tab.page.get_by_role("region", name="Catalogue")
    listed = client.get("/handlers").json()["items"]
    built_in = [handler for handler in listed if handler["source"] == "builtin"]
    entries = catalogue.get_by_role("article")
    expect(entries).to_have_count(len(built_in))
    for place, handler in enumerate(built_in):
        expect(entries.nth(place)).to_contain_text(handler["name"])
        expect(entries.nth(place)).to_contain_text(" ".join(handler["transports"]))

    tab.button("Datagrams").click()
    expect(entries.filter(has_text="Static files over HTTP")).to_have_count(0)
    echo = entries.filter(has_text="RFC 862")
    echo.get_by_text("1 option").click()
    expect(echo).to_contain_text("buffer_size")
    echo.get_by_role("link").click()
    expect(tab.page).to_have_url(f"{tab.origin}/services/new?handler=echo")
    expect(tab.page.get_by_label("the definition", exact=True)).to_contain_text('"handler": "echo"')


def test_a_file_that_does_not_import_is_told_with_its_traceback(
    tab: Tab, write_handler: Callable[[str, str], Path]
) -> None:
    write_handler("broken.py", BROKEN)
    fails = write_handler("fails.py", FAILS)
    tab.open("/handlers")
    own = tab.page.get_by_role("region", name="Your own")
    expect(own).to_contain_text("2 files broken")
    expect(own).to_contain_text("broken.py, line 1: invalid syntax")
    broken = own.locator(".broken").filter(has_text="fails.py")
    expect(broken).to_contain_text("RuntimeError: <b>not today</b>")
    broken.get_by_text("Traceback", exact=True).click()
    expect(broken.locator("pre")).to_contain_text('fails.py", line 3')
    assert own.locator(".broken b").count() == 0
    expect(own).to_contain_text("hello:Hello")

    fails.write_text(GOOD, encoding="utf-8")
    tab.button("Read the folder again").click()
    expect(own).to_contain_text("1 file broken")
    line = own.get_by_role("listitem").filter(has_text="fails:Fine")
    expect(line).to_contain_text("Does nothing, well.")
    line.get_by_role("link").click()
    expect(tab.page).to_have_url(f"{tab.origin}/services/new?handler=fails%3AFine")
    expect(tab.page.get_by_label("the definition", exact=True)).to_contain_text("fails:Fine")
    expect(tab.button("UDP")).to_have_attribute("aria-pressed", "true")

"""What holds on every page, in both themes and widths: nothing sticks out, axe finds nothing.

Leaves a picture of each in artefacts/screenshots.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import ViewportSize, expect

from tests.browser.clients import ask
from tests.browser.conftest import ARTEFACTS, NewTab
from tests.browser.tab import Tab, Theme
from tests.panels import TOKEN, Rest, ServedPanel, connected

THEMES: tuple[Theme, ...] = ("light", "dark")
DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}

LONG_NAME = "a-service-whose-name-is-as-long-as-names-may-be-63-letters-long"
SERVICE = "/services/conversation"
PAGES = {
    "overview": "/",
    "service": SERVICE,
    "service-events": f"{SERVICE}#events",
    "service-exceptions": f"{SERVICE}#exceptions",
    "service-try": f"{SERVICE}#try",
    "service-settings": f"{SERVICE}#settings",
    "service-failed": "/services/failed",
    "connections": "/connections?state=all",
    "connections-refused": "/connections?peer=nowhere",
    "new-service": "/services/new",
    "exceptions": "/exceptions",
    "handlers": "/handlers",
    "events": "/events",
    "events-filtered": "/events?filter=(kind:data or service:failed) -direction:out&kinds=data",
    "events-nothing": "/events?filter=connection:0",
}


@pytest.fixture(scope="module", autouse=True)
def lived_in(data: Path, client: Rest) -> Iterator[None]:
    """Something to see on each page: traffic, a long name, a failure, a file with an error."""
    (data / "handlers" / "broken.py").write_text("def handle(:\n", encoding="utf-8")
    client.create("failed", "echo", address="tcp://192.0.2.1:7000")
    client.post("/services/failed/start")
    ask(client.start(LONG_NAME, "greeting")["status"]["address"], b"")
    address = client.start("conversation", "echo", labels={"team": "tests"})["status"]["address"]
    with contextlib.ExitStack() as clients:
        for words in (b"hello\r\n", b"<b>bold</b> \x1b[31mred\x1b[0m", bytes(range(256))):
            peer = clients.enter_context(connected(address))
            peer.sendall(words)
            assert peer.recv(1024)
        yield
    (data / "handlers" / "broken.py").unlink()
    for name in ("failed", LONG_NAME, "conversation"):
        client.delete(f"/services/{name}")


def look(tab: Tab, name: str) -> None:
    """Look at the page in both themes and widths: nothing may be wrong with it in any."""
    folder = ARTEFACTS / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    wrong = []
    for size in (DESK, PHONE):
        tab.page.set_viewport_size(size)
        for theme in THEMES:
            tab.turn_theme(theme)
            place = f"{name}-{theme}-{size['width']}"
            tab.page.screenshot(path=folder / f"{place}.png")
            if size is DESK or theme == "light":  # beyond that axe would find nothing new
                wrong += [f"{place}: {violation}" for violation in tab.violations()]
            wrong += [f"{place}: {part}" for part in tab.sticking_out()]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", PAGES)
def test_page(tab: Tab, name: str) -> None:
    tab.open(PAGES[name])
    expect(tab.page.get_by_role("heading", level=1)).to_have_count(1)
    expect(tab.page.locator(".skeleton")).to_have_count(0)
    look(tab, name)


def test_first_visit(fresh_panel: ServedPanel, new_tab: NewTab) -> None:
    tab = new_tab(fresh_panel).open("/")
    expect(tab.page.get_by_role("region", name="First steps")).to_be_visible()
    look(tab, "first-visit")


def test_pages_without_a_live_link(panel: ServedPanel, new_tab: NewTab) -> None:
    tab = new_tab(panel, signed_in=False)
    tab.page.goto(f"{panel.url}/sign-in")
    look(tab, "sign-in")
    tab.sign_in(TOKEN).allow_refusal(404)
    tab.page.set_viewport_size(DESK)
    tab.page.goto(f"{panel.url}/services/nobody")
    look(tab, "not-found")


def test_what_opens_on_a_page(tab: Tab) -> None:
    tab.open("/").open_drawer()
    tab.events("data in", "hello").click()
    expect(tab.page.get_by_role("complementary", name="The picked event")).to_be_visible()
    look(tab, "event")

    tab.page.set_viewport_size(DESK)
    tab.open(SERVICE)
    expect(tab.figure("Open connections")).to_have_text("3")
    tab.button("Stop").click()
    expect(tab.page.get_by_role("dialog")).to_be_visible()
    look(tab, "dialog")


def test_interface_documentation_needs_no_internet(tab: Tab) -> None:
    tab.page.goto(f"{tab.origin}/api/docs")
    frame = tab.page.get_by_role("heading", name="Socketdeck")
    expect(frame.first).to_be_visible()


def test_theme_follows_the_system_or_what_was_chosen(tab: Tab) -> None:
    tab.open("/")

    def is_dark() -> bool:
        tab.settle()
        dark: bool = tab.page.evaluate(
            "() => { const [r, g, b] = getComputedStyle(document.body).backgroundColor"
            ".match(/[0-9.]+/g).map(Number); return r + g + b < 384; }"
        )
        return dark

    assert not is_dark()
    tab.turn_theme("dark")
    assert is_dark()
    tab.button("Theme: as the system").click()
    expect(tab.button("Theme: light")).to_be_visible()
    assert not is_dark()
    tab.open("/handlers")
    assert not is_dark(), "what was chosen holds on the next page"
    tab.button("Theme: light").click()
    tab.turn_theme("light")
    assert is_dark()
    tab.button("Theme: dark").click()
    assert not is_dark()


def test_a_page_is_not_blank_without_its_script(panel: ServedPanel, new_tab: NewTab) -> None:
    tab = new_tab(panel, java_script_enabled=False)
    tab.page.goto(panel.url + SERVICE)
    expect(tab.page.get_by_role("heading", name="conversation")).to_be_visible()
    expect(tab.page.locator("table tbody tr")).to_have_count(3)
    tab.page.goto(f"{panel.url}/")
    expect(tab.page.locator("table")).to_contain_text("192.0.2.1")

"""A browser, a panel as people start it, services on it, and tabs that look at them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.tab import Tab
from tests.panels import ROOT, TOKEN, Rest, ServedPanel

PATIENCE_MS = 20_000
"""How long is waited for what a page is to show: long, as a busy machine is no fault of it."""

ARTEFACTS = ROOT / "artefacts"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",  # a container's root has no other way
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

_tabs = pytest.StashKey[list[Tab]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep a picture of what a test that failed was looking at."""
    report = yield
    if report.when == "call" and report.failed:
        folder = ARTEFACTS / "failures"
        folder.mkdir(parents=True, exist_ok=True)
        tabs = item.stash.get(_tabs, list[Tab]())
        for number, tab in enumerate(tabs):
            name = re.sub(r"[^\w-]+", "-", f"{item.name}-{number}")
            tab.page.screenshot(path=folder / f"{name}.png")
    return report


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """A Chromium without a window; it ends with these tests, so that no others run beside it."""
    path = os.environ.get("SOCKETDECK_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)))
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of `panel`."""
    return tmp_path_factory.mktemp("panel")


@pytest.fixture(scope="package")
def panel(data: Path) -> Iterator[ServedPanel]:
    """A panel in a process of its own, for all tests that need none for themselves."""
    with ServedPanel(data) as served:
        yield served


@pytest.fixture
def fresh_panel(tmp_path: Path) -> Iterator[ServedPanel]:
    """A panel that nobody has touched, for a test that must have one to itself."""
    with ServedPanel(tmp_path / "fresh") as served:
        yield served


@pytest.fixture(scope="package")
def client(panel: ServedPanel) -> Iterator[Rest]:
    """A REST client of `panel`."""
    rest = panel.rest()
    yield rest
    rest.session.close()


class Serve(Protocol):
    def __call__(self, name: str, handler: str = ..., **fields: Any) -> str: ...


@pytest.fixture
def serve(client: Rest) -> Iterator[Serve]:
    """Starts a service on a port of the kernel's choice and answers its address; it ends with the
    test. Each test has a name of its own for it, as events outlive a service.
    """
    names: list[str] = []

    def start(name: str, handler: str = "echo", **fields: Any) -> str:
        names.append(name)
        address: str = client.start(name, handler, **fields)["status"]["address"]
        return address

    yield start
    for name in names:
        client.delete(f"/services/{name}")


@pytest.fixture
def write_handler(data: Path) -> Iterator[Callable[[str, str], Path]]:
    """Writes a file into the handlers folder of `panel`; it goes with the test."""
    written: list[Path] = []

    def write(file: str, text: str) -> Path:
        path = data / "handlers" / file
        path.write_text(text, encoding="utf-8")
        written.append(path)
        return path

    yield write
    for path in written:
        path.unlink(missing_ok=True)


class NewTab(Protocol):
    def __call__(
        self, panel: ServedPanel, *, signed_in: bool = ..., beside: Tab | None = ..., **options: Any
    ) -> Tab: ...


@pytest.fixture
def new_tab(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[NewTab]:
    """Opens tabs, each as a visitor of its own unless it is `beside` another one of the same
    visitor. At the end nothing may have gone wrong in any.
    """
    tabs: list[Tab] = []
    request.node.stash[_tabs] = tabs

    def make(
        panel: ServedPanel, *, signed_in: bool = True, beside: Tab | None = None, **options: Any
    ) -> Tab:
        if beside is not None:
            tabs.append(Tab(beside.context, panel.url))
            return tabs[-1]
        settings: dict[str, Any] = {
            "viewport": {"width": 1280, "height": 800},
            "reduced_motion": "reduce",
            "color_scheme": "light",
            "locale": "en-GB",
        }
        context = chromium.new_context(**(settings | options))
        context.set_default_timeout(PATIENCE_MS)
        tabs.append(Tab(context, panel.url))
        return tabs[-1].sign_in(TOKEN) if signed_in else tabs[-1]

    yield make
    unexpected = [problem for tab in tabs for problem in tab.unexpected()]
    for tab in tabs:
        tab.context.close()
    assert not unexpected, "\n".join(unexpected)


@pytest.fixture
def tab(new_tab: NewTab, panel: ServedPanel) -> Tab:
    """A tab of somebody who is signed in at `panel`."""
    return new_tab(panel)

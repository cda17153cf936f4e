"""A browser's tab at a panel, that keeps whatever goes wrong in it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Locator,
    Page,
    Request,
    Response,
    WebSocket,
    expect,
)

Theme = Literal["light", "dark"]

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"

REFUSED = r"the server responded with a status of {status}"
"""How Chromium words, on the console, that a call was answered with an error."""


STICKING_OUT = """() => {
    const root = document.documentElement;
    if (root.scrollWidth <= window.innerWidth) return [];
    const parts = [...document.body.querySelectorAll('*')].filter(
        (part) => part.getBoundingClientRect().right > window.innerWidth + 0.5);
    return [`${root.scrollWidth - window.innerWidth} px stick out`,
        ...parts.slice(-3).map((part) => part.outerHTML.slice(0, 120))];
}"""


SCROLLED_TO_ROW = """row => {
    const list = document.querySelector('.table-wrap');
    list.scrollTop = list.scrollHeight;
    return Boolean(list.querySelector(`[aria-rowindex="${row}"]`));
}"""
"""Scrolls a table on and on; true once it has come to the row of that number."""


class Tab:
    """One tab, and what its page says on the console, asks for and throws.

    `problems` has what no page may do: an error or a warning on the console, an exception, a
    dialog of the browser's, an answer of 500 and above, a request to anything but the panel. What a
    test brings about on purpose it names with `allow`.
    """

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self.context = context
        self.origin = origin
        self.problems: list[str] = []
        self._allowed: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self._note(f"exception: {error}"))
        self.page.on("dialog", self._dialog)
        self.page.on("request", self._request)
        self.page.on("response", self._response)
        self.page.on("websocket", self._websocket)

    # -- what may not happen ------------------------------------------------------------------

    def allow(self, pattern: str) -> None:
        """A problem that matches is what the test is about."""
        self._allowed.append(pattern)

    def allow_refusal(self, status: int) -> None:
        """A call is answered with an error, as it should be; the browser says so by itself."""
        self.allow(REFUSED.format(status=status))

    def unexpected(self) -> list[str]:
        """The problems that nobody allowed."""
        return [
            problem
            for problem in self.problems
            if not any(re.search(pattern, problem) for pattern in self._allowed)
        ]

    def _note(self, problem: str) -> None:
        self.problems.append(problem)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self._note(f"console {message.type}: {message.text} ({message.location.get('url')})")

    def _dialog(self, dialog: Dialog) -> None:
        self._note(f"a dialog of the browser's: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        self._check_place(request.url)

    def _websocket(self, socket: WebSocket) -> None:
        self._check_place(socket.url)

    def _check_place(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != urlsplit(self.origin).netloc:
            self._note(f"a request to {url}, which is not the panel")

    def _response(self, response: Response) -> None:
        if response.status >= 500:
            self._note(f"{response.url} answered {response.status}")

    # -- going about --------------------------------------------------------------------------

    def sign_in(self, token: str) -> Self:
        """Sign in without a page; the next one that is opened knows who looks."""
        answer = self.context.request.post(f"{self.origin}/api/v1/session", data={"token": token})
        assert answer.ok, answer.text()
        return self

    def open(self, path: str) -> Self:
        """Load a page and wait until its live link is up; from then on it misses nothing."""
        self.page.goto(self.origin + path)
        self.is_live()
        return self

    def is_live(self) -> None:
        expect(self.page.locator(".link-state")).to_contain_text("live")

    @contextlib.contextmanager
    def without_a_reload(self) -> Iterator[None]:
        """What happens inside happens on the page as it stands: nobody loads another one."""
        self.page.evaluate("() => { window.stayed = true; }")
        yield
        assert self.page.evaluate("() => window.stayed === true"), "the page was loaded again"

    # -- what is seen -------------------------------------------------------------------------

    def button(self, name: str | re.Pattern[str], *, within: Locator | None = None) -> Locator:
        """A button by its whole name."""
        return (within or self.page).get_by_role("button", name=name, exact=True)

    def tab(self, name: str) -> None:
        """Turn to one of the page's tabs."""
        self.page.get_by_role("tab", name=name).click()

    def open_drawer(self) -> None:
        """Have the overview's tail of events open; whether it is by itself depends on the visit."""
        title = self.button("Events")
        if title.get_attribute("aria-expanded") == "false":
            title.click()
        expect(title).to_have_attribute("aria-expanded", "true")

    def row(self, text: str) -> Locator:
        """The rows of the page's table with a text in them."""
        return self.page.locator("table tbody tr[data-row]").filter(has_text=text)

    def events(self, kind: str, text: str | re.Pattern[str] = "") -> Locator:
        """The lines of a tail of one kind, with a text in them."""
        word = self.page.locator(".kind", has_text=re.compile(f"^{re.escape(kind)}$"))
        return self.page.locator(".tail-row").filter(has=word).filter(has_text=text)

    def figure(self, label: str) -> Locator:
        """The number under a label at the head of the page."""
        heading = self.page.locator(".fig-label", has_text=re.compile(f"^{re.escape(label)}"))
        return self.page.locator(".fig").filter(has=heading).locator(".fig-value")

    def toast(self, text: str) -> Locator:
        """A passing message."""
        return self.page.locator(".toast").filter(has_text=text)

    def field(self, pointer: str) -> Locator:
        """A field of a form, with its label, hint and error."""
        return self.page.locator(f'[data-pointer="{pointer}"]')

    def turn_theme(self, theme: Theme) -> None:
        """What the system prefers, from now on."""
        self.page.emulate_media(color_scheme=theme)
        self.settle()

    def settle(self) -> None:
        """Wait until the page was drawn as it now is."""
        self.page.evaluate(
            "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    # -- what is measured ---------------------------------------------------------------------

    def sticking_out(self) -> list[str]:
        """What makes the page scroll to the right, where something does."""
        found: list[str] = self.page.evaluate(STICKING_OUT)
        return found

    def violations(self) -> list[str]:
        """What axe finds: the rule, how bad it is, and where."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: dict[str, Any] = self.page.evaluate(
            "() => axe.run(document, {resultTypes: ['violations']})"
        )
        return [
            f"{violation['id']} ({violation['impact']}): {node['target']} {node['failureSummary']}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

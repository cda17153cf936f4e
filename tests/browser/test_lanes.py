"""The lanes: what one sees of how a service serves, and how one moves about in it."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Position, TimeoutError, expect

from tests.browser.clients import ask
from tests.browser.conftest import NewTab, Serve
from tests.browser.tab import Tab
from tests.panels import Rest, ServedPanel, connected

TELLING = """
import os
from socketserver import StreamRequestHandler


class Telling(StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            if line == b"raise\\n":
                raise ValueError("as it was told")
            self.wfile.write(b"%d\\n" % os.getpid())
"""


TIP_MS = 500


class Lanes:
    """The lanes of the page in a tab."""

    def __init__(self, tab: Tab) -> None:
        self.page = tab.page
        self.canvas: Locator = tab.page.get_by_role("application", name="Lanes of")
        self.words: Locator = tab.page.locator("#lanes-words")
        expect(self.canvas).to_be_visible()

    def ask(self, what: str) -> Any:
        """What its stage says."""
        return self.canvas.evaluate(f"canvas => {{ const stage = canvas.stage; return {what}; }}")

    def until(self, what: str) -> None:
        """Wait until it says yes."""
        found = "document.querySelector('.lanes canvas').stage"
        self.page.wait_for_function(f"() => {{ const stage = {found}; return {what}; }}")

    def bars(self, count: int, where: str = "true") -> list[dict[str, Any]]:
        """The bars that are drawn, once there are so many that fit."""
        fitting = f"stage.drawn().filter((bar) => {where})"
        self.until(f"{fitting}.length === {count}")
        found: list[dict[str, Any]] = self.ask(fitting)
        return found

    def point_at(self, bar: dict[str, Any]) -> None:
        """Have the pointer on a bar, wherever it is by then: the picture is never still."""
        tip = self.page.locator(".lane-tip")
        while True:
            (now,) = self.ask(f"stage.drawn().filter((one) => one.id === {bar['id']})")
            place: Position = {
                "x": (now["x"] + now["right"]) / 2,
                "y": now["y"] + now["height"] / 2,
            }
            self.canvas.hover(position=place, force=True)
            with contextlib.suppress(TimeoutError):
                tip.wait_for(timeout=TIP_MS)
                return


@pytest.fixture
def telling(write_handler: Callable[[str, str], Path]) -> str:
    """A handler that tells its pid for each line, or raises."""
    write_handler("telling.py", TELLING)
    return "telling:Telling"


def pid_of(client: socket.socket) -> int:
    client.sendall(b"who\n")
    return int(client.recv(64))


# -- how it serves ----------------------------------------------------------------------------


def test_sync_has_one_lane_and_the_rest_in_the_backlog(
    tab: Tab, serve: Serve, telling: str
) -> None:
    address = serve("lane-sync", telling, concurrency="sync")
    tab.open("/services/lane-sync")
    lanes = Lanes(tab)
    with contextlib.ExitStack() as clients, tab.without_a_reload():
        first, second = (clients.enter_context(connected(address)) for _ in range(2))
        pid_of(first)
        expect(lanes.words).to_contain_text("1 in the kernel's backlog")
        clients.enter_context(connected(address))  # which no event tells
        expect(lanes.words).to_contain_text("2 in the kernel's backlog")
        (only,) = lanes.bars(1)
        lanes.until("stage.counts.backlog === 2 && stage.counts.serving === 1")
        first.close()
        pid_of(second)
        before, after = lanes.bars(2)
        assert (before["lane"], after["lane"]) == (0, 0), "one after the other"
        assert before["id"] == only["id"]
        assert not before["isOpen"]
        assert after["isOpen"]
        assert before["right"] <= after["x"] + 1
        lanes.until("stage.counts.backlog === 1")
    lanes.until("stage.counts.backlog === 0 && stage.counts.serving === 0")


def test_threading_overlaps(tab: Tab, serve: Serve, telling: str) -> None:
    address = serve("lane-threads", telling, concurrency="threading")
    tab.open("/services/lane-threads")
    lanes = Lanes(tab)
    with contextlib.ExitStack() as clients, tab.without_a_reload():
        for _ in range(3):
            pid_of(clients.enter_context(connected(address)))
        bars = lanes.bars(3, "bar.isOpen && bar.ticks === 2")
        assert [bar["lane"] for bar in bars] == [0, 1, 2]
        assert len({bar["y"] for bar in bars}) == 3
        lanes.until("stage.counts.serving === 3 && stage.counts.queue === 0")
    lanes.bars(3, "!bar.isOpen && bar.end === 'clean' && bar.lane < 3")


def test_a_pool_queues_at_its_bound(tab: Tab, serve: Serve, telling: str) -> None:
    address = serve("lane-pool", telling, concurrency="pool", pool_size=1)
    tab.open("/services/lane-pool")
    lanes = Lanes(tab)
    with contextlib.ExitStack() as clients:
        first, second, third = (clients.enter_context(connected(address)) for _ in range(3))
        pid_of(first)
        (served,) = lanes.bars(1, "bar.isServed")
        waiting = lanes.bars(2, "!bar.isServed && bar.isOpen")
        assert served["lane"] == 0
        assert [bar["room"] for bar in waiting] == [0, 1]
        assert all(bar["y"] > served["y"] for bar in waiting), "they wait below the bound"
        expect(lanes.words).to_contain_text("served of 1 thread; 2 in the queue")
        first.close()
        pid_of(second)
        (one,) = lanes.bars(1, "bar.isServed && bar.isOpen && bar.room >= 0")
        assert one["lane"] == 0
        assert one["waited"] > 0
        # Who comes later sees that they waited, too.
        tab.open("/services/lane-pool")
        (again,) = lanes.bars(1, "bar.isServed && bar.isOpen && bar.room >= 0")
        assert again["waited"] == pytest.approx(one["waited"], abs=0.01)
        (still,) = lanes.bars(1, "!bar.isServed && bar.isOpen")
        assert still["waited"] > one["waited"]
        second.close()
        pid_of(third)
        lanes.until("stage.counts.serving === 1 && stage.counts.queue === 0")


def test_forking_has_a_pid_a_lane(tab: Tab, serve: Serve, telling: str) -> None:
    address = serve("lane-forks", telling, concurrency="forking")
    tab.open("/services/lane-forks")
    lanes = Lanes(tab)
    with connected(address) as one, connected(address) as other:
        pids = [pid_of(one), pid_of(other)]
        bars = lanes.bars(2, "bar.isOpen && bar.pid")
        assert sorted(bar["pid"] for bar in bars) == sorted(pids)
        assert sorted(bar["lane"] for bar in bars) == [0, 1]
        lanes.point_at(bars[0])
        expect(tab.page.locator(".lane-tip")).to_contain_text(f"pid {bars[0]['pid']}")


def test_each_end_is_told_apart(tab: Tab, serve: Serve, client: Rest, telling: str) -> None:
    address = serve("lane-ends", telling)
    tab.open("/services/lane-ends")
    lanes = Lanes(tab)
    clients = []
    for place in range(4):
        clients.append(socket.create_connection(_target(address)))
        lanes.bars(place + 1)  # so that they are in this order
    clean, reset, raising, cut = clients
    clean.close()
    reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    reset.close()
    raising.sendall(b"raise\n")
    (last,) = lanes.bars(1, "bar.isOpen")
    client.delete(f"/connections/{last['id']}")
    bars = lanes.bars(4, "!bar.isOpen")
    assert {bar["lane"]: bar["end"] for bar in bars} == {
        0: "clean",
        1: "reset",
        2: "error",
        3: "cut",
    }
    raising.close()
    cut.close()
    expect(lanes.words).to_contain_text("4 closed")
    expect(lanes.words).to_contain_text("1 by an error, 1 reset and 1 cut from here")


# -- moving about -----------------------------------------------------------------------------


def test_pointing_tells_and_a_click_opens(tab: Tab, serve: Serve) -> None:
    address = serve("lane-pointed", "echo")
    tab.open("/services/lane-pointed")
    lanes = Lanes(tab)
    with connected(address) as client:
        client.sendall(b"hello")
        assert client.recv(64) == b"hello"
        (bar,) = lanes.bars(1, "bar.ticks === 2 && bar.right - bar.x > 4")
        tab.button("Pause the lanes").click()
        (bar,) = lanes.bars(1)
        lanes.point_at(bar)
        tip = tab.page.locator(".lane-tip")
        expect(tip).to_contain_text(f"#{bar['id']}")
        expect(tip).to_contain_text(bar["peer"])
        expect(tip).to_contain_text("5 B in, 5 B out")
        assert tab.violations() == []
        lanes.canvas.click(
            position={"x": (bar["x"] + bar["right"]) / 2, "y": bar["y"] + bar["height"] / 2}
        )
        expect(tab.page).to_have_url(f"{tab.origin}/connections/{bar['id']}")


def test_wheel_drag_and_back_to_now(tab: Tab, serve: Serve) -> None:
    address = serve("lane-moved", "echo")
    ask(address, b"hello")
    tab.open("/services/lane-moved")
    lanes = Lanes(tab)
    lanes.bars(1)
    box = lanes.canvas.bounding_box()
    assert box is not None
    about = 300
    lanes.canvas.hover(position={"x": about, "y": 60})
    before = lanes.ask(f"[stage.view.to, stage.timeAt({about})]")
    tab.page.mouse.wheel(0, -300)
    lanes.until("stage.view.seconds < 25 && !stage.view.follows")
    assert lanes.ask(f"stage.timeAt({about})") == pytest.approx(before[1], abs=1.1)
    expect(tab.button("Jump to now")).to_be_visible()

    held = lanes.ask("stage.view.to")
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] + about + 200, box["y"] + 60, steps=4)
    tab.page.mouse.up()
    moved = lanes.ask("stage.secondsIn(200)")
    assert lanes.ask("stage.view.to") == pytest.approx(held - moved, abs=0.01)
    expect(tab.page).to_have_url(f"{tab.origin}/services/lane-moved")  # that was no click

    tab.button("Jump to now").click()
    lanes.until("stage.view.follows")
    tab.page.keyboard.press(" ")
    expect(tab.button("Go on with the lanes")).to_be_visible()
    tab.page.keyboard.press(" ")
    lanes.until("stage.view.follows")


def test_by_the_keyboard_alone(tab: Tab, serve: Serve) -> None:
    address = serve("lane-keys", "echo")
    tab.open("/services/lane-keys")
    lanes = Lanes(tab)
    with connected(address), connected(address):
        first, second = lanes.bars(2, "bar.isOpen")
        lanes.canvas.focus()
        tab.page.keyboard.press("ArrowDown")
        tab.page.keyboard.press("ArrowDown")
        said = tab.page.get_by_role("status").filter(has_text=f"Connection {second['id']} from")
        expect(said).to_have_count(1)
        tab.page.keyboard.press("ArrowUp")
        expect(tab.page.locator(".lane-tip")).to_contain_text(f"#{first['id']}")
        seconds = lanes.ask("stage.view.seconds")
        tab.page.keyboard.press("+")
        assert lanes.ask("stage.view.seconds") < seconds
        tab.page.keyboard.press("-")
        assert lanes.ask("stage.view.seconds") == pytest.approx(seconds)
        tab.page.keyboard.press("ArrowLeft")
        assert lanes.ask("stage.view.follows") is False
        tab.page.keyboard.press("Home")
        assert lanes.ask("stage.view.follows") is True
        tab.page.keyboard.press("Enter")
        expect(tab.page).to_have_url(f"{tab.origin}/connections/{first['id']}")


def test_what_is_not_in_memory_is_asked_for(tab: Tab, serve: Serve) -> None:
    address = serve("lane-past", "greeting")
    for _ in range(230):
        ask(address, b"")
    tab.open("/services/lane-past")
    lanes = Lanes(tab)
    lanes.until("stage.live.bars.size === 200 && stage.live.knownFrom > 0")
    oldest = lanes.ask("stage.live.knownFrom")
    tab.page.keyboard.press(" ")
    lanes.until("stage.model !== stage.live && stage.drawn().length > 0")
    assert lanes.ask("Math.min(...stage.drawn().map((bar) => bar.opened))") < oldest
    tab.button("Jump to now").click()
    lanes.until("stage.model === stage.live")


def test_on_a_phone(panel: ServedPanel, new_tab: NewTab, serve: Serve) -> None:
    address = serve("lane-phone", "echo", concurrency="pool", pool_size=1)
    tab = new_tab(panel, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    with connected(address) as client:
        client.sendall(b"hello")
        assert client.recv(64)
        tab.open("/services/lane-phone")
        lanes = Lanes(tab)
        lanes.canvas.scroll_into_view_if_needed()
        lanes.bars(1)
        assert tab.sticking_out() == []
        expect(tab.page.locator(".lanes .count")).to_have_text(re.compile("last 12 s"))


def _target(address: str) -> tuple[str, int]:
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    return host, int(port)

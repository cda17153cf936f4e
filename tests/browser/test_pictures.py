"""The README's pictures: a panel as somebody has it in front of them on a working day.

They are drawn only where SOCKETDECK_PICTURES is set, as they take two minutes.
"""

from __future__ import annotations

import base64
import os
import random
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewTab
from tests.browser.tab import Tab
from tests.browser.traffic import Traffic
from tests.panels import ROOT, Rest, ServedPanel, connected

pytestmark = [
    pytest.mark.skipif("SOCKETDECK_PICTURES" not in os.environ, reason="SOCKETDECK_PICTURES=1"),
    pytest.mark.timeout(300),
]

PICTURES = ROOT / "docs" / "pictures"
HELD = 7022
"""A port that somebody else holds."""

A_WHILE_MS = 150_000
"""Longer than it takes until there is a minute of traffic to see."""

ORDERS = '''
from socketserver import StreamRequestHandler


class Orders(StreamRequestHandler):
    """Takes orders: HELLO name, ORDER quantity article, BYE."""

    def handle(self) -> None:
        for line in self.rfile:
            word, *rest = line.decode().split()
            if word == "BYE":
                break
            self.wfile.write(getattr(self, word.lower())(*rest).encode() + b"\\n")

    def hello(self, name: str) -> str:
        print(f"{name} is here")
        return f"welcome, {name}"

    def order(self, quantity: str, article: str) -> str:
        return f"ok, {int(quantity)} x {article}"
'''

NAMES = ["ada", "grace", "linus", "guido", "barbara", "ken", "radia", "vint", "elizabeth", "jon"]
ARTICLES = ["washers", "bolts", "hinges", "brackets", "springs"]


def shopping() -> list[list[bytes]]:
    """What customers say; one of many types a word for a number."""
    visits: list[list[bytes]] = []
    for place, name in enumerate(NAMES):
        orders = [
            f"ORDER {12 * (place + turn + 1)} {ARTICLES[(place + turn) % len(ARTICLES)]}\n"
            for turn in range(2 + place % 4)
        ]
        visits.append([line.encode() for line in (f"HELLO {name}\n", *orders)])
    return [*visits * 3, [b"HELLO joan\n", b"ORDER 12 hinges\n", b"ORDER twelve springs\n"]]


@pytest.fixture
def busy_panel(tmp_path: Path) -> Iterator[ServedPanel]:
    """Several services, each with clients of its own, one that cannot start, and one that rests."""
    folder = tmp_path / "data"
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("<h1>Hello</h1>\n" * 200, encoding="utf-8")
    (site / "notes.txt").write_text("a line of notes\n" * 4000, encoding="utf-8")
    with socket.create_server(("127.0.0.1", HELD)), ServedPanel(folder) as panel:
        (folder / "handlers" / "orders.py").write_text(ORDERS, encoding="utf-8")
        client = panel.rest()
        traffic = Traffic(seed=1984)
        with client.session:
            furnish(client, traffic, str(site))
        traffic.start()
        yield panel
        traffic.end()


def furnish(client: Rest, traffic: Traffic, site: str) -> None:
    """The services, and who talks to them."""

    def run(name: str, handler: str, address: str, **fields: object) -> str:
        client.delete(f"/services/{name}")
        listening: str = client.start(name, handler, address=address, **fields)["status"]["address"]
        return listening

    greeter = run("greeter", "greeting", "tcp://127.0.0.1:7001")
    echo = run("echo", "echo", "tcp://127.0.0.1:7007", concurrency="forking")
    client.delete("/services/quotes")
    orders = run("orders", "orders:Orders", "tcp://127.0.0.1:7020")
    chat = run("team-chat", "chat", "tcp://127.0.0.1:7021")
    pages = {"directory": site}
    web = run("handbook", "http", "tcp://127.0.0.1:7080", concurrency="pool", options=pages)
    sensors = run("sensors", "discard", "udp://127.0.0.1:7030", concurrency="sync")
    client.create("old-gateway", "echo", address=f"tcp://127.0.0.1:{HELD}")
    client.post("/services/old-gateway/start")
    client.create("nightly", "chargen", address="tcp://127.0.0.1:7019")

    for _ in range(14):
        traffic.add(traffic.comes_and_goes(orders, shopping(), (0.4, 2.6)))
    for number in range(6):
        lines = [f"{NAMES[number]}: line {count}\n".encode() for count in range(8)]
        traffic.add(traffic.comes_and_goes(echo, [lines], (0.2, 1.1)))
        traffic.add(traffic.listens(chat, [b"good morning\n", b"shipped\n", b"thanks!\n"], (2, 9)))
    traffic.add(traffic.fetches(web, [b"/", b"/notes.txt", b"/index.html"], 0.35))
    traffic.add(traffic.reports(sensors, 4, 0.25))
    traffic.add(traffic.fetches(greeter, [b"/"], 2.5))


def draw(tab: Tab, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    tab.page.mouse.move(0, 0)
    tab.settle()
    tab.page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")


LANES = """<body style="margin: 0; padding: 20px; background: #f4f5f8; font: 600 15px sans-serif">
<style>p { margin: 0 0 8px } p + p, img + p { margin-top: 18px } code { font-size: 15px }
img { display: block; width: 1120px }</style>"""


SEEN_ALONG = """() => {
    const { stage } = document.querySelector('.lanes canvas');
    const first = Math.min(...[...stage.model.bars.values()].map((bar) => bar.opened));
    return stage.view.from > first && stage.drawn().every((bar) => bar.ticks > 0);
}"""
"""Whether all that is in view has been watched from its beginning."""


def visits(address: str, seed: int, ended: threading.Event) -> None:
    """One client that comes, says a few lines, each answered, and goes; again and again."""
    moods = random.Random(seed)
    while not ended.wait(moods.uniform(0.1, 1.6)):
        with connected(address) as client:
            for _ in range(moods.randint(2, 6)):
                client.sendall(b"x" * moods.choice([4, 60, 900]))
                if not client.recv(65_536) or ended.wait(moods.uniform(0.05, 0.4)):
                    return


def test_lanes_beside_each_other(tmp_path: Path, new_tab: NewTab) -> None:
    """The same clients at a server that serves one after the other, and at one with threads."""
    ways = ("sync", "threading")
    ended = threading.Event()
    with ServedPanel(tmp_path / "data") as panel, ThreadPoolExecutor(10) as clients:
        rest = panel.rest()
        try:
            for way in ways:
                address = rest.start(way, "echo", concurrency=way)["status"]["address"]
                for seed in range(5):
                    clients.submit(visits, address, seed, ended)
            parts = [LANES]
            tab = new_tab(panel, device_scale_factor=2, reduced_motion="no-preference")
            for way in ways:
                tab.open(f"/services/{way}")
                lanes = tab.page.locator("section.lanes")
                tab.page.wait_for_function(SEEN_ALONG, timeout=A_WHILE_MS)
                picture = base64.b64encode(lanes.screenshot(animations="disabled")).decode()
                parts.append(f'<p><code>concurrency: "{way}"</code></p>')
                parts.append(f'<img alt="" src="data:image/png;base64,{picture}">')
            tab.page.close()
        finally:
            ended.set()
            rest.session.close()
    page = new_tab(panel, signed_in=False, device_scale_factor=1).page
    page.set_viewport_size({"width": 1160, "height": 400})
    page.set_content("".join(parts))
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / "lanes.png", full_page=True)


def test_pictures(busy_panel: ServedPanel, new_tab: NewTab) -> None:
    tab = new_tab(busy_panel, device_scale_factor=1, reduced_motion="no-preference")
    tab.open("/").open_drawer()
    up = tab.row("team-chat").locator(".c-up")
    expect(up).to_have_text(re.compile(r"^1 m [1-9]"), timeout=A_WHILE_MS)
    draw(tab, "overview")

    chatting = busy_panel.rest()
    with chatting.session:
        (longest, *_) = chatting.get(
            "/connections?service=team-chat&sort=-messages_in&limit=1"
        ).json()["items"]
    tab.open(f"/connections/{longest['id']}")
    expect(tab.page.get_by_text("good morning").first).to_be_visible()
    draw(tab, "conversation")

    tab.turn_theme("dark")
    tab.open("/services/orders")
    running = tab.page.locator(".service-head").get_by_role("status")
    expect(running).to_have_text(re.compile(r"(1 m 5|2 m)"), timeout=A_WHILE_MS)
    expect(tab.row("127.0.0.1:").first).to_be_visible()
    draw(tab, "service")

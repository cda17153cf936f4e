"""A real browser on a page of a panel, in a process of its own: do its frames keep up?"""

from __future__ import annotations

import os
import shutil
from typing import Any

from playwright.sync_api import Page, sync_playwright

from benchmarks.child import Talk

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--no-sandbox", "--disable-gpu", "--enable-precise-memory-info")
WAIT_MS = 60_000

PROBE = """() => {
    // A frame's work: from its first callback to the end of layout and paint, after which a
    // message of one's own is the next thing that the page hears; and whatever tasks came between
    // frames, as far as they were longer than the browser reports (50 ms).
    const probe = { work: [], gaps: [], long: [] };
    let last = 0;
    const channel = new MessageChannel();
    let began = 0;
    channel.port1.onmessage = () => probe.work.push(performance.now() - began);
    const frame = (now) => {
        if (last) probe.gaps.push(now - last);
        last = now;
        began = performance.now();
        channel.port2.postMessage(null);
        requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) probe.long.push(entry.duration);
    }).observe({ type: "longtask" });
    window.probe = probe;
}"""

TAKE = """() => {
    const { work, gaps, long } = window.probe;
    const taken = { work: work.splice(0), gaps: gaps.splice(0), long: long.splice(0) };
    return taken;
}"""


def watch(talk: Talk, *, url: str, token: str, path: str) -> None:
    """Signs in, opens `path`, says so; then answers `frames` and `heap` until told to end.

    `frames`: the work and the distance of each frame since the last question, in milliseconds, and
    the tasks above 50 ms. `heap`: bytes in use once what is garbage was collected.
    """
    found = os.environ.get("SOCKETDECK_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(WAIT_MS)
        page.goto(f"{url}/signin?next={path}")
        page.fill("input[name=token]", token)
        page.click("button[type=submit]")
        page.wait_for_selector("canvas")
        devtools = page.context.new_cdp_session(page)
        page.evaluate(PROBE)
        talk.say(ok=True)
        while (asked := talk.hear()) is not None:
            talk.say(**(_heap(devtools) if asked["ask"] == "heap" else _frames(page, asked)))
        browser.close()


def _frames(page: Page, asked: dict[str, Any]) -> dict[str, Any]:
    page.evaluate(TAKE)
    page.wait_for_timeout(1e3 * asked["seconds"])
    taken: dict[str, Any] = page.evaluate(TAKE)
    return taken


def _heap(devtools: Any) -> dict[str, Any]:
    devtools.send("HeapProfiler.collectGarbage")
    return {"bytes": devtools.send("Runtime.getHeapUsage")["usedSize"]}

"""How closely a service is watched, as its page shows and changes it."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Serve
from tests.browser.tab import Tab
from tests.panels import Rest, connected


def test_the_level_is_changed_on_a_live_connection(tab: Tab, client: Rest, serve: Serve) -> None:
    address = serve("captured", "echo")
    tab.open("/services/captured")
    with connected(address) as peer:
        peer.sendall(b"seen")
        assert peer.recv(64) == b"seen"
        tab.tab("Events")
        expect(tab.events("data in", "seen")).to_have_count(1)
        for text, level in (("events:", "events"), ("counters:", "counters"), ("auto:", "auto")):
            tab.page.get_by_role("button", name="Capture").click()
            choices = tab.page.get_by_role("radiogroup", name="Level of capture")
            choices.get_by_text(text).click()
            expect(tab.toast(f"captured is watched at level {level} from now on")).to_be_visible()
            expect(choices).to_have_count(0)
            service = client.service("captured")
            assert service["capture"]["level"] == service["status"]["capture"]["level"] == level
            assert service["status"]["pending_changes"] == []
            peer.sendall(b"said at " + level.encode())
            assert peer.recv(64) == b"said at " + level.encode()
        peer.sendall(b"seen again")
        assert peer.recv(64) == b"seen again"
        expect(tab.events("data in", "seen again")).to_have_count(1)
        expect(tab.events("data in", "said at events")).to_have_count(0)
        expect(tab.events("data in", "said at counters")).to_have_count(0)
    assert tab.violations() == []

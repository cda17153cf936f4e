"""The messages of a connection: pages in both directions, however large a message is."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from app.store import history
from tests.panels import Rest, RunningPanel, connected


def seqs(page: dict[str, Any]) -> list[int]:
    return [message["seq"] for message in page["items"]]


def talk(client: Rest, words: list[bytes], **fields: Any) -> str:
    """Say these to an echo service, each answered; the path of the messages."""
    with connected(client.start("talk", **fields)["status"]["address"]) as peer:
        for word in words:
            peer.sendall(word)
            received = 0
            while received < len(word):
                received += len(peer.recv(1 << 20))
        (found,) = client.get("/connections").json()["items"]
    return f"/connections/{found['id']}/messages"


@pytest.mark.parametrize("written", [True, False])
def test_pages_forth_and_back_are_the_same_messages(
    client: Rest, panel: RunningPanel, written: bool
) -> None:
    path = talk(client, [b"%d" % number for number in range(10)])
    if written:
        panel.panel.history.flush()
    everything = client.get(path, params={"limit": 500}).json()
    assert len(everything["items"]) == 20
    assert everything["next_cursor"] is None
    assert seqs(everything) == sorted(seqs(everything))

    forth: list[int] = []
    query: dict[str, Any] = {"limit": 6}
    while query.get("cursor", "") is not None:
        page = client.get(path, params=query).json()
        forth += seqs(page)
        query["cursor"] = page["next_cursor"]
    assert forth == seqs(everything)

    back: list[int] = []
    query = {"limit": 6, "before": 2**62}
    while query.get("cursor", "") is not None:
        page = client.get(path, params=query).json()
        assert seqs(page) == sorted(seqs(page))
        back = seqs(page) + back
        query["cursor"] = page["next_cursor"]
    assert back == seqs(everything)

    middle = seqs(everything)[7]
    page = client.get(path, params={"before": middle, "limit": 3}).json()
    assert seqs(page) == seqs(everything)[4:7]
    page = client.get(path, params={"after": middle, "limit": 3}).json()
    assert seqs(page) == seqs(everything)[8:11]
    page = client.get(path, params={"after": seqs(everything)[2], "before": middle}).json()
    assert seqs(page) == seqs(everything)[3:7]
    assert client.get(path, params={"before": 0}).json()["items"] == []
    assert client.get(path, params={"after": 2**62}).json()["items"] == []


def test_a_page_of_large_messages_is_short(
    client: Rest, panel: RunningPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MESSAGES_BYTES", 2_000)
    capture = {"level": "payload", "bytes": 0}
    path = talk(client, [b"x" * 900] * 6, capture=capture)
    panel.panel.history.flush()
    for direction in ({}, {"before": 2**62}):
        held = 0
        cursor: dict[str, Any] = {}
        while cursor.get("cursor", "") is not None:
            page = client.get(path, params={"limit": 500, **direction, **cursor}).json()
            size = sum(len(base64.b64decode(message["data"])) for message in page["items"])
            assert 0 < size <= 2_900
            held += size
            cursor = {"cursor": page["next_cursor"]}
        assert held == 12 * 900


def test_bad_bounds(client: Rest) -> None:
    path = talk(client, [b"hello"])
    refused = client.get(path, params={"before": "-1", "after": "x", "order": "up"})
    assert refused.status_code == 422
    pointers = {error["pointer"] for error in refused.json()["errors"]}
    assert pointers == {"/before", "/after", "/order"}
    assert client.get("/connections/123456789/messages").status_code == 404

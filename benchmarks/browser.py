"""The browser's end of the live link, in a process of its own: when does each event arrive?"""

from __future__ import annotations

import threading
import time
from datetime import datetime
from typing import Any

import socketio

from benchmarks.child import Talk

ARRIVE_SECONDS = 10.0


class Watching:
    """A page's subscription to one service. `latencies` are in seconds, of events not folded."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()  # guards all below, which the link's thread writes
        self.latencies: list[float] = []
        self.messages = 0
        self.folded = 0
        self.frames = 0
        self.first: float | None = None
        """When the first message came, in seconds since the epoch."""

    def frame(self, frame: dict[str, Any]) -> bool:
        """Notes when its events came; what it returns is the acknowledgement."""
        now = time.time()
        with self._arrived:
            self.frames += 1
            self.folded += (frame.get("folded") or {}).get("count", 0)
            for event in frame["events"]:
                self.latencies.append(now - datetime.fromisoformat(event["time"]).timestamp())
                if event["kind"] == "connection.data":
                    self.first = self.first or now
                    self.messages += event["data"].get("count", 1)
            self._arrived.notify_all()
        return True

    def collect(self, expected: int) -> dict[str, Any]:
        """What came since the last time; waits until `expected` messages have, or 10 s."""
        with self._arrived:
            self._arrived.wait_for(lambda: self.messages + self.folded >= expected, ARRIVE_SECONDS)
            found = {
                "latencies": self.latencies,
                "messages": self.messages,
                "folded": self.folded,
                "frames": self.frames,
            }
            self.latencies, self.messages, self.folded, self.frames = [], 0, 0, 0
        return found

    def first_message(self) -> dict[str, Any]:
        """When the first message came; waits for it, 10 s."""
        with self._arrived:
            self._arrived.wait_for(lambda: self.first is not None, ARRIVE_SECONDS)
            return {"at": self.first}


def follow(talk: Talk, *, url: str, token: str, service: str) -> None:
    """Says when it is subscribed to the topic `service`, then answers `collect` and `first`."""
    watching = Watching()
    client = socketio.Client(reconnection=False)
    client.on("frame", watching.frame, namespace="/live")
    client.connect(url, namespaces=["/live"], auth={"token": token}, transports=["websocket"])
    try:
        topic = {"topic": "service", "name": service}
        asked_at = time.time()
        answer = client.call("subscribe", topic, namespace="/live", timeout=ARRIVE_SECONDS)
        talk.say(ok=bool(answer.get("ok")), answer=str(answer)[:500], at=asked_at)
        while (asked := talk.hear()) is not None:
            if asked["ask"] == "first":
                talk.say(**watching.first_message())
            else:
                talk.say(**watching.collect(asked["expected"]))
    finally:
        client.disconnect()

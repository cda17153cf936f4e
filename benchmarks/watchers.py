"""Many live clients in one process: Socket.IO spoken by hand, and as little of it as needed.

A client of a library would take a few threads and decode each frame, so that two hundred of them
would be measured rather than the panel. These read a frame's first event's time, and acknowledge.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import struct
import time
from datetime import datetime
from urllib.parse import urlsplit

from benchmarks.child import Talk

TIME = re.compile(rb'"time":"([^"]+)"')
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
OPEN_SECONDS = 60.0


class Watcher:
    """One client, subscribed to a service. `ages` are those of each frame's oldest event, in s."""

    def __init__(self, url: str, token: str, service: str) -> None:
        self._at = urlsplit(url)
        self._token = token
        self._service = service
        self.ages: list[float] = []
        self.frames = 0
        self.subscribed = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()

    async def run(self) -> None:
        """Connect, subscribe, and acknowledge frames until it is cancelled."""
        reader, writer = await asyncio.open_connection(self._at.hostname, self._at.port)
        try:
            await self._shake_hands(reader, writer)
            while True:
                await self.reads.wait()
                kind, payload = await _receive(reader)
                if kind == PING:
                    _send(writer, payload, PONG)
                elif kind == TEXT:
                    self._take(writer, payload)
        finally:
            writer.close()

    async def _shake_hands(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {self._at.netloc}\r\n"
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            raise ConnectionError(head.split(b"\r\n", 1)[0].decode())

    def _take(self, writer: asyncio.StreamWriter, payload: bytes) -> None:
        """One packet of Engine.IO (0 open, 2 ping, 4 message), with Socket.IO's within."""
        if payload.startswith(b"0"):
            auth = json.dumps({"token": self._token})
            _send(writer, f"40/live,{auth}".encode())
        elif payload == b"2":
            _send(writer, b"3")
        elif payload.startswith(b"40/live"):
            asked = json.dumps(["subscribe", {"topic": "service", "name": self._service}])
            _send(writer, f"42/live,0{asked}".encode())
        elif payload.startswith(b"43/live"):
            self.subscribed.set()
        elif payload.startswith(b"42/live,"):
            number = payload[8 : payload.index(b"[")]
            _send(writer, b"43/live," + number + b"[]")
            self.frames += 1
            found = TIME.search(payload)
            if found:
                happened = datetime.fromisoformat(found[1].decode()).timestamp()
                self.ages.append(time.time() - happened)


def _send(writer: asyncio.StreamWriter, payload: bytes, kind: int = TEXT) -> None:
    """A frame of a client (RFC 6455); masked with zeros, which changes nothing."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
    writer.write(bytes([0x80 | kind]) + length + bytes(4) + payload)


async def _receive(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The next whole message of the server; what is in parts is put together."""
    kind, whole = 0, b""
    while True:
        first, size = await reader.readexactly(2)
        if size == 126:
            (size,) = struct.unpack(">H", await reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", await reader.readexactly(8))
        whole += await reader.readexactly(size)
        kind = kind or first & 0x0F
        if first & 0x80:
            return kind, whole


def watch(talk: Talk, *, url: str, token: str, service: str, clients: int) -> None:
    """Says when all are subscribed; then answers `ages` (since the last question) and `stall`.

    `stall`: the first client reads no more from now on, and its ages are left out.
    """
    asyncio.run(_watch(talk, [Watcher(url, token, service) for _ in range(clients)]))


async def _watch(talk: Talk, watchers: list[Watcher]) -> None:
    tasks = []
    async with asyncio.timeout(OPEN_SECONDS):
        for watcher in watchers:  # one after the other: few strangers are let in at a time
            tasks.append(asyncio.create_task(watcher.run()))
            waiting = asyncio.create_task(watcher.subscribed.wait())
            await asyncio.wait([tasks[-1], waiting], return_when=asyncio.FIRST_COMPLETED)
            if not watcher.subscribed.is_set():
                await tasks[-1]
    talk.say(ok=True)
    while (asked := await asyncio.to_thread(talk.hear)) is not None:
        if asked["ask"] == "stall":
            watchers[0].reads.clear()
        reading = [watcher for watcher in watchers if watcher.reads.is_set()]
        ages = [age for watcher in reading for age in watcher.ages]
        frames = sum(watcher.frames for watcher in reading)
        for watcher in watchers:
            watcher.ages, watcher.frames = [], 0
        talk.say(ages=ages, frames=frames, lost=sum(task.done() for task in tasks))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

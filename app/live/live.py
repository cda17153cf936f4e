"""`Live`: Socket.IO put together with the door, the pump, and the gate."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import Flask, request
from flask_socketio import Namespace, SocketIO
from socketio.exceptions import ConnectionRefusedError

from app.access import Access
from app.live import wire
from app.live.door import VISIT, Door, Visit
from app.live.links import Link
from app.live.pump import Pump
from app.live.topics import BadSubscription, Topic, read_after
from app.live.websocket import MESSAGE_BYTES, LiveSocketWSGI
from app.panel import Panel
from app.problems import Refused
from socketdeck import SocketdeckError

NAMESPACE = "/live"
_NAMESPACE = NAMESPACE.encode()
_ACKNOWLEDGEMENT = f"43{NAMESPACE},"
"""How a packet begins that acknowledges an event: Engine.IO's message, Socket.IO's ack."""

FLUSH_SECONDS = 0.05
ANSWERS_WAITING = 64
"""Answers that a client does not take; one that asks on nevertheless is given up."""

Answer = TypeVar("Answer")

protocol_log = logging.getLogger(f"{__name__}.protocol")
"""What Socket.IO says of what clients send: whatever they like."""
protocol_log.setLevel(logging.CRITICAL)


class Live:
    """The live link of one panel; made before the gate is installed. The panel closes it."""

    def __init__(self, app: Flask, panel: Panel, access: Access) -> None:
        self._access = access
        self._most = panel.configuration.live_clients
        self._pump = Pump(panel, self._send, self._cut)
        self._socketio = cast(Any, SocketIO)(  # its stubs are behind it
            app,
            async_mode="threading",
            namespaces=[NAMESPACE],
            transports=["websocket"],
            allow_upgrades=False,
            async_handlers=False,
            manage_session=False,
            max_http_buffer_size=MESSAGE_BYTES,
            json=wire,
            logger=protocol_log,
            engineio_logger=protocol_log,
        )
        self._server = self._socketio.server
        self._bound_engine()
        self._socketio.on_namespace(LiveNamespace(self))
        self._door = Door(app.wsgi_app, self._most, self._pump.later)
        app.wsgi_app = self._door  # type: ignore[method-assign]
        access.sessions.on_end(self._end_session)
        self._pump.start()

    def close(self) -> None:
        """End every link and the pump's thread; nobody gets in any more."""
        self._door.close()
        self._pump.close()

    # -- what the namespace tells -------------------------------------------------------------

    def connect(self, sid: str, visit: Visit, auth: Any) -> None:
        """Somebody connects to the namespace; raises `ConnectionRefusedError`.

        Its client gets the sentence, and as `data` the status that a request would get.
        """
        try:
            identity = self._access.identify_live(request, auth)
        except Refused as refusal:
            raise ConnectionRefusedError(refusal.detail, {"status": refusal.status}) from None
        assert visit.link is not None
        link = Link(sid, identity, visit, visit.link)
        visit.link.on_message = functools.partial(self._heard, link)
        if not self._pump.add(link, self._most):
            most = f"{self._most} live clients are connected, which is the most"
            raise ConnectionRefusedError(most, {"status": 503})
        self._door.welcome(visit)

    def disconnect(self, sid: str) -> None:
        """A client is gone."""
        link = self._pump.remove(sid)
        if link is not None:
            link.visit.cut()

    def subscribe(self, sid: str, asked: Any) -> dict[str, Any] | wire.Encoded:
        """What a client gets for what it asks for."""
        try:
            topic = Topic.parse(asked)
            answer = self._pump.subscribe(sid, topic, read_after(asked))
        except BadSubscription as error:
            return {"ok": False, "error": str(error), **error.place}
        except SocketdeckError as error:
            return {"ok": False, "error": str(error)}
        return wire.Encoded(f'{{"ok":true,"snapshot":{answer.snapshot},"seq":{answer.seq}}}')

    def unsubscribe(self, sid: str, asked: Any) -> dict[str, Any]:
        """The same for what it wants no more."""
        try:
            self._pump.unsubscribe(sid, Topic.parse(asked))
        except BadSubscription as error:
            return {"ok": False, "error": str(error)}
        return {"ok": True}

    def takes_answers(self, sid: str) -> bool:
        """Whether a client takes what it is sent; it is cut off where too much waits for it."""
        engine_id = self._server.manager.eio_sid_from_sid(sid, NAMESPACE)
        waiting = self._server.eio.sockets.get(engine_id)
        return waiting is not None and waiting.queue.qsize() <= ANSWERS_WAITING

    # -- what the pump asks -------------------------------------------------------------------

    def _send(self, link: Link, text: bytes) -> None:
        """A frame as Socket.IO's packet for an event that asks for an acknowledgement."""
        packet = [b'42%s,%d["frame",' % (_NAMESPACE, link.next_number()), text, b"]"]
        if not link.socket.send_frame(packet):
            self._flush_later(link)

    def _flush_later(self, link: Link) -> None:
        self._pump.later(FLUSH_SECONDS, lambda: self._flush(link))

    def _flush(self, link: Link) -> None:
        with contextlib.suppress(OSError):  # it is gone, which its own thread sees
            if not link.socket.flush():
                self._flush_later(link)

    def _heard(self, link: Link, message: str | bytes) -> bool:
        """Whether a message is an acknowledgement: those come to nobody else's eyes."""
        if not isinstance(message, str) or not message.startswith(_ACKNOWLEDGEMENT):
            return False
        number, _, _ = message.removeprefix(_ACKNOWLEDGEMENT).partition("[")
        if number == str(link.number):
            self._acknowledged(link)
        return True

    def _acknowledged(self, link: Link) -> None:
        session = link.identity.session
        if session is not None and not self._access.sessions.use(session):
            link.visit.cut()
            return
        self._pump.acknowledge(link)

    def _cut(self, link: Link) -> None:
        link.visit.cut()

    def _end_session(self, key: str) -> None:
        for link in self._pump.links():
            if link.identity.session == key:
                link.visit.cut()

    def _bound_engine(self) -> None:
        """Have the pump send Engine.IO's pings, and bound what a client may send.

        Engine.IO has a thread sleep before each ping, for each client, and for as long after the
        client is gone: whoever connects again and again would pile them up.
        """
        engine = self._server.eio
        start: Callable[..., Any] = engine.start_background_task

        def start_or_defer(target: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
            if getattr(target, "__name__", "") != "_send_ping":
                return start(target, *arguments, **named)
            self._pump.later(engine.ping_interval, target)
            return None

        engine.start_background_task = start_or_defer
        engine.sleep = lambda seconds=0: None
        engine._async = {**engine._async, "websocket": LiveSocketWSGI}


class LiveNamespace(Namespace):
    """What a client can say, by the names of its events.

    A client may send an event of any name: `connect` and `disconnect` are also Socket.IO's own.
    """

    def __init__(self, live: Live) -> None:
        super().__init__(NAMESPACE)
        self._live = live

    def on_connect(self, auth: Any = None, *_: Any) -> None:
        visit: Visit = request.environ[VISIT]
        if visit.is_known:
            raise ConnectionRefusedError("this link is connected already")
        self._live.connect(_client(), visit, auth)

    def on_disconnect(self, *_: Any) -> None:
        self._live.disconnect(_client())

    def on_subscribe(self, asked: Any = None, *_: Any) -> dict[str, Any] | wire.Encoded | None:
        return self._answer(self._live.subscribe, asked)

    def on_unsubscribe(self, asked: Any = None, *_: Any) -> dict[str, Any] | None:
        return self._answer(self._live.unsubscribe, asked)

    def on_ping(self, *_: Any) -> None:
        """Answered by its acknowledgement."""

    def _answer(self, act: Callable[[str, Any], Answer], asked: Any) -> Answer | None:
        sid = _client()
        if not self._live.takes_answers(sid):
            self._live.disconnect(sid)
            return None
        return act(sid, asked)


def _client() -> str:
    sid: str = request.sid  # type: ignore[attr-defined]
    return sid

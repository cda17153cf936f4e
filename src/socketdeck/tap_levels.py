"""The tapped sockets by their level: how closely they look is what class they are."""

from __future__ import annotations

from socketdeck import hot
from socketdeck.tap import CountingSocket, OffSocket, TappedSocket

TYPE_CHECKING = False  # not from `typing`: see `hosts.forking`
if TYPE_CHECKING or not hot.native:
    from socketdeck.tap_python import CountersSocket, EventsSocket, PayloadSocket
else:
    from socketdeck.hot._native import tap

    class CountersSocket(CountingSocket):
        """Level `counters`: bytes and messages by count."""

        __slots__ = ()

    class EventsSocket(CountingSocket):
        """Level `events`: and an event for each message, without its bytes."""

        __slots__ = ()

    class PayloadSocket(CountingSocket):
        """Level `payload`: and the first bytes of each."""

        __slots__ = ()

    tap(CountersSocket, "counters")
    tap(EventsSocket, "events")
    tap(PayloadSocket, "payload")

SOCKET_CLASSES: dict[str, type[TappedSocket]] = {
    "off": OffSocket,
    "counters": CountersSocket,
    "events": EventsSocket,
    "payload": PayloadSocket,
}

"""The live link: Socket.IO, namespace `/live`, over WebSocket alone.

    journal -> pump (one thread) -> a frame for each topic -> the browser, which acknowledges it

- `door`: who gets in: how many, by which transport, and what a client may send.
- `namespace`: what a client can say: subscribe, unsubscribe, ping, and acknowledge.
- `topics`: what can be subscribed to, and what belongs to it.
- `pieces`: events of a topic, folded where they are too many, and their JSON.
- `links`: what one client is sent, one frame in flight at a time.
- `statuses`: the statuses that frames carry, looked at only while somebody does.
- `pump`: the thread that moves all of it.

A frame is the contract's: `{topic, name or id, seq_from, seq_to, events, folded: {count}, status}`.
`seq_from` to `seq_to` are the numbers that it speaks for, whether or not there is an event of the
topic for each; `status` is left out where it is as the client knows it. Payloads are cut to
`pieces.PAYLOAD_BYTES`: all of them are with the connection's messages.

Frames are encoded here, as text, and once for all clients that get the same: Socket.IO would walk
through every element of a list, for each client anew. `wire.Encoded` takes the text past it.
"""

from app.live.live import Live

__all__ = ["Live"]

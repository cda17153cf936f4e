"""What is, as it is shown: the views that the engine gives of its services and connections.

The shapes are the contract's own; times are UTC, durations seconds, sizes bytes, rates per second.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from socketdeck.credentials import named
from socketdeck.errors import IllegalTransition
from socketdeck.source import lines_at
from socketdeck.stack import FUNCTION_CHARACTERS, shortened

if TYPE_CHECKING:
    from socketdeck.connections import Connection

State = Literal[
    "stopped", "starting", "running", "suspended", "draining", "stopping", "backoff", "failed"
]


Moment = Annotated[
    datetime,
    PlainSerializer(
        lambda when: when.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), return_type=str, when_used="json"
    ),
]
"""A time in UTC, in JSON always to the microsecond."""


class View(BaseModel):
    """What all views share."""

    model_config = ConfigDict(frozen=True)


class Failure(View):
    """An exception: its type, what it said, and where it came from."""

    type: str
    message: str
    traceback: str | None = None


class Traffic(View):
    """Bytes, or messages, by direction; a message is one call of recv or send, or a datagram."""

    model_config = ConfigDict(populate_by_name=True)

    in_: int = Field(0, alias="in")
    out: int = 0


class Waiting(View):
    """Who waits to be served: in the kernel's listen queue, and in a pool's own."""

    backlog: int | None = Field(
        None, description="connections that the kernel holds until the server accepts them"
    )
    backlog_limit: int | None = Field(None, description="how many it holds at most")
    queue: int = 0


class ConnectionFigures(View):
    """A service's connections, since it was created or the panel started."""

    open: int = 0
    total: int = 0
    rejected: int = 0
    waiting: Waiting = Field(default_factory=Waiting)


class Rates(View):
    """What happened a second, over a window that ends now."""

    connections: float = 0.0
    bytes_in: float = 0.0
    bytes_out: float = 0.0
    messages_in: float = 0.0
    messages_out: float = 0.0


class HandlingSecond(View):
    """How long `handle` took, in seconds, over the requests that finished in one second."""

    second: int = Field(description="since the epoch, at which it begins")
    p50: float
    p95: float
    p99: float


class Handling(View):
    """How long `handle` took, in seconds, over the last finished requests; null where none did."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    latest: HandlingSecond | None = Field(
        None, description="of the last second that is over and in which a request finished"
    )


EffectiveLevel = Literal["off", "counters", "events", "payload"]
CaptureReason = Literal["set", "quiet", "looked at", "hot"]


class CaptureStatus(View):
    """How closely a service is watched at the moment."""

    level: Literal["off", "counters", "events", "payload", "auto"] = Field(
        description="as its definition says"
    )
    effective: EffectiveLevel
    since: Moment
    why: CaptureReason = Field(description="set: by the definition; else what level auto goes by")


class ServiceStatus(View):
    """What is known of a service at one moment."""

    state: State
    since: Moment
    address: str | None = Field(None, description="as bound")
    host: Literal["thread", "process"]
    pids: list[int] = Field(default_factory=list)
    threads: int = 0
    generation: int = Field(0, description="how many times it was started")
    restarts: int = 0
    pending_changes: list[str] = Field(default_factory=list)
    last_error: Failure | None = None
    connections: ConnectionFigures = Field(default_factory=ConnectionFigures)
    bytes: Traffic = Field(default_factory=Traffic)
    messages: Traffic = Field(default_factory=Traffic)
    errors: int = 0
    closed: dict[str, int] = Field(default_factory=dict)
    rates: dict[str, Rates] = Field(default_factory=dict, description="by window: 1s, 10s, 60s")
    handling: Handling = Field(default_factory=Handling)
    capture: CaptureStatus


class PeerCredentials(View):
    """Who is at the other end of a Unix socket (SO_PEERCRED, unix(7))."""

    pid: int
    uid: int
    gid: int
    user: str | None = Field(None, description="the user's name; null: unknown")
    process: str | None = Field(
        None, description="the process's name while it is there and the connection open"
    )


class Kernel(View):
    """What the kernel says of a live TCP connection (TCP_INFO, tcp(7)); times in seconds."""

    rtt: float
    rtt_variance: float
    retransmits: int
    send_queue: int
    receive_queue: int
    congestion_window: int


class ConnectionView(View):
    """One connection, or for datagrams one flow."""

    id: int
    service: str
    transport: str
    state: Literal["open", "closed"]
    peer: str | None
    local: str | None
    opened_at: Moment
    closed_at: Moment | None = None
    duration: float
    last_activity: Moment
    idle: float | None = None
    bytes: Traffic
    messages: Traffic
    counted_by: Literal["tap", "kernel"] = Field(
        "tap", description="kernel: of TCP at levels off and counters; it knows of no messages"
    )
    close_reason: str | None = None
    error: Failure | None = None
    tls: dict[str, Any] | None = None
    peer_credentials: PeerCredentials | None = None
    kernel: Kernel | None = None
    pid: int | None = None
    thread: str | None = None
    waited: float | None = Field(
        None, description="seconds it waited for a thread of its pool, or has so far"
    )
    generation: int
    faults: list[str] = Field(default_factory=list)


class Frame(View):
    """One frame of a Python stack."""

    file: str
    line: int
    function: str
    code: str | None = Field(
        description="that line; null: not known, as of a file changed since it was loaded"
    )


class StackView(View):
    """Where a connection's handler is at one moment."""

    time: Moment
    state: Literal["handling", "waiting", "between", "closed"] = Field(
        description="in its handler; waiting for a thread of its pool; in none at the moment, as a "
        "flow between two datagrams; or closed"
    )
    pid: int | None
    thread: str | None
    frames: list[Frame] = Field(
        description="the handler's own, outermost first, at most 200; none where it is in none"
    )
    cut: bool = Field(description="whether outer frames are left out, since there are too many")
    text: str = Field(description="the same as Python prints it")


def moment(epoch_seconds: float) -> datetime:
    """A time as the contract shows it: aware, in UTC, to the microsecond."""
    return datetime.fromtimestamp(epoch_seconds, UTC)


def moment_text(epoch_seconds: float) -> str:
    """The same as text (RFC 3339)."""
    return moment(epoch_seconds).isoformat(timespec="microseconds")[:-6] + "Z"


def connection_as_json(connection: Connection, *, ask_kernel: bool = True) -> dict[str, Any]:
    """A connection as the contract shows it, at this moment: a `ConnectionView` of JSON's types.

    `ask_kernel` for what it says of an open one, which takes as long as all else. It is written out
    since history asks it of each connection that closes, ten thousand times a second where a pool
    is busy; by way of the model it would take longer than to serve it.
    """
    now = time.time()
    closed_at, control = connection.closed_at, connection.control
    credentials = connection.peer_credentials
    kernel = None
    if ask_kernel and closed_at is None and control is not None and connection.transport == "tcp":
        kernel = control.kernel(connection)
    return {
        "id": connection.id,
        "service": connection.service or "",
        "transport": connection.transport,
        "state": "open" if closed_at is None else "closed",
        "peer": connection.peer,
        "local": connection.local,
        "opened_at": moment_text(connection.opened_at),
        "closed_at": None if closed_at is None else moment_text(closed_at),
        "duration": (closed_at or now) - connection.opened_at,
        "last_activity": moment_text(connection.last_activity),
        "idle": None if closed_at else max(0.0, now - connection.last_activity),
        "bytes": {"in": connection.bytes_in, "out": connection.bytes_out},
        "messages": {"in": connection.messages_in, "out": connection.messages_out},
        "counted_by": "kernel" if connection.by_kernel else "tap",
        "close_reason": connection.close_reason,
        "error": connection.error,
        "tls": None,
        "peer_credentials": credentials
        and named(credentials, connection.opened_at if closed_at is None else None),
        "kernel": kernel,
        "pid": connection.pid,
        "thread": connection.thread,
        "waited": (closed_at or now) - connection.opened_at
        if connection.waits
        else connection.waited,
        "generation": connection.generation,
        "faults": [],
    }


def connection_view(connection: Connection) -> ConnectionView:
    """The same for those who read it in Python."""
    return ConnectionView.model_validate(connection_as_json(connection))


def stack_view(connection: Connection) -> StackView:
    """Where a connection's handler is; see `Connection.stack`."""
    control = connection.control
    if not connection.is_open or control is None:
        return closed_stack(connection.pid, connection.thread)
    try:
        found = control.stack(connection)
    except IllegalTransition:  # it was closed meanwhile
        return closed_stack(connection.pid, connection.thread)
    lines = lines_at(found.places, found.since)
    frames = [
        Frame(file=file, line=line, function=function, code=code)
        for (file, line, function), code in zip(found.places, lines, strict=True)
    ]
    return _stack(found.state, found.pid, found.thread, frames, cut=found.cut)


def closed_stack(pid: int | None, thread: str | None) -> StackView:
    """Of a connection that is closed: none; where its handler was."""
    return _stack("closed", pid, thread, [], cut=False)


def _stack(
    state: Any, pid: int | None, thread: str | None, frames: list[Frame], *, cut: bool
) -> StackView:
    return StackView(
        time=moment(time.time()),
        state=state,
        pid=pid,
        thread=thread and shortened(thread, FUNCTION_CHARACTERS),
        frames=frames,
        cut=cut,
        text="".join(map(_as_printed, frames)),
    )


def _as_printed(frame: Frame) -> str:
    code = f"    {frame.code}\n" if frame.code else ""
    return f'  File "{frame.file}", line {frame.line}, in {frame.function}\n{code}'

"""`Service`: one service, from its definition to its end.

Its life is the table in `lifecycle`. `_lifecycle` is held while it moves from one steady state to
another, so that calls to start, stop and restart follow one another; what a status shows can be
read at any time without it. A host that ends by itself hands the clean-up to a thread of its own,
since the thread that ended is one that a stop would wait for.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from pathlib import Path
from typing import Any

from socketdeck import exchange as client
from socketdeck.address import Address, Holders
from socketdeck.capture import CaptureControl
from socketdeck.connections import ConnectionTable
from socketdeck.definition import ServiceDefinition
from socketdeck.errors import (
    AddressUnavailable,
    IllegalTransition,
    SocketdeckError,
    StartFailed,
    StopIncomplete,
    UnknownService,
)
from socketdeck.failure import failure_of
from socketdeck.flows import FlowExpiry
from socketdeck.hosts.host import Host, Leftover, Run
from socketdeck.hosts.process import ProcessHost
from socketdeck.hosts.thread import ThreadHost
from socketdeck.lifecycle import ACTIVE, checked_move
from socketdeck.listener import Listener
from socketdeck.status import (
    ConnectionFigures,
    Failure,
    ServiceStatus,
    State,
    Traffic,
    Waiting,
    moment,
)
from socketdeck.tally import Tally
from socketdeck.timekeeper import Timekeeper

END_GRACE_SECONDS = 2.0
"""After its connection was closed under it, a handler has this long to return."""

AT_ONCE = frozenset({"description", "labels", "autostart", "restart", "drain_timeout", "capture"})
"""Fields whose edit acts on a running service; the others wait for the next start."""

HEALTHY_SECONDS = 10.0
"""A run longer than this, and than the longest delay, counts as healthy: delays start anew."""

ONE_SHOT_END_SECONDS = 1.0
"""What a host may need at least to end, once it has waited for a request in vain."""

AUTOSTART_TRIES_SECONDS = 10.0
AUTOSTART_PAUSE_SECONDS = 0.25


class Service:
    """One service. Made by a supervisor, which closes it."""

    def __init__(
        self,
        definition: ServiceDefinition,
        table: ConnectionTable,
        timekeeper: Timekeeper,
        folder: Path | None = None,
        holders: Holders | None = None,
    ) -> None:
        self.tally = Tally()
        self._table = table
        self._journal = table.journal
        self._timekeeper = timekeeper
        self._folder = folder
        self._holders = holders
        self._lifecycle = threading.RLock()
        # Written under _lifecycle only; each is replaced whole, so a reader sees one or the other.
        self._definition = definition
        self._running: ServiceDefinition | None = None
        self._state: State = "stopped"
        self._since = time.time()
        self._listener: Listener | None = None
        self._host: Host | None = None
        self._last_error: Failure | None = None
        self._generation = 0
        self._restarts = 0
        self._attempts = 0
        self._drain_until = 0.0
        self._one_shot = False
        self._one_shot_ended: threading.Event | None = None
        self._retired = False
        self.capture = CaptureControl(
            definition.name,
            definition.capture,
            tally=self.tally,
            journal=self._journal,
            timekeeper=timekeeper,
        )
        self._flows = FlowExpiry(self.tally, timekeeper)
        self.tally.first_opened = self._first_opened

    def __repr__(self) -> str:
        return f"<Service {self.name} {self._definition.address} {self._state}>"

    # -- what is wanted -----------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self._definition.name

    @property
    def definition(self) -> ServiceDefinition:
        return self._definition

    def edit(self, definition: ServiceDefinition) -> None:
        """Take another definition; what a running service cannot take up waits for a start."""
        self._definition = definition
        self.capture.change(definition.capture)

    # -- what is ------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        return self._state

    @property
    def address(self) -> Address | None:
        """The address as bound; `None` while it holds none."""
        listener = self._listener
        return listener.address if listener is not None else None

    @property
    def pending_changes(self) -> list[str]:
        """The fields that were edited since it started and wait for the next start."""
        running, wanted = self._running, self._definition
        if running is None or self._state not in ACTIVE:
            return []
        return [
            name
            for name in type(wanted).model_fields
            if name not in AT_ONCE and getattr(running, name) != getattr(wanted, name)
        ]

    def status(self) -> ServiceStatus:
        """What is known of it now; does not block."""
        tally, host, listener = self.tally, self._host, self._listener
        self.capture.recount()
        with tally.lock:
            unsettled = [found for found in list(tally.open.values()) if found.changed]
        now = time.time()
        for connection in unsettled:
            connection.settle(now)
        definition = self._running or self._definition
        backlog = listener.waiting() if listener is not None else None
        return ServiceStatus.model_construct(
            state=self._state,
            since=moment(self._since),
            address=str(listener.address) if listener is not None else None,
            host="process" if definition.runs_in_child else "thread",
            pids=host.pids if host is not None else [],
            threads=host.threads if host is not None else 0,
            generation=self._generation,
            restarts=self._restarts,
            pending_changes=self.pending_changes,
            last_error=self._last_error,
            connections=ConnectionFigures.model_construct(
                open=len(tally.open),
                total=tally.total,
                rejected=tally.rejected,
                waiting=Waiting.model_construct(
                    backlog=backlog.length if backlog is not None else None,
                    backlog_limit=backlog.limit if backlog is not None else None,
                    queue=host.queue if host is not None else 0,
                ),
            ),
            bytes=Traffic.model_construct(in_=tally.bytes_in, out=tally.bytes_out),
            messages=Traffic.model_construct(in_=tally.messages_in, out=tally.messages_out),
            errors=tally.errors,
            closed=dict(tally.closed),
            rates=tally.rates(now),
            handling=tally.handling(),
            capture=self.capture.status(),
        )

    # -- what is asked of it ------------------------------------------------------------------

    def start(self, *, patient: bool = False) -> None:
        """Bind and serve; blocks until it does. Does nothing where it runs already.

        A `patient` start that finds its address in use tries for 10 s, as after a panel that was
        killed. `StartFailed` says why not; the state is then `failed` with `last_error`.
        """
        with self._lifecycle:
            if self._state in ("running", "suspended"):
                if self._one_shot:
                    raise IllegalTransition(
                        f"{self.name} waits for a single request; start it after that, or stop it"
                    )
                return
            self._attempts = 0
            self._begin(patient=patient)

    def stop(self, drain_timeout: float | None = None) -> None:
        """Accept nobody, wait for open connections, then close them; blocks until all has ended.

        `drain_timeout` is in seconds, by default the definition's; a second call during the drain
        can bring its end forward. `StopIncomplete` names what could not be ended; the state is then
        `failed`.
        """
        drain = self._definition.drain_timeout if drain_timeout is None else drain_timeout
        if self._state == "draining":
            self._drain_until = min(self._drain_until, time.monotonic() + drain)
            self.tally.tell_idle()
        with self._lifecycle:
            if self._state in ("backoff", "failed"):
                self._move("stopped", why="stop")
            if self._state == "stopped":
                return
            leftovers = self._end(drain, why="stop")
            if leftovers:
                raise self._left_behind(leftovers)
            self._move("stopped", why="stop")

    def retire(self, drain_timeout: float | None = None) -> None:
        """Stop it for good: whoever holds it still, and starts it, gets `UnknownService`.

        Blocks as `stop` does. Where that is incomplete, it is not retired either.
        """
        self._retired = True
        try:
            self.stop(drain_timeout)
        except BaseException:
            self._retired = False
            raise

    def come_back(self) -> None:
        """It is not retired after all; it stays stopped."""
        self._retired = False

    def restart(self) -> None:
        """Stop, where it runs, and start with the handler's code as it is now."""
        with self._lifecycle:
            if self._state in ACTIVE:
                self.stop()
            self.start()

    def handle_request(self, timeout: float = 5.0) -> bool:
        """While stopped: bind, handle one request, close; whether one came within `timeout` s.

        Blocks until it is handled, for `timeout` seconds more at most: a handler that takes longer
        is let finish, and a stop ends it.
        """
        with self._lifecycle:
            if self._state not in ("stopped", "failed"):
                raise IllegalTransition(
                    f"{self.name} is {self._state}; stop it before a single request is handled"
                )
            self._attempts = 0
            before = self.tally.total
            ended = self._one_shot_ended = threading.Event()
            self._begin(requests=1, timeout=timeout)
            host = self._host
            assert host is not None
        if ended.wait(timeout) or ended.wait(max(timeout, ONE_SHOT_END_SECONDS)):
            with self._lifecycle:
                pass  # its last move is made, too
        return host.requests_handled > 0 or self.tally.total > before

    def exchange(self, data: bytes, timeout: float = 5.0) -> client.Exchange:
        """Talk to it as a client would: send `data`, and tell what came back within `timeout` s."""
        address = self.address
        if address is None or self._state != "running":
            raise IllegalTransition(f"{self.name} is {self._state}; start it to talk to it")
        return client.exchange(address, data, timeout)

    # -- within -------------------------------------------------------------------------------

    def _first_opened(self) -> None:
        """A connection is open where none was: whoever has to look at such is told."""
        listener = self._listener
        if listener is not None and not listener.address.is_stream:
            self._flows.expect()
        self.capture.first_opened()

    # -- the moves ----------------------------------------------------------------------------

    def _move(self, state: State, *, why: str, error: dict[str, Any] | None = None) -> None:
        before = self._state
        self._state = checked_move(self.name, before, state)
        self._since = time.time()
        self.tally.stir()
        if error is not None:
            self._last_error = Failure(**error)
        elif state == "running":
            self._last_error = None
        data: dict[str, Any] = {"state": state, "previous": before, "why": why}
        if error is not None:
            data["error"] = error
        self._journal.record((self.name, None), "service.state", data)

    def _begin(
        self,
        *,
        patient: bool = False,
        requests: int | None = None,
        timeout: float | None = None,
        why: str = "start",
        on_failure: State = "failed",
    ) -> None:
        if self._retired:
            raise UnknownService(f"the service {self.name} was deleted")
        definition = self._definition
        self._move("starting", why=why)
        self._generation += 1
        self._one_shot = timeout is not None
        try:
            self._listener = self._bind(definition, patient)
            host_class = ProcessHost if definition.runs_in_child else ThreadHost
            level = self.capture.level
            host = host_class(
                Run(
                    definition=definition,
                    level=level,
                    listener=self._listener,
                    table=self._table,
                    tally=self.tally,
                    generation=self._generation,
                    folder=self._folder,
                    requests=requests or definition.requests,
                    timeout=timeout,
                    ended=lambda error: self._hand_over(host, error),
                )
            )
            self._running = definition
            self._host = host
            host.start()
            self.capture.attach(host, level, definition.capture)
        except Exception as error:
            self._drop()
            self._move(on_failure, why=why, error=failure_of(error))
            said = str(error)
            if not isinstance(error, SocketdeckError):
                said = f"{type(error).__name__}: {said}"
            raise StartFailed(f"{self.name} did not start: {said}") from error
        self._move("running", why=why)

    def _bind(self, definition: ServiceDefinition, patient: bool) -> Listener:
        give_up = time.monotonic() + (AUTOSTART_TRIES_SECONDS if patient else 0)
        while True:
            try:
                backlog = definition.limits.backlog
                return Listener(definition.listens_on, backlog, self._holders)
            except AddressUnavailable:
                if time.monotonic() >= give_up:
                    raise
                time.sleep(AUTOSTART_PAUSE_SECONDS)

    def _end(self, drain: float, *, why: str) -> list[Leftover]:
        """By `draining` into `stopping`, with all given back that could be."""
        host, listener = self._host, self._listener
        assert host is not None
        assert listener is not None
        # First: a stop that finds it draining brings this forward.
        self._drain_until = time.monotonic() + drain
        self._move("draining", why=why)
        try:
            host.stop_accepting()
            listener.close()
            host.wait_idle(lambda: self._drain_until)
            self._move("stopping", why=why)
            host.close_connections("service_stopped")
            grace = time.monotonic() + END_GRACE_SECONDS
            host.wait_idle(lambda: grace)
            return host.close(grace)
        except Exception as error:  # a machine out of descriptors, say, or a fault of ours
            with contextlib.suppress(Exception):
                host.close(time.monotonic())
            if self._state == "draining":
                self._move("stopping", why=why)
            self._move("failed", why=why, error=failure_of(error))
            said = f"{type(error).__name__}: {error}"
            raise StopIncomplete(f"{self.name} could not be stopped cleanly: {said}") from error
        finally:
            self._drop()

    def _drop(self) -> None:
        """Let go of the host and the socket; what is still shown as open was left behind."""
        if self._listener is not None:
            self._listener.close()
        for connection in list(self.tally.open.values()):
            connection.wish = connection.wish or "service_stopped"
            self._table.closed(connection)
        self.capture.detach()
        self._listener = self._host = None
        if self._one_shot_ended is not None:
            self._one_shot_ended.set()
            self._one_shot_ended = None

    def _left_behind(self, leftovers: list[Leftover]) -> StopIncomplete:
        names = ", ".join(left.name for left in leftovers)
        error = StopIncomplete(
            f"{self.name} stopped, but {len(leftovers)} handler(s) never returned: {names}; "
            "host: process lets the next stop end them"
        )
        stacks = "\n".join(f"{left.name}:\n{left.stack}" for left in leftovers)
        failure = {"type": "StopIncomplete", "message": str(error), "traceback": stacks}
        self._move("failed", why="stop", error=failure)
        return error

    # -- when it ends by itself ---------------------------------------------------------------

    def _hand_over(self, host: Host, error: BaseException | None) -> None:
        threading.Thread(
            target=self._ended, args=(host, error), name=f"{self.name}-end", daemon=True
        ).start()

    def _ended(self, host: Host, error: BaseException | None) -> None:
        with self._lifecycle:
            if self._host is not host:
                return  # somebody stopped it meanwhile
            ran = time.time() - self._since
            by_count = self._one_shot or (self._running or self._definition).requests is not None
            why = "ended" if error is not None else "requests" if by_count else "shutdown"
            # Nobody asked for this end: those being served are let finish, however long it takes.
            try:
                leftovers = self._end(threading.TIMEOUT_MAX if error is None else 0.0, why=why)
            except StopIncomplete:
                return  # the state says so
            if ran > max(self._definition.restart.maximum_delay, HEALTHY_SECONDS):
                self._attempts = 0
            failure = failure_of(error) if error is not None else None
            if leftovers:
                self._left_behind(leftovers)
            elif self._is_to_restart(failed=error is not None):
                self._move("backoff", why=why, error=failure)
                self._retry_later()
            elif error is not None:
                self._move("failed", why=why, error=failure)
            else:
                self._move("stopped", why=why)

    def _is_to_restart(self, *, failed: bool) -> bool:
        restart = self._definition.restart
        if self._one_shot or (restart.attempts is not None and self._attempts >= restart.attempts):
            return False
        return restart.policy == "always" or (failed and restart.policy == "on-failure")

    def _retry_later(self) -> None:
        restart = self._definition.restart
        delay = min(restart.maximum_delay, restart.delay * 2.0 ** min(self._attempts, 30))
        self._attempts += 1
        generation = self._generation
        self._timekeeper.later(delay * random.uniform(0.9, 1.1), lambda: self._retry(generation))

    def _retry(self, generation: int) -> None:
        with self._lifecycle:
            if self._state != "backoff" or self._generation != generation or self._retired:
                return  # stopped, or started by hand, meanwhile
            self._restarts += 1
            again = self._is_to_restart(failed=True)
            try:
                self._begin(why="restart", on_failure="backoff" if again else "failed")
            except StartFailed:
                if again:
                    self._retry_later()

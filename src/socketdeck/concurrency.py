"""Ways of serving requests beside socketserver's own mix-ins.

`PoolMixIn` serves streams by a bounded pool of threads. `PromotingMixIn` serves datagrams as
ThreadingMixIn would, each handler free to take its time, but without a thread for each datagram.
`ReapingForkingMixIn` is ForkingMixIn for datagrams whose children are reaped when they end, not
when somebody looks. All three stand in front of a server of `managed`.
"""

from __future__ import annotations

import contextlib
import os
import queue
import socketserver
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from socketdeck.managed import ManagedMixIn as _Server
else:
    _Server = object

QUEUE_FACTOR = 16
"""Requests that may wait in a pool's queue, for each of its threads; more wait in the kernel."""

PROMOTE_AFTER_SECONDS = 0.002
QUIET_LOOKS = 25
PARKED_SECONDS = 10.0
PROMOTED_MAXIMUM = 1_024


class PoolMixIn(_Server):
    """Handle each request on one of `pool_size` threads, started as they are needed.

    What finds none free waits in a queue; when that is full, the server accepts nobody until there
    is room, and the kernel's backlog holds the rest.
    """

    pool_size = 64

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._requests: queue.SimpleQueue[tuple[Any, Any] | None] = queue.SimpleQueue()
        self._pool: list[threading.Thread] = []  # the serving thread's alone, until it has ended
        # Both are changed by the serving thread and by the pool's; see hot/counts.py.
        self._free = 0
        self._unfinished = 0  # requests that were taken and are not done with
        super().__init__(*arguments, **options)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return self._requests.qsize()

    @property
    def is_busy(self) -> bool:
        """Whether a request that comes now has to wait: every thread is at one, or about to be."""
        return self._unfinished >= self.pool_size

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free > 0:
            self._free -= 1
        elif len(self._pool) < self.pool_size:
            self._start_thread()
        self._unfinished += 1
        self._requests.put((request, client_address))
        if self._requests.qsize() >= self.pool_size * QUEUE_FACTOR:
            self.pause_accepting()
            self._resume_if_there_is_room()  # the pool may have been through with it meanwhile

    def _start_thread(self) -> None:
        thread = threading.Thread(
            target=self._serve_pool, name=f"{self.thread_prefix}-{len(self._pool) + 1}", daemon=True
        )
        thread.start()  # which may fail: then it is none of the pool's
        self._pool.append(thread)

    def _serve_pool(self) -> None:
        requests = self._requests
        while (item := requests.get()) is not None:
            self.process_request_thread(*item)
            self._unfinished -= 1
            self._resume_if_there_is_room()
            if not requests.qsize():
                self._free += 1

    def _resume_if_there_is_room(self) -> None:
        if self.accepting_paused and self.waiting < self.pool_size * QUEUE_FACTOR // 2:
            self.resume_accepting()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """As ThreadingMixIn's, on a thread that goes on to the next."""
        try:
            self.finish_request(request, client_address)
        except BaseException:  # as much as would end a thread of its own
            self.handle_error(request, client_address)
        finally:
            self.shutdown_request(request)

    def end_threads(self) -> list[threading.Thread]:
        """Have the pool's threads end after what they are at; returns them, to be joined."""
        while True:
            try:
                item = self._requests.get_nowait()
            except queue.Empty:
                break
            if item is not None:
                self.shutdown_request(item[0])
        for _ in self._pool:
            self._requests.put(None)
        return list(self._pool)


class _Lead:
    """What the promoter looks at of the thread that leads: which request it is at, if at any."""

    __slots__ = ("busy", "last_seen", "served")

    def __init__(self) -> None:
        self.busy = False
        self.served = 0
        self.last_seen = -1  # the promoter's alone


class _Promoter:
    """One thread for the process that looks at the leading threads every 2 ms while any serves.

    It sleeps when all have been quiet for a while; the next datagram wakes it.
    """

    def __init__(self) -> None:
        self._servers: dict[PromotingMixIn, int] = {}  # quiet looks; guarded by _changed
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def oversee(self, server: PromotingMixIn) -> None:
        with self._changed:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="socketdeck-promoter", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    return  # no thread is to be had; the next datagram asks again
                self._thread = thread
            server.overseen = True
            self._servers[server] = 0
            self._changed.notify()

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            with self._changed:
                while not self._servers:
                    self._changed.wait()
                servers = list(self._servers)
            pause.wait(PROMOTE_AFTER_SECONDS)
            for server in servers:
                try:
                    served = server.look()
                except RuntimeError:  # no thread is to be had; perhaps at the next look
                    served = True
                with self._changed:
                    quiet = 0 if served else self._servers.get(server, 0) + 1
                    self._servers[server] = quiet
                    if quiet > QUIET_LOOKS:
                        server.overseen = False
                        del self._servers[server]


_promoter = _Promoter()
_local = threading.local()


class PromotingMixIn(_Server):
    """Serve datagrams by the thread that read them, with another promoted when a handler is slow.

    One thread leads: it waits for a datagram, reads it and handles it. While handlers are quick, it
    alone is at work, and nothing is handed from thread to thread. A handler that takes longer than
    2 ms has another thread promoted to lead, so that the others need not wait for it, as under
    ThreadingMixIn. Threads without the lead are parked for a while, then end. At most
    `thread_maximum` lead or handle; beyond that datagrams wait in the kernel's buffer.
    """

    thread_maximum = PROMOTED_MAXIMUM
    overseen = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._lead = _Lead()
        self._promoting = threading.Condition()  # guards the four below
        self._parked = 0
        self._vacant = 0  # promotions that no thread has taken up yet
        self._promoted: set[threading.Thread] = set()
        self._named = 1
        self._failure: BaseException | None = None
        self._over = threading.Event()
        super().__init__(*arguments, **options)

    def keep_serving(self) -> bool:
        return self._goes_on() and self._lead is _local.lead

    def _goes_on(self) -> bool:
        """Whether it serves at all: `_over` stays set when `serve_forever` has ended."""
        return super().keep_serving() and not self._over.is_set()

    def serve(self, interval: float | None) -> None:
        self._over.clear()
        self._take_lead()
        try:
            super().serve(interval)
            if super().keep_serving():
                self._over.wait()  # its shutdown, however long other threads lead until then
        finally:
            self._end_leading()
        if self._failure is not None:
            raise self._failure

    def request_shutdown(self) -> None:
        super().request_shutdown()
        self._end_leading()

    def _end_leading(self) -> None:
        self._over.set()
        with self._promoting:
            self._promoting.notify_all()

    def handle_request(self) -> None:
        """One request; nobody leads who could hand over, so it has a thread of its own."""
        _local.lead = None
        super().handle_request()

    def process_request(self, request: Any, client_address: Any) -> None:
        lead = _local.lead
        if lead is None and len(self._promoted) < self.thread_maximum:
            return self._start_thread(self._serve_one, request, client_address)
        if lead is None:
            return self._serve_one(request, client_address)
        lead.served += 1
        lead.busy = True
        if not self.overseen:
            _promoter.oversee(self)
        try:
            self._serve_one(request, client_address)
        finally:
            lead.busy = False
        return None

    def _serve_one(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except BaseException:  # whatever it is, it ends this request alone
            self.handle_error(request, client_address)
        finally:
            self.shutdown_request(request)

    def look(self) -> bool:
        """Promote another thread if the leading one is where it was; whether any was served."""
        lead = self._lead
        served, seen = lead.served, lead.last_seen
        lead.last_seen = served
        if lead.busy and served == seen:
            self._promote()
            return True
        return served != seen

    def _promote(self) -> None:
        with self._promoting:
            if self._vacant or not self._goes_on():
                return
            if self._parked:
                self._vacant += 1
                self._promoting.notify()
            elif len(self._promoted) < self.thread_maximum - 1:
                self._start_thread(self._serve_promoted)

    def _start_thread(self, job: Callable[..., None], *arguments: Any) -> None:
        with self._promoting:
            self._named += 1
            name = f"{self.thread_prefix}-{self._named}"
            thread = threading.Thread(
                target=self._work, args=(job, *arguments), name=name, daemon=True
            )
            self._promoted.add(thread)
            try:
                thread.start()
            except BaseException:
                self._promoted.discard(thread)
                raise

    def _work(self, job: Callable[..., None], *arguments: Any) -> None:
        try:
            job(*arguments)
        finally:
            with self._promoting:
                self._promoted.discard(threading.current_thread())

    def _take_lead(self) -> None:
        _local.lead = self._lead = _Lead()

    def _serve_promoted(self) -> None:
        try:
            while self._goes_on():
                self._take_lead()
                super().serve(None)
                if not self._wait_parked():
                    break
        except BaseException as error:
            self._failure = error
            self.request_shutdown()

    def _wait_parked(self) -> bool:
        with self._promoting:
            self._parked += 1
            self._promoting.wait_for(lambda: self._vacant or not self._goes_on(), PARKED_SECONDS)
            self._parked -= 1
            if self._vacant:
                self._vacant -= 1
                return True
            return False

    def end_threads(self) -> list[threading.Thread]:
        """The threads that were promoted and have not ended; they do once their handler returns."""
        with self._promoting:
            return list(self._promoted)


class ReapingForkingMixIn(socketserver.ForkingMixIn, _Server):
    """Fork a child for each datagram, and reap it when it ends: its pidfd is polled with the rest.

    Only for a process with a single thread: a fork copies the locks that other threads hold. At
    `max_children` nothing is read until one has ended. A child answers by the server's own socket,
    and keeps it. Streams have a worker of their own, `hosts.forking`.
    """

    # What it is mixed into has; the watch knows of children.
    watch: Any

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._children: dict[int, tuple[int, Any]] = {}  # pidfd: pid, flow
        super().__init__(*arguments, **options)

    def process_request(self, request: Any, client_address: Any) -> None:
        flow = self.watch.find(request, client_address)
        pid = os.fork()
        if pid:
            self._adopt(pid, flow)
            return
        status = 1
        try:
            self.finish_request(request, client_address)
        except Exception:
            self.handle_error(request, client_address)
        finally:
            try:
                with contextlib.suppress(Exception):
                    status = self.watch.leave_child()
            finally:
                os._exit(status)

    def _adopt(self, pid: int, flow: Any) -> None:
        self.watch.forked(flow, pid)
        pidfd = os.pidfd_open(pid)
        self._children[pidfd] = (pid, flow)
        self.poll_also(pidfd, lambda: self._reap(pidfd))
        if len(self._children) >= self.max_children:
            self.pause_accepting()

    def _reap(self, pidfd: int) -> None:
        pid, flow = self._children.pop(pidfd)
        self.poll_no_more(pidfd)
        os.close(pidfd)
        _, status = os.waitpid(pid, 0)
        self.watch.reaped(flow, pid, status)
        if self.accepting_paused and len(self._children) < self.max_children:
            self.resume_accepting()

    def collect_children(self, *, blocking: bool = False) -> None:
        """Nothing: they are reaped by their pidfd."""

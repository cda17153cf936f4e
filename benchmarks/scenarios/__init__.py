"""The scenarios: each a module with `run(plan)`, which yields its lines as they are measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.measure import Line
from benchmarks.plan import Plan
from benchmarks.scenarios import (
    auto,
    clients,
    datagrams,
    echo,
    forking,
    history,
    idle,
    journal,
    killing,
    live,
    page,
    peers,
    pinned,
    pool,
)


@dataclass(frozen=True)
class Scenario:
    """A name for the command line, and what the lines under it are."""

    name: str
    title: str
    run: Callable[[Plan], Iterator[Line]]


SCENARIOS = (
    Scenario("echo", "CPU a request, then requests/s, over stock threading", echo.run),
    Scenario("pool", "short connections, over stock threading", pool.run),
    Scenario("datagrams", "requests a second over stock's synchronous UDPServer", datagrams.run),
    Scenario("pinned", "requests a second at 64 connections, over stock threading", pinned.run),
    Scenario("forking", "connections a second over stock ForkingTCPServer", forking.run),
    Scenario("idle", "500 idle services in one process", idle.run),
    Scenario("journal", "events offered by four threads, one reader", journal.run),
    Scenario("history", "p99 of 20,000 echoes a second over the same without", history.run),
    Scenario("live", "from the socket to the page, 1,000 events a second", live.run),
    Scenario("auto", "back to full detail on a hot service, once somebody looks", auto.run),
    Scenario("clients", "200 live clients on one service, 1,000 events a second", clients.run),
    Scenario("page", "a browser beside 10,000 connections and 5,000 events a second", page.run),
    Scenario("killing", "ending connections from outside", killing.run),
    Scenario("peers", "requests a second over stock threading's, each alone", peers.run),
)

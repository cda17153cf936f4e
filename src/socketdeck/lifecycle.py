"""The life of a service, as one table.

    stopped -> starting -> running -> draining -> stopping -> stopped
                  |           |           \\-> failed: something could not be ended
                  |           |-> backoff -> starting: it ended by itself and is to be restarted
                  \\-> failed  \\-> failed: it ended by itself and is not

`suspended` stands between `running` and itself: bound, accepting nobody. Every move that the table
does not have raises, and leaves the state as it was.
"""

from __future__ import annotations

from socketdeck.errors import IllegalTransition
from socketdeck.status import State

TRANSITIONS: dict[State, frozenset[State]] = {
    "stopped": frozenset({"starting"}),
    "starting": frozenset({"running", "failed", "backoff"}),
    "running": frozenset({"suspended", "draining", "failed", "backoff"}),
    "suspended": frozenset({"running", "draining", "failed", "backoff"}),
    "draining": frozenset({"stopping"}),
    "stopping": frozenset({"stopped", "failed", "backoff"}),
    "backoff": frozenset({"starting", "stopped"}),
    "failed": frozenset({"starting", "stopped"}),
}

ACTIVE: frozenset[State] = frozenset({"starting", "running", "suspended", "draining", "stopping"})
"""The states in which a service holds its address."""


def checked_move(name: str, before: State, after: State) -> State:
    """`after`, if a service may go there from `before`; `IllegalTransition` otherwise."""
    if after not in TRANSITIONS[before]:
        raise IllegalTransition(f"{name} is {before}; it cannot become {after}")
    return after

"""Definitions, what is wanted of each, and the sessions: kept by the time a call returns."""

from __future__ import annotations

from typing import Any

import pytest

from app.store import RevisionMismatch, SessionRecord

ECHO = {"name": "echo", "address": "tcp://127.0.0.1:7", "options": {"greeting": "žluťoučký"}}


def test_what_is_saved_comes_back_after_a_restart(panel: Any) -> None:
    panel.store.definitions.save(ECHO)
    panel.store.definitions.want("echo", "running")
    panel.restart(clean=False)
    (kept,) = panel.store.definitions.all()
    assert kept == ("echo", ECHO, "running", 1)
    assert panel.store.definitions.get("echo") == kept


def test_a_new_one_is_wanted_stopped_and_an_edit_changes_no_wish(panel: Any) -> None:
    definitions = panel.store.definitions
    assert definitions.save(ECHO).wanted == "stopped"
    definitions.want("echo", "running")
    assert definitions.save({**ECHO, "address": "tcp://127.0.0.1:8"}).wanted == "running"


def test_they_are_listed_by_name(panel: Any) -> None:
    for name in ("upper", "chat", "echo"):
        panel.store.definitions.save({"name": name})
    assert [kept.name for kept in panel.store.definitions.all()] == ["chat", "echo", "upper"]


def test_a_revision_is_never_given_twice(panel: Any) -> None:
    definitions = panel.store.definitions
    first = definitions.save(ECHO).revision
    assert definitions.delete("echo")
    assert definitions.save(ECHO).revision > first
    panel.restart()
    assert panel.store.definitions.save(ECHO).revision > first + 1


def test_an_edit_of_what_was_changed_meanwhile_is_refused(panel: Any) -> None:
    definitions = panel.store.definitions
    seen = definitions.save(ECHO).revision
    definitions.save({**ECHO, "address": "tcp://127.0.0.1:8"}, expected=seen)
    with pytest.raises(RevisionMismatch, match="definition of echo was changed"):
        definitions.save({**ECHO, "address": "tcp://127.0.0.1:9"}, expected=seen)
    assert definitions.get("echo").definition["address"] == "tcp://127.0.0.1:8"


def test_an_edit_of_what_is_gone_is_refused(panel: Any) -> None:
    with pytest.raises(RevisionMismatch):
        panel.store.definitions.save(ECHO, expected=1)
    assert panel.store.definitions.get("echo") is None


def test_deleting_says_whether_there_was_one(panel: Any) -> None:
    panel.store.definitions.save(ECHO)
    assert panel.store.definitions.delete("echo")
    assert not panel.store.definitions.delete("echo")
    panel.store.definitions.want("echo", "running")
    assert panel.store.definitions.all() == []


def test_a_fresh_panel_is_seeded_once(panel: Any) -> None:
    assert panel.store.definitions.seed([ECHO, {"name": "chat"}])
    panel.store.definitions.delete("echo")
    panel.restart()
    assert not panel.store.definitions.seed([ECHO, {"name": "chat"}])
    assert [kept.name for kept in panel.store.definitions.all()] == ["chat"]


def test_sessions_come_back_until_they_end(panel: Any) -> None:
    record = SessionRecord("a" * 64, "b" * 64, 1.0, 1.0)
    panel.store.sessions.add(record)
    panel.store.sessions.add(record._replace(key="c" * 64))
    panel.store.sessions.seen(record.key, 2.0)
    panel.store.sessions.remove("c" * 64)
    panel.restart(clean=False)
    assert panel.store.sessions.all() == [record._replace(seen_at=2.0)]

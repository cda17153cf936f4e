"""Users' modules, tried before they are imported here, and listed.

What imported well in a child process (`trial`) is remembered until a file of the folder changes, so
that starting a service costs a child only after an edit.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from socketdeck.catalogue import CATALOGUE
from socketdeck.errors import FieldError, InvalidDefinition, LoadError
from socketdeck.loading.description import FileFailure, HandlerDescription, Listing, describe
from socketdeck.loading.fitting import verify
from socketdeck.loading.folder import MODULES_MAXIMUM, Fingerprint, HandlersFolder
from socketdeck.loading.reference import installed, parse
from socketdeck.loading.trial import Answer, Task, attempt

LISTING_SECONDS = 20.0
"""After this no further module is tried for a listing; the next listing goes on from there."""

FAILURES_FRESH_SECONDS = 10.0
"""How long a listing with failures stands: what is missing may be installed meanwhile."""

LOST_FRESH_SECONDS = 300.0
"""How long a module that cost its child is not tried again for a listing, unless it is edited.

Not for ever: it may have been the machine's fault, which was too busy.
"""

REMEMBERED_MAXIMUM = 1000
"""Modules, and folders, of which it is remembered what was found."""

_lock = threading.Lock()
"""Guards the tables below; nothing else happens under it."""

_imported: dict[tuple[str, str], Fingerprint] = {}
_listings: dict[str, tuple[Fingerprint, float, Future[Listing]]] = {}
_lost: dict[tuple[str, str], tuple[Fingerprint, float, LoadError]] = {}
"""By folder and file: what cost its child, the stamps of the files it was in, and until when."""


def ensure_imports(handler: str, folder: HandlersFolder | None) -> None:
    """Return if a handler's module, where it is one of the folder, imports; else `LoadError`.

    Blocks for a child process, once after each change in the folder.
    """
    if folder is None or ":" not in handler:
        return
    module, _ = parse(handler)
    file = folder.relative(folder.file_of(module))
    fingerprint = folder.fingerprint()
    with _lock:
        if _imported.get((folder.path, module)) == fingerprint:
            return
    _only_answer(folder, {"module": module}, file)
    _remember(folder, module, file, fingerprint)


def check(
    handler: str,
    *,
    folder: Path | None = None,
    transport: str | None = None,
    options: Mapping[str, Any] | None = None,
    concurrency: str | None = None,
) -> HandlerDescription:
    """What a handler is; raises what `resolve` would, and imports nothing here.

    Of transport, options and concurrency those that are given are checked too. Blocks for a child
    process, unless the handler is built in.
    """
    if entry := CATALOGUE.get(handler):
        verify(entry, transport, options, concurrency)
        return describe(handler, entry, "builtin")
    if options is not None and not _is_json(options):
        raise InvalidDefinition([FieldError("/options", "options are what JSON can say")])
    where = HandlersFolder(folder) if folder else None
    task: Task = {
        "handler": handler,
        "transport": transport,
        "options": None if options is None else dict(options),
        "concurrency": concurrency,
    }
    if where is None or ":" not in handler:
        answer = _only_answer(where, task, handler)
    else:
        module, _ = parse(handler)
        file = where.relative(where.file_of(module))
        fingerprint = where.fingerprint()
        answer = _only_answer(where, task, file)
        _remember(where, module, file, fingerprint)
    return HandlerDescription.model_validate(answer["handler"])


def listing(folder: Path | None = None) -> Listing:
    """The catalogue, what installed packages give, and what stands in the folder.

    Blocks for a child process after each change in the folder; whoever asks meanwhile waits for the
    same answer.
    """
    where = HandlersFolder(folder) if folder else None
    key = where.path if where else ""
    fingerprint = where.fingerprint() if where else ()
    mine: Future[Listing] = Future()
    with _lock:
        known = _listings.get(key)
        if known and known[0] == fingerprint and not _is_stale(known):
            future = known[2]
        else:
            _forget_oldest(_listings)
            _listings[key] = (fingerprint, time.monotonic(), mine)
            future = mine
    if future is mine:
        try:
            mine.set_result(_listing_of(where, fingerprint))
        except BaseException as error:
            with _lock:
                _listings.pop(key, None)
            mine.set_exception(error)
    return future.result()


def _is_stale(known: tuple[Fingerprint, float, Future[Listing]]) -> bool:
    _, began, future = known
    if not future.done() or time.monotonic() - began < FAILURES_FRESH_SECONDS:
        return False
    return future.exception() is not None or bool(future.result().errors)


def _listing_of(folder: HandlersFolder | None, fingerprint: Fingerprint) -> Listing:
    handlers = [describe(name, entry, "builtin") for name, entry in CATALOGUE.items()]
    failures: list[FileFailure] = []
    subjects: list[tuple[str, Task]] = [
        (f"entry point {name}", {"entry_point": name}) for name in sorted(installed())
    ]
    if folder is not None:
        modules = folder.modules()
        subjects += [(folder.relative(file), {"module": name}) for name, file in modules.items()]
        if len(modules) == MODULES_MAXIMUM:
            message = f"only the first {MODULES_MAXIMUM} modules of this folder are looked at"
            failures.append(FileFailure(file=".", message=message))
    outcomes = _outcomes(folder, subjects, fingerprint)
    for subject, _ in subjects:
        answer = outcomes[subject]
        if answer is None:
            message = "not looked at yet: other files took too long; list them again"
            failures.append(FileFailure(file=subject, message=message))
        elif isinstance(answer, LoadError):
            failures.append(
                FileFailure(file=subject, message=str(answer), traceback=answer.traceback)
            )
        else:
            if "error" in answer:
                failures.append(FileFailure(file=subject, **answer["error"]))
            handlers += map(HandlerDescription.model_validate, answer.get("handlers", ()))
    return Listing(handlers=tuple(handlers), errors=tuple(failures))


def _outcomes(
    folder: HandlersFolder | None, subjects: list[tuple[str, Task]], fingerprint: Fingerprint
) -> dict[str, Answer | LoadError | None]:
    """What came of each subject; those that cost their child lately are not tried again."""
    path = folder.path if folder else ""
    now, stamps = time.monotonic(), set(fingerprint)
    outcomes: dict[str, Answer | LoadError | None] = {}
    with _lock:
        for subject, _ in subjects:
            lost = _lost.get((path, subject))
            if lost and stamps.issuperset(lost[0]) and now < lost[1]:
                outcomes[subject] = lost[2]
    tried = [(subject, task) for subject, task in subjects if subject not in outcomes]
    for (subject, _), outcome in zip(tried, attempt(folder, tried, LISTING_SECONDS), strict=True):
        outcomes[subject] = outcome
        if isinstance(outcome, LoadError):
            until = time.monotonic() + LOST_FRESH_SECONDS
            with _lock:
                _forget_oldest(_lost)
                _lost[path, subject] = (_blamed(fingerprint, outcome), until, outcome)
    return outcomes


def _blamed(fingerprint: Fingerprint, why: LoadError) -> Fingerprint:
    """The stamps of the files that a module stood in when its time was over; else of them all."""
    stood = why.traceback or ""
    return tuple(stamp for stamp in fingerprint if f'"{stamp[0]}"' in stood) or fingerprint


def _only_answer(folder: HandlersFolder | None, task: Task, subject: str) -> Answer:
    """A child's answer to one task; raises what it raised there, or what became of the child."""
    (answer,) = attempt(folder, [(subject, task)])
    assert answer is not None, "there is no end to its time"
    if isinstance(answer, LoadError):
        raise answer
    if "error" in answer:
        raise LoadError(**answer["error"])
    if "invalid" in answer:
        raise InvalidDefinition([FieldError(**error) for error in answer["invalid"]])
    return answer


def _remember(folder: HandlersFolder, module: str, file: str, fingerprint: Fingerprint) -> None:
    with _lock:
        _lost.pop((folder.path, file), None)
        _forget_oldest(_imported)
        _imported[folder.path, module] = fingerprint


def _forget_oldest(table: dict[Any, Any]) -> None:
    if len(table) >= REMEMBERED_MAXIMUM:
        del table[next(iter(table))]


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True

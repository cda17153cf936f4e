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
"""After this no further child is started for a listing: four modules that never return."""

FAILURES_FRESH_SECONDS = 10.0
"""How long a listing with failures stands: what is missing may be installed meanwhile."""

REMEMBERED_MAXIMUM = 1000
"""Modules, and folders, of which it is remembered what was found."""

_lock = threading.Lock()
"""Guards the two tables below; nothing else happens under it."""

_imported: dict[tuple[str, str], Fingerprint] = {}
_listings: dict[str, tuple[Fingerprint, float, Future[Listing]]] = {}


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
    _remember(folder, module, fingerprint)


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
        _remember(where, module, fingerprint)
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
            mine.set_result(_listing_of(where))
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


def _listing_of(folder: HandlersFolder | None) -> Listing:
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
    until = time.monotonic() + LISTING_SECONDS
    while subjects:
        if time.monotonic() > until:
            message = "not looked at: the files before it took too long"
            failures += [FileFailure(file=subject, message=message) for subject, _ in subjects]
            break
        answers, why = attempt(folder, subjects)
        for (subject, _), answer in zip(subjects, answers, strict=False):
            if "error" in answer:
                failures.append(FileFailure(file=subject, **answer["error"]))
            else:
                handlers += map(HandlerDescription.model_validate, answer["handlers"])
        subjects = subjects[len(answers) :]
        if subjects and why:
            failures.append(
                FileFailure(file=subjects[0][0], message=str(why), traceback=why.traceback)
            )
            del subjects[0]
    return Listing(handlers=tuple(handlers), errors=tuple(failures))


def _only_answer(folder: HandlersFolder | None, task: Task, subject: str) -> Answer:
    """A child's answer to one task; raises what it raised there, or what became of the child."""
    answers, why = attempt(folder, [(subject, task)])
    if why:
        raise why
    (answer,) = answers
    if "error" in answer:
        raise LoadError(**answer["error"])
    if "invalid" in answer:
        raise InvalidDefinition([FieldError(**error) for error in answer["invalid"]])
    return answer


def _remember(folder: HandlersFolder, module: str, fingerprint: Fingerprint) -> None:
    with _lock:
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

"""The child's side of a trial: `python -m socketdeck.loading.child DESCRIPTOR`.

Started by `trial`, which says what it is given and what it answers. Never imported by the package.
"""

from __future__ import annotations

import faulthandler
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

from socketdeck.errors import InvalidDefinition, LoadError
from socketdeck.loading.description import describe
from socketdeck.loading.failures import explain
from socketdeck.loading.fitting import verify
from socketdeck.loading.folder import HandlersFolder
from socketdeck.loading.reference import (
    checked_class,
    find,
    installed,
    load_entry_point,
    own_handlers,
)

Answer = dict[str, Any]


def main(channel: socket.socket) -> None:
    """Do the tasks that come over the channel, and answer each before the next."""
    descriptor = channel.fileno()
    os.set_inheritable(descriptor, False)
    faulthandler.enable(file=descriptor)
    with channel.makefile("rb") as lines:
        job = json.loads(lines.readline())
        folder = HandlersFolder(Path(job["folder"])) if job["folder"] else None
        for line in lines:
            task = json.loads(line)
            # Whatever the module does, a thread outside the interpreter's lock ends this process in
            # time, and says first where each thread stood.
            faulthandler.dump_traceback_later(job["seconds"], exit=True, file=descriptor)
            answer = perform(task, folder)
            faulthandler.cancel_dump_traceback_later()
            channel.sendall(json.dumps(answer).encode() + b"\n")


def perform(task: dict[str, Any], folder: HandlersFolder | None) -> Answer:
    """One task's answer: what it found, or the error that it met."""
    try:
        if folder is not None and "module" in task:
            return handlers_in(folder, task["module"])
        if "entry_point" in task:
            name = task["entry_point"]
            handler = load_entry_point(installed()[name])
            return {"handlers": [describe(name, handler, "entry_point").model_dump(mode="json")]}
        return {"handler": checked(task, folder)}
    except InvalidDefinition as invalid:
        return {
            "invalid": [
                {"pointer": error.pointer, "detail": error.detail} for error in invalid.errors
            ]
        }
    except LoadError as error:
        return {"error": {"message": str(error), "traceback": error.traceback}}
    except BaseException as error:  # KeyboardInterrupt, or a class that cannot be looked at
        subject = task.get("module") or task.get("entry_point") or task["handler"]
        why = explain(error, subject, folder.path if folder else None)
        return {"error": {"message": str(why), "traceback": why.traceback}}


def handlers_in(folder: HandlersFolder, module: str) -> Answer:
    """The handlers that a module defines itself; what it imported is listed where it stands.

    Where some of them cannot serve, the error says why of the first.
    """
    handlers, errors = [], []
    for name, value in own_handlers(vars(folder.load(module))).items():
        if name.startswith("_"):
            continue
        reference = f"{module}:{name}"
        try:
            found = checked_class(value, reference)
        except LoadError as error:
            errors.append({"message": str(error), "traceback": None})
        else:
            handlers.append(describe(reference, found, "file").model_dump(mode="json"))
    return {"handlers": handlers, **({"error": errors[0]} if errors else {})}


def checked(task: dict[str, Any], folder: HandlersFolder | None) -> Answer:
    """A handler's description, once it fits what the task says of the service."""
    name = task["handler"]
    found = find(name, folder)
    verify(found, task["transport"], task["options"], task["concurrency"])
    return describe(name, found, "file" if ":" in name else "entry_point").model_dump(mode="json")


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
    # Not by way of the interpreter's end: a module may have left threads that never do.
    os._exit(0)

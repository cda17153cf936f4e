"""What a handler's name leads to: a catalogue entry, an entry point's class, or a file's class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from socketserver import BaseRequestHandler, BaseServer
from types import FunctionType

from socketdeck.errors import LoadError
from socketdeck.loading.fitting import Handler
from socketdeck.loading.folder import HandlersFolder

TYPE_CHECKING = False  # not from `typing`: see `hosts.forking`
if TYPE_CHECKING:
    from importlib.metadata import EntryPoint
    from typing import Any

    from socketdeck.catalogue import Entry

ENTRY_POINT_GROUP = "socketdeck.handlers"
CO_VARARGS, CO_COROUTINE = 0x04, 0x80
"""As in `inspect`, whose import would cost more than all of this."""

_CALLED_WITH = {
    "__init__": ("request", "client_address", "server"),
    "setup": (),
    "handle": (),
    "finish": (),
}
"""What socketserver gives to a handler's methods, besides itself."""


def find(handler: str, folder: HandlersFolder | None) -> Entry | Handler:
    """What `handler` names; `LoadError` says exactly why it names nothing that can serve.

    Imports a file's module, anew: what that does, it does in this process.
    """
    if ":" in handler:
        module, name = parse(handler)
        if folder is None:
            raise LoadError(f"there is no handlers folder to load {handler} from")
        found = vars(folder.load(module))
        return _class_in(found, name, handler, folder.relative(folder.file_of(module)))
    from socketdeck.catalogue import CATALOGUE

    if entry := CATALOGUE.get(handler):
        return entry
    if point := installed().get(handler):
        return load_entry_point(point)
    raise _unknown(handler, folder)


def parse(reference: str) -> tuple[str, str]:
    """`module:Class` in its two parts; `LoadError` where it is something else.

    The module may be in a package of the folder (`package.module`). Paths are no modules, so there
    is no way out of the folder.
    """
    module, _, name = reference.partition(":")
    if not name.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
        raise LoadError(
            f"{reference!r} is no handler: write a name from the catalogue, or module:Class for a "
            "class in the handlers folder"
        )
    return module, name


def installed() -> dict[str, EntryPoint]:
    """The entry points of installed packages, by name; the catalogue's own names come first."""
    from importlib.metadata import entry_points

    from socketdeck.catalogue import CATALOGUE

    points = entry_points(group=ENTRY_POINT_GROUP)
    return {point.name: point for point in points if point.name not in CATALOGUE}


def load_entry_point(point: EntryPoint) -> Handler:
    """The class that an installed package gives; `LoadError` where it cannot be loaded."""
    try:
        found = point.load()
    except (Exception, SystemExit) as error:
        from socketdeck.loading.failures import explain

        raise explain(error, f"the package behind {point.name} ({point.value})", None) from None
    return checked_class(found, point.name)


def checked_class(found: Any, reference: str) -> Handler:
    """The class, once a socketserver can serve with it; `LoadError` says why it cannot."""
    if not _is_handler(found):
        raise LoadError(
            f"{reference} is {_kind(found)}; a handler is a class that derives from socketserver's "
            "BaseRequestHandler, StreamRequestHandler or DatagramRequestHandler"
        )
    handler: Handler = found
    if not _handles(handler):
        raise LoadError(
            f"{reference} has no handle method, so that each connection would end at once; "
            "write def handle(self)"
        )
    code = getattr(handler.handle, "__code__", None)
    if code is not None and code.co_flags & CO_COROUTINE:
        raise LoadError(
            f"{reference}.handle is a coroutine function, which socketserver would never await; "
            "write def, not async def"
        )
    for name, given in _CALLED_WITH.items():
        if not _can_be_given(handler, name, 1 + len(given)):
            raise LoadError(
                f"{reference}.{name} cannot be called as socketserver does; "
                f"write def {name}({', '.join(('self', *given))})"
            )
    return handler


def own_handlers(names: Mapping[str, Any]) -> dict[str, Handler]:
    """The handlers that a module defines, by name; not those that it imported, or derives from.

    Some of them may be ones that `checked_class` refuses.
    """
    return {
        name: value
        for name, value in names.items()
        if _is_handler(value) and value.__module__ == names["__name__"] and _handles(value)
    }


def _is_handler(candidate: Any) -> bool:
    """Whether it derives from socketserver's own classes, and is none of those."""
    return (
        isinstance(candidate, type)
        and issubclass(candidate, BaseRequestHandler)
        and candidate.__module__ != BaseRequestHandler.__module__
    )


def _handles(handler: Handler) -> bool:
    """Whether it does anything of its own; else it is there to be derived from.

    Most write `handle`; all can be done in `setup` or `finish` as well.
    """
    return any(
        getattr(handler, name) is not getattr(BaseRequestHandler, name)
        and getattr(handler, name).__module__ != BaseRequestHandler.__module__
        for name in ("handle", "setup", "finish", "__init__")
    )


def _can_be_given(handler: Handler, name: str, count: int) -> bool:
    """Whether a method takes so many arguments, itself included; what is no function may."""
    method = next(vars(base)[name] for base in handler.__mro__ if name in vars(base))
    if not isinstance(method, FunctionType):
        return True
    code = method.__code__
    takes, optional = code.co_argcount, len(method.__defaults__ or ())
    named_only = code.co_kwonlyargcount - len(method.__kwdefaults__ or ())
    fits = count >= takes - optional and (count <= takes or code.co_flags & CO_VARARGS)
    return bool(fits and not named_only)


def _class_in(names: dict[str, Any], name: str, reference: str, file: str) -> Handler:
    if name in names:
        return checked_class(names[name], reference)
    handlers = own_handlers(names)
    near = _nearest(name, handlers)
    if near:
        hint = f"did you mean {near}?"
    elif handlers:
        hint = f"its handlers are {', '.join(sorted(handlers)[:10])}"
    else:
        hint = "it has no handler at all"
    raise LoadError(f"{file} has no class {name}; {hint}")


def _kind(found: Any) -> str:
    if isinstance(found, type):
        if issubclass(found, BaseServer):
            return "a server class, no handler"
        if issubclass(found, BaseRequestHandler):
            return f"socketserver's own {found.__name__}, which handles nothing"
        bases = ", ".join(base.__name__ for base in found.__bases__ if base is not object)
        return f"a class derived from {bases}" if bases else "a class of no particular base"
    kind = type(found).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}, no class"


def _unknown(handler: str, folder: HandlersFolder | None) -> LoadError:
    if folder is not None and handler in folder.modules():
        return LoadError(f"{handler} is a module of the handlers folder; write {handler}:CLASS")
    from socketdeck.catalogue import CATALOGUE

    near = _nearest(handler, [*CATALOGUE, *installed()])
    hint = f"did you mean {near}?" if near else f"it has {', '.join(CATALOGUE)}"
    return LoadError(f"there is no handler {handler!r} in the catalogue; {hint}")


def _nearest(name: str, known: Iterable[str]) -> str | None:
    from difflib import get_close_matches

    by_lower_case = {candidate.casefold(): candidate for candidate in known}
    near = get_close_matches(name.casefold(), by_lower_case, n=1)
    return by_lower_case[near[0]] if near else None

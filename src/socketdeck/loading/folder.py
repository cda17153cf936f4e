"""The handlers folder: which modules it has, and how they are imported anew.

Python imports a module once; a service that is restarted after an edit must get the new one. So
each load takes the folder's modules out of `sys.modules` and imports the one asked for again, with
all of its siblings that it asks for. What the former ones defined goes on: a class holds its
functions, and those hold their module's names. An `import` that stands inside a function and runs
later gets the newest load's module, as `sys.modules` holds it.

What was tried and rejected:

- The folder on `sys.path`: in front it hides the standard library from everybody, at the end a
  stranger's module hides the folder's. A finder of our own knows exactly the folder's names, and of
  these only the ones that hide nothing.
- Compiled code from `__pycache__`: its stamp is the time in whole seconds and the size, so a quick
  edit that keeps the length is not seen. The source itself is compared.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType

from socketdeck.errors import LoadError

TYPE_CHECKING = False  # not from `typing`: see `hosts.forking`
if TYPE_CHECKING:
    from pathlib import Path

MODULES_MAXIMUM = 500
"""How many modules of a folder are looked at: a folder with more is something else's."""

Fingerprint = tuple[tuple[str, int, int], ...]


class _SourceLoader(SourceFileLoader):
    """Compiles the source as it is now, once: services of one module share its code."""

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path)
        known = _compiled.get(self.path)
        if known is None or known[0] != source:
            if len(_compiled) >= MODULES_MAXIMUM:
                _compiled.clear()
            known = _compiled[self.path] = (source, self.source_to_code(source, self.path))
        return known[1]


_compiled: dict[str, tuple[bytes, CodeType]] = {}
"""What was compiled last of each file, with its source. Under `_LOADING`."""


class _FolderFinder:
    """Finds the modules of the folder that was loaded from last. One for the process.

    It has what `importlib.abc.MetaPathFinder` asks for, whose module is as large as all of the
    engine's. It stands first in `sys.meta_path`, before the finder that would read a package's
    submodules from `__pycache__`, and claims `names` alone. `where` is replaced by whoever holds
    `_LOADING`; `found`, the names of modules that came from here, any thread that imports adds to.
    """

    def __init__(self) -> None:
        self.where: tuple[str, frozenset[str]] = ("", frozenset())
        self.found: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        folder, names = self.where
        if fullname.partition(".")[0] not in names:
            return None
        stem = os.path.join(path[0] if path else folder, fullname.rpartition(".")[2])
        file = _file_at(stem)
        if file is None:
            return None
        self.found.add(fullname)
        package = os.path.dirname(file) == stem
        spec = ModuleSpec(fullname, _SourceLoader(fullname, file), origin=file, is_package=package)
        spec.has_location = True
        if package:
            spec.submodule_search_locations = [stem]
        return spec


_FINDER = _FolderFinder()
_LOADING = threading.RLock()
"""Held during a load, user code's import included: two at once would mix their modules."""


class HandlersFolder:
    """A folder of users' modules. Holds nothing: each call looks at the disk."""

    def __init__(self, path: Path) -> None:
        self.path = os.path.abspath(path)

    def modules(self) -> dict[str, str]:
        """The modules by dotted name, with their files; what lies in a package comes after it."""
        found: dict[str, str] = {}
        for root, folders, files in os.walk(self.path):
            folders[:] = sorted(
                name for name in folders if os.path.isfile(os.path.join(root, name, "__init__.py"))
            )
            prefix = tuple(root[len(self.path) :].split(os.sep)[1:])
            for name in sorted(files):
                stem, suffix = os.path.splitext(name)
                if suffix != ".py" or stem == "__main__" or (stem == "__init__" and not prefix):
                    continue
                parts = prefix if stem == "__init__" else (*prefix, stem)
                found[".".join(parts)] = os.path.join(root, name)
                if len(found) == MODULES_MAXIMUM:
                    return found
        return found

    def fingerprint(self) -> Fingerprint:
        """What changes when a module is added, edited or taken away."""
        stamps = []
        for file in self.modules().values():
            try:
                status = os.stat(file)
            except FileNotFoundError:
                continue
            stamps.append((file, status.st_mtime_ns, status.st_size))
        return tuple(stamps)

    def file_of(self, module: str) -> str:
        """The file of a module; `LoadError` where there is none, or its name cannot be used."""
        stem = self.path
        *packages, last = module.split(".")
        for package in packages:
            stem = os.path.join(stem, package)
            if not os.path.isfile(os.path.join(stem, "__init__.py")):
                raise self._missing(module)
        file = _file_at(os.path.join(stem, last))
        if file is None:
            raise self._missing(module)
        if obstacle := self._obstacle(module):
            raise LoadError(obstacle)
        return file

    def relative(self, file: str) -> str:
        """A file's name as people know it: from the folder on."""
        return os.path.relpath(file, self.path)

    def load(self, module: str) -> ModuleType:
        """Import a module anew; `LoadError` says why it could not be.

        Safe from any thread; blocks while another load runs. A load that fails leaves the modules
        that were there before.
        """
        file = self.file_of(module)
        names = {name for name in self.modules() if "." not in name}
        with _LOADING:
            if _FINDER not in sys.meta_path:
                sys.meta_path.insert(0, _FINDER)
            former, where = _taken_out(), _FINDER.where
            usable = frozenset(name for name in names if not self._obstacle(name))
            _FINDER.where = (self.path, usable)
            try:
                return importlib.import_module(module)
            except BaseException as error:
                _taken_out()
                sys.modules.update(former)
                _FINDER.found.update(former)
                _FINDER.where = where
                if isinstance(error, Exception | SystemExit):
                    from socketdeck.loading.failures import explain

                    raise explain(error, self.relative(file), self.path) from None
                raise

    def _missing(self, module: str) -> LoadError:
        from difflib import get_close_matches

        near = get_close_matches(module, self.modules(), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return LoadError(f"there is no module {module} in the handlers folder {self.path}{hint}")

    def _obstacle(self, module: str) -> str | None:
        """Why a module of the folder cannot be imported by its name, as a sentence."""
        if not all(part.isidentifier() for part in module.split(".")):
            return f"{module!r} cannot be imported: its name is no Python identifier; rename it"
        name = module.partition(".")[0]
        if name in sys.stdlib_module_names:
            owner = "a module of Python's standard library"
        elif self._stands_elsewhere(name):
            owner = "an installed module"
        else:
            return None
        package = os.path.isfile(os.path.join(self.path, name, "__init__.py"))
        file = name if package else f"{name}.py"
        return f"{file} has the name of {owner} and would hide it; rename it"

    def _stands_elsewhere(self, name: str) -> bool:
        if name in _FINDER.found:
            return False
        if name in sys.modules:
            return not self._has(getattr(sys.modules[name], "__file__", None))
        for finder in sys.meta_path:
            if finder is _FINDER:
                continue
            spec = finder.find_spec(name, None)
            # A folder that merely lies on the path has no loader of its own: it hides nothing.
            if spec is not None and spec.loader is not None and not self._has(spec.origin):
                return True
        return False

    def _has(self, file: str | None) -> bool:
        return file is not None and os.path.abspath(file).startswith(os.path.join(self.path, ""))


def prepare_folder(path: Path) -> None:
    """Make the folder where there is none, and put the commented `hello.py` into an empty one."""
    import shutil

    from socketdeck.catalogue import STARTER

    path.mkdir(parents=True, exist_ok=True)
    if not any(path.iterdir()):
        shutil.copyfile(STARTER, path / STARTER.name)


def _taken_out() -> dict[str, ModuleType]:
    """The folder's modules, out of `sys.modules`. `_LOADING` is held."""
    names = list(_FINDER.found)
    taken = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    _FINDER.found.difference_update(names)
    return taken


def _file_at(stem: str) -> str | None:
    """The file of the module whose path, but for what makes it a file's, is `stem`."""
    for file in (os.path.join(stem, "__init__.py"), stem + ".py"):
        if os.path.isfile(file):
            return file
    return None

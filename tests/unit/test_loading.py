"""From a name to a class: what is found, what is refused and why, and what is imported anew."""

from __future__ import annotations

import errno
import os
import pickle
import re
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from socketdeck.catalogue import CATALOGUE, STARTER
from socketdeck.errors import FieldError, InvalidDefinition, LoadError
from socketdeck.loading import (
    HandlerDescription,
    Listing,
    check,
    checking,
    folder,
    listing,
    prepare_folder,
    resolve,
    trial,
)

HANDLER = """
    from socketserver import BaseRequestHandler, DatagramRequestHandler, StreamRequestHandler

    class Mine(StreamRequestHandler):
        \"\"\"Does as it is told.

        And more.
        \"\"\"

        said = "first"

        def handle(self): ...

    class Any(BaseRequestHandler):
        def handle(self): ...

    class Packets(DatagramRequestHandler):
        def handle(self): ...
"""

Write = Callable[[str, str], None]


@pytest.fixture
def handlers(tmp_path: Path) -> Path:
    """An empty handlers folder."""
    return tmp_path


@pytest.fixture
def write(handlers: Path) -> Write:
    """Puts a module into the folder; its name is `mine` unless a test needs another."""

    def put(name: str, text: str) -> None:
        file = handlers / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(dedent(text))

    return put


@pytest.fixture(autouse=True)
def _import_state_is_left_alone() -> Any:
    path, modules = list(sys.path), set(sys.modules)
    yield
    assert sys.path == path
    folder._taken_out()
    for name in set(sys.modules) - modules:
        assert not name.startswith(("mine", "other")), f"{name} was left behind"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that hangs is ended sooner."""
    monkeypatch.setattr(trial, "IMPORT_SECONDS", 0.5)


def fields(failed: pytest.ExceptionInfo[InvalidDefinition]) -> dict[str, str]:
    return {error.pointer: error.detail for error in failed.value.errors}


# -- the catalogue -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_catalogue_name_is_its_class_with_default_options(name: str) -> None:
    entry = CATALOGUE[name]
    for transport in entry.transports:
        handler = resolve(name, transport, {})
        assert issubclass(handler, entry.handler_for(transport))
        assert handler.options == entry.options()  # type: ignore[attr-defined]
        assert handler.__qualname__ == entry.handler_for(transport).__qualname__


def test_options_are_validated_all_at_once() -> None:
    with pytest.raises(InvalidDefinition) as failed:
        resolve("echo", "tcp", {"buffer_size": 0, "colour": 1, "a/b~c": 2})
    assert fields(failed) == {
        "/options/buffer_size": "should be greater than or equal to 1",
        "/options/colour": "there is no such field",
        "/options/a~1b~0c": "there is no such field",
    }


def test_a_pattern_is_told_in_words() -> None:
    with pytest.raises(InvalidDefinition) as failed:
        resolve("http", "tcp", {"server_version": "\xfc"})
    assert fields(failed) == {"/options/server_version": "should be printable ASCII characters"}


def test_all_that_does_not_fit_is_said_at_once() -> None:
    with pytest.raises(InvalidDefinition) as failed:
        resolve("chat", "udp", {"max_line": True}, concurrency="forking")
    assert set(fields(failed)) == {"/handler", "/concurrency", "/options/max_line"}
    assert fields(failed)["/handler"] == "chat serves tcp and unix, not udp"
    assert "share" in fields(failed)["/concurrency"]


def test_each_service_has_a_chat_room_of_its_own() -> None:
    one, other = resolve("chat", "tcp", {}), resolve("chat", "tcp", {})
    assert one.room is not other.room  # type: ignore[attr-defined]


@pytest.mark.parametrize("concurrency", ["sync", "threading", "pool"])
def test_chat_is_refused_under_forking_only(concurrency: str) -> None:
    resolve("chat", "tcp", {}, concurrency=concurrency)
    with pytest.raises(InvalidDefinition, match="chat keeps state that all its clients share"):
        resolve("chat", "tcp", {}, concurrency="forking")


# -- what names nothing --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("ehco", "there is no handler 'ehco' in the catalogue; did you mean echo?"),
        ("Echo", "there is no handler 'Echo' in the catalogue; did you mean echo?"),
        ("xyzzy", "it has greeting, echo, .*"),
        ("mine", "mine is a module of the handlers folder; write mine:CLASS"),
        ("mien:Mine", "there is no module mien in the handlers folder .*; did you mean mine?"),
        ("os:system", "there is no module os in the handlers folder"),
        ("../mine:Mine", "is no handler: write a name from the catalogue, or module:Class"),
        ("/etc/mine:Mine", "is no handler"),
        (".mine:Mine", "is no handler"),
        ("mine:", "is no handler"),
        (":Mine", "is no handler"),
        ("mine:Mine:Mine", "is no handler"),
        ("mine:Mine.handle", "is no handler"),
        ("mine\0:Mine", "is no handler"),
        ("mine.sub:Mine", "there is no module mine.sub"),
        ("sub.mine:Mine", "there is no module sub.mine"),
        ("mine:Mien", "mine.py has no class Mien; did you mean Mine?"),
        ("mine:Zzz", r"its handlers are Any, Coroutine, InSetup, Mine, [A-Z].*"),
        ("mine:StreamRequestHndler", "mine.py has no class StreamRequestHndler; its handlers are "),
        ("mine:__name__", "mine:__name__ is a str, no class; a handler is a class"),
        ("mine:func", "mine:func is a function, no class"),
        ("mine:Plain", "mine:Plain is a class of no particular base"),
        ("mine:Derived", "mine:Derived is a class derived from Plain"),
        ("mine:Server", "mine:Server is a server class, no handler"),
        ("mine:Coroutine", "mine:Coroutine.handle is a coroutine function"),
        ("mine:BaseRequestHandler", "is socketserver's own BaseRequestHandler, which handles"),
        ("mine:Stream", "mine:Stream is socketserver's own StreamRequestHandler"),
        ("mine:Bare", "mine:Bare has no handle method, so that each connection would end at once"),
        ("mine:TooMuch", "mine:TooMuch.handle cannot be called as .*; write def handle.self."),
        ("mine:TooNamed", "mine:TooNamed.finish cannot be called as .*; write def finish.self."),
        ("mine:TooLittle", r".*__init__ cannot .* def __init__\(self, request, client_address, .*"),
        ("empty:Mine", "empty.py has no class Mine; it has no handler at all"),
    ],
)
def test_what_names_nothing_is_told_why(handlers: Path, write: Write, name: str, why: str) -> None:
    write(
        "mine.py",
        HANDLER
        + """
    from socketserver import TCPServer as Server
    def func(): ...
    class Plain: ...
    class Derived(Plain): ...
    Stream = StreamRequestHandler
    class Bare(StreamRequestHandler):
        def helper(self): ...
    class InSetup(StreamRequestHandler):
        def setup(self): ...
    class Coroutine(BaseRequestHandler):
        async def handle(self): ...
    class TooMuch(Mine):
        def handle(self, request): ...
    class TooNamed(Mine):
        def finish(self, *, how): ...
    class TooLittle(Mine):
        def __init__(self): ...
    """,
    )
    write("empty.py", "")
    write("sub/mine.py", HANDLER)  # no package: it has no __init__.py
    pattern = why if ".*" in why else re.escape(why)
    with pytest.raises(LoadError, match=pattern):
        resolve(name, "tcp", {}, folder=handlers, checked=False)
    with pytest.raises(LoadError, match=pattern):
        check(name, folder=handlers)


@pytest.mark.parametrize(
    "code",
    [
        "def handle(self, *rest, loud=True): ...",
        "def handle(self, times=3): ...",
        "@staticmethod\n        def handle(): ...",
        "handle = print",
        "def __init__(self, *arguments): ...",
        "def __init__(self, request, client_address, server, more=None): ...",
    ],
)
def test_whatever_socketserver_can_call_is_a_handler(
    handlers: Path, write: Write, code: str
) -> None:
    write("mine.py", HANDLER + f"\n    class Odd(BaseRequestHandler):\n        {code}\n")
    resolve("mine:Odd", "tcp", {}, folder=handlers, checked=False)


def test_without_a_folder_there_are_no_modules() -> None:
    with pytest.raises(LoadError, match="there is no handlers folder to load mine:Mine from"):
        resolve("mine:Mine", "tcp", {})
    assert [handler.name for handler in listing().handlers] == list(CATALOGUE)


@pytest.mark.parametrize(
    ("name", "owner"),
    [("json", "standard library"), ("pydantic", "installed"), ("socketdeck", "installed")],
)
def test_a_file_may_not_hide_what_others_import(
    handlers: Path, write: Write, name: str, owner: str
) -> None:
    write(f"{name}.py", HANDLER)
    with pytest.raises(LoadError, match=rf"{name}.py has the name of .*{owner}.*; rename it"):
        resolve(f"{name}:Mine", "tcp", {}, folder=handlers)
    write("mine.py", f"import {name}\n{dedent(HANDLER)}")
    resolve("mine:Mine", "tcp", {}, folder=handlers)
    assert Path(sys.modules[name].__file__ or "").parent != handlers


def test_a_file_whose_name_is_no_identifier_is_told_so(handlers: Path, write: Write) -> None:
    write("my-handler.py", HANDLER)
    (failure,) = listing(handlers).errors
    assert failure.file == "my-handler.py"
    assert "is no Python identifier; rename it" in failure.message


# -- what a module does when it is imported ------------------------------------------------------


def test_a_syntax_error_says_where(handlers: Path, write: Write) -> None:
    write("mine.py", "\n\ndef broken(:\n    pass\n")
    with pytest.raises(LoadError, match=r"^mine\.py, line 3: invalid syntax") as failed:
        resolve("mine:Mine", "tcp", {}, folder=handlers)
    assert "def broken(:" in (failed.value.traceback or "")


def test_an_exception_keeps_its_traceback(handlers: Path, write: Write) -> None:
    write("mine.py", "import other\n")
    write("other.py", "def f():\n    return 1 / 0\n\nf()\n")
    why = r"mine\.py cannot be imported: ZeroDivisionError: .* \(other\.py, line 2\)"
    for checked in (True, False):
        with pytest.raises(LoadError, match=why) as failed:
            resolve("mine:Mine", "tcp", {}, folder=handlers, checked=checked)
        text = failed.value.traceback or ""
        assert text.startswith("Traceback")
        assert "importlib" not in text
        assert text.count("File ") == 3


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("import sys; sys.exit('bye')", "a module must not exit when it is imported"),
        ("import os; os._exit(3)", "with exit status 3"),
        ("import os, signal; os.kill(0, signal.SIGTERM)", "with signal SIGTERM"),
        ("import os; os.kill(os.getpid(), 11)", "with signal SIGSEGV"),
        ("raise KeyboardInterrupt", "mine cannot be imported: KeyboardInterrupt (mine.py, line 1)"),
        ("import os; os.closerange(3, 1000); os._exit(0)", "ended the process"),
        ("x = 'a\0b'", "null bytes"),
        ("class E(Exception):\n def __str__(self): 1 / 0\nraise E", "cannot be imported"),
        ("def f(): f()\nf()", "RecursionError"),
        ("raise ValueError('x' * 1_000_000)", "ValueError: xxx"),
    ],
)
def test_whatever_an_import_does_happens_elsewhere(
    handlers: Path, write: Write, code: str, why: str
) -> None:
    write("mine.py", code)
    with pytest.raises(LoadError, match=re.escape(why)) as failed:
        resolve("mine:Mine", "tcp", {}, folder=handlers)
    assert len(str(failed.value)) < 1000
    assert len(failed.value.traceback or "") < 20_000


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "import time; time.sleep(1000)",
        "import threading; threading.Event().wait()",
        "import sys\nwhile True: print('x' * 100_000); print('x' * 100_000, file=sys.stderr)",
        "input()\nimport threading; threading.Event().wait()",
    ],
)
@pytest.mark.usefixtures("quick")
def test_an_import_that_does_not_end_is_ended(handlers: Path, write: Write, code: str) -> None:
    write("mine.py", code.replace("input()", "import sys; assert sys.stdin.read() == ''"))
    with pytest.raises(LoadError, match=r"mine\.py did not finish within 0\.5 s") as failed:
        resolve("mine:Mine", "tcp", {}, folder=handlers)
    assert "mine.py" in (failed.value.traceback or "")  # where it stood


def test_what_an_import_started_ends_with_the_child(
    handlers: Path, write: Write, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    write(
        "mine.py",
        f"""
    import os, subprocess, threading
    os.mkfifo({str(fifo)!r})
    subprocess.Popen(["sleep", "1000"], stdout=os.open({str(fifo)!r}, os.O_RDWR))
    threading.Thread(target=threading.Event().wait).start()
    """
        + HANDLER,
    )
    assert check("mine:Mine", folder=handlers).name == "mine:Mine"
    # A reader sees the end of a FIFO once nobody has it open for writing any more (fifo(7)).
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_without_a_child_nothing_is_imported(
    handlers: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more_processes(*arguments: Any, **named: Any) -> Any:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(subprocess, "Popen", no_more_processes)
    write("mine.py", HANDLER)
    why = r"mine\.py cannot be tried in a process of its own: Resource temporarily unavailable"
    with pytest.raises(LoadError, match=why):
        resolve("mine:Mine", "tcp", {}, folder=handlers)
    assert "mine" not in sys.modules


@pytest.mark.usefixtures("quick")
def test_a_module_that_writes_into_the_channel_fools_nobody(handlers: Path, write: Write) -> None:
    write(
        "mine.py",
        """
    import os
    for descriptor in range(3, 100):
        try:
            os.write(descriptor, b"{nonsense}\\n")
        except OSError:
            pass
    """
        + HANDLER,
    )
    with pytest.raises(LoadError, match=r"mine\.py wrote into a file that it did not open"):
        check("mine:Mine", folder=handlers)


def test_only_an_edit_costs_another_child(
    handlers: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Any] = []

    def attempt(*arguments: Any) -> Any:
        tried.append(arguments)
        return trial.attempt(*arguments)

    monkeypatch.setattr(checking, "attempt", attempt)
    write("mine.py", HANDLER)
    check("mine:Mine", folder=handlers)
    for _ in range(3):
        resolve("mine:Mine", "tcp", {}, folder=handlers)
    assert len(tried) == 1
    write("other.py", "")  # mine may import it by now
    resolve("mine:Mine", "tcp", {}, folder=handlers)
    assert len(tried) == 2
    resolve("mine:Mine", "tcp", {}, folder=handlers, checked=False)
    resolve("echo", "tcp", {}, folder=handlers)
    assert len(tried) == 2


def test_a_failure_is_not_remembered(handlers: Path, write: Write) -> None:
    write("mine.py", f"open({str(handlers / 'data')!r}).close()\n{dedent(HANDLER)}")
    with pytest.raises(LoadError, match="FileNotFoundError"):
        resolve("mine:Mine", "tcp", {}, folder=handlers)
    (handlers / "data").touch()
    resolve("mine:Mine", "tcp", {}, folder=handlers)


# -- anew, each time -----------------------------------------------------------------------------


def test_edited_code_is_loaded_while_the_former_goes_on(handlers: Path, write: Write) -> None:
    write("other.py", "word = 'old'\n")
    write("mine.py", f"import other\n{dedent(HANDLER)}\ndef word(): return other.word\n")
    former = resolve("mine:Mine", "tcp", {}, folder=handlers)
    former_word = vars(sys.modules["mine"])["word"]
    # The same length within the same second: a stamp in whole seconds would not see it.
    write("other.py", "word = 'new'\n")
    write("mine.py", (handlers / "mine.py").read_text().replace("first", "later"))
    edited = resolve("mine:Mine", "tcp", {}, folder=handlers)
    assert (former.said, edited.said) == ("first", "later")  # type: ignore[attr-defined]
    assert (former_word(), vars(sys.modules["mine"])["word"]()) == ("old", "new")
    assert not list(handlers.rglob("__pycache__"))


def test_each_load_has_its_own_state(handlers: Path, write: Write) -> None:
    write("mine.py", HANDLER)
    one, other = (resolve("mine:Mine", "tcp", {}, folder=handlers) for _ in range(2))
    assert one is not other
    assert one.__name__ == other.__name__ == "Mine"


def test_a_failing_edit_leaves_the_former_modules(handlers: Path, write: Write) -> None:
    write("other.py", "word = 'old'\n")
    write(
        "mine.py",
        HANDLER
        + """
    def late():
        import other
        return other.word
    """,
    )
    resolve("mine:Mine", "tcp", {}, folder=handlers)
    late = vars(sys.modules["mine"])["late"]
    write("mine.py", "1 / 0")
    for _ in range(2):
        with pytest.raises(LoadError):
            resolve("mine:Mine", "tcp", {}, folder=handlers, checked=False)
    assert late() == "old"
    assert "late" in vars(sys.modules["mine"])


def test_modules_of_the_folder_know_each_other(handlers: Path, write: Write) -> None:
    write("mine.py", "from other.deep import Mine\nimport other.beside as beside\n")
    write("other/__init__.py", "")
    write("other/deep.py", HANDLER + "\n    from .beside import word\n")
    write("other/beside.py", "word = 'beside'\n")
    direct = resolve("other.deep:Mine", "tcp", {}, folder=handlers)
    assert direct.__module__ == "other.deep"
    assert resolve("mine:Mine", "tcp", {}, folder=handlers).__module__ == "other.deep"
    assert sys.modules["mine"].beside.word == "beside"
    assert not list(handlers.rglob("__pycache__"))


def test_what_looks_modules_up_finds_them(handlers: Path, write: Write) -> None:
    write(
        "mine.py",
        """
        from __future__ import annotations
        from dataclasses import dataclass
        from typing import ClassVar, get_type_hints
        import pydantic
        from socketserver import BaseRequestHandler

        @dataclass
        class Point:
            x: int
            shared: ClassVar[int] = 0

        class Mine(BaseRequestHandler):
            class Options(pydantic.BaseModel):
                points: list[Later] = []

            def handle(self): ...

        class Later(pydantic.BaseModel):
            x: int

        Mine.Options.model_rebuild()
        hints = get_type_hints(Point)
        """,
    )
    resolve("mine:Mine", "tcp", {"points": [{"x": 1}]}, folder=handlers)
    point = vars(sys.modules["mine"])["Point"](3)
    assert pickle.loads(pickle.dumps(point)) == point


def test_loads_from_many_threads_do_not_mix(handlers: Path, write: Write) -> None:
    write("other.py", "import itertools\ncounter = itertools.count()\n")
    write("mine.py", HANDLER + "\n    import other\n    number = next(other.counter)\n")
    found: list[int] = []

    def load() -> None:
        for _ in range(20):
            handler = resolve("mine:Mine", "tcp", {}, folder=handlers, checked=False)
            found.append(vars(handler)["said"] == "first")

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 80
    assert vars(sys.modules["mine"])["number"] == 0


def test_two_folders_do_not_mix(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.py").write_text(dedent(HANDLER).replace("first", name))
    for name in ("one", "two", "one"):
        handler = resolve("mine:Mine", "tcp", {}, folder=tmp_path / name, checked=False)
        assert handler.said == name  # type: ignore[attr-defined]


# -- fitting -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "served"),
    [
        ("Mine", {"tcp", "unix"}),
        ("Packets", {"udp", "unixgram"}),
        ("Any", {"tcp", "unix", "udp", "unixgram"}),
    ],
)
def test_a_class_serves_what_its_base_does(
    handlers: Path, write: Write, name: str, served: set[str]
) -> None:
    write("mine.py", HANDLER)
    for transport in ("tcp", "unix", "udp", "unixgram"):
        if transport in served:
            resolve(f"mine:{name}", transport, {}, folder=handlers)
            continue
        with pytest.raises(InvalidDefinition) as failed:
            resolve(f"mine:{name}", transport, {}, folder=handlers)
        assert f"not {transport}" in fields(failed)["/handler"]


def test_without_options_a_class_is_served_as_it_is(handlers: Path, write: Write) -> None:
    write("mine.py", HANDLER)
    handler = resolve("mine:Mine", "tcp", {}, folder=handlers)
    assert handler is vars(sys.modules["mine"])["Mine"]


def test_options_become_attributes_of_a_subclass(handlers: Path, write: Write) -> None:
    write("mine.py", HANDLER)
    handler = resolve("mine:Mine", "tcp", {"said": "so", "timeout": 3}, folder=handlers)
    original = vars(sys.modules["mine"])["Mine"]
    assert (handler.said, handler.timeout) == ("so", 3)  # type: ignore[attr-defined]
    assert (handler.__qualname__, handler.__module__) == ("Mine", "mine")
    assert issubclass(handler, original)
    assert original.said == "first"


@pytest.mark.parametrize("name", ["handle", "finish", "_x", "__init__", "a b", "server", "request"])
def test_options_leave_the_class_s_own_parts_alone(handlers: Path, write: Write, name: str) -> None:
    write("mine.py", HANDLER)
    for ask in (check, resolve):
        with pytest.raises(InvalidDefinition) as failed:
            ask("mine:Mine", folder=handlers, transport="tcp", options={name: 1})
        assert set(fields(failed)) == {f"/options/{name}"}


MODELLED = """
    import pydantic
    from socketserver import BaseRequestHandler

    class Mine(BaseRequestHandler):
        shares_state = True

        class Options(pydantic.BaseModel):
            size: int = pydantic.Field(gt=0)
            words: list[str] = []

            @pydantic.field_validator("words")
            @classmethod
            def not_too_many(cls, words):
                if words == ["bug"]:
                    raise RuntimeError("oops")
                if len(words) > 2:
                    raise ValueError("at most two words")
                return words

        def handle(self): ...
"""


def test_a_class_s_own_model_validates_its_options(handlers: Path, write: Write) -> None:
    write("mine.py", MODELLED)
    handler = resolve("mine:Mine", "tcp", {"size": 3}, folder=handlers)
    assert handler.options.size == 3  # type: ignore[attr-defined]
    cases: list[tuple[Mapping[str, Any], dict[str, str]]] = [
        ({}, {"/options/size": "this field is required"}),
        (
            {"size": 0, "words": ["a", "b", "c"]},
            {
                "/options/size": "should be greater than 0",
                "/options/words": "at most two words",
            },
        ),
        ({"size": 1, "words": ["a", 5]}, {"/options/words/1": "should be a valid string"}),
        (
            {"size": 1, "words": ["bug"]},
            {"/options": "validating them raised RuntimeError: oops"},
        ),
    ]
    for options, expected in cases:
        for ask in (check, resolve):
            with pytest.raises(InvalidDefinition) as failed:
                ask("mine:Mine", folder=handlers, transport="tcp", options=options)
            assert fields(failed) == expected


def test_a_class_may_declare_that_it_shares_state(handlers: Path, write: Write) -> None:
    write("mine.py", MODELLED)
    with pytest.raises(InvalidDefinition, match="Mine keeps state that all its clients share"):
        resolve("mine:Mine", "tcp", {"size": 1}, folder=handlers, concurrency="forking")


# -- check ---------------------------------------------------------------------------------------


def test_check_describes_what_it_found(handlers: Path, write: Write) -> None:
    write("mine.py", HANDLER)
    assert check("mine:Mine", folder=handlers) == HandlerDescription(
        name="mine:Mine",
        title="Mine",
        description="Does as it is told.\n\nAnd more.",
        transports=("tcp", "unix"),
        options_schema=None,
        source="file",
    )
    assert check("echo").source == "builtin"
    assert check("echo").options_schema == CATALOGUE["echo"].options.model_json_schema()


def test_check_imports_nothing_here(handlers: Path, write: Write) -> None:
    write("mine.py", HANDLER)
    check("mine:Mine", folder=handlers, transport="tcp", options={}, concurrency="sync")
    assert "mine" not in sys.modules


def test_check_looks_at_what_it_is_given(handlers: Path, write: Write) -> None:
    write("mine.py", HANDLER)
    with pytest.raises(InvalidDefinition) as failed:
        check("mine:Mine", folder=handlers, transport="udp", options={"handle": 1})
    assert set(fields(failed)) == {"/handler", "/options/handle"}
    with pytest.raises(InvalidDefinition):
        check("chat", concurrency="forking")
    check("chat")
    with pytest.raises(InvalidDefinition) as failed:
        check("mine:Mine", folder=handlers, options={"x": object()})
    assert failed.value.errors == [FieldError("/options", "options are what JSON can say")]


def test_large_options_reach_the_child(handlers: Path, write: Write) -> None:
    write("mine.py", HANDLER)
    check("mine:Mine", folder=handlers, options={"said": "x" * 1_000_000})


def test_a_class_that_says_too_much_of_itself(handlers: Path, write: Write) -> None:
    options = "Literal[tuple('x' * 100_000 + str(n) for n in range(20))]"
    write(
        "mine.py",
        MODELLED.replace("words: list[str]", f"many: {options} = ''\n            words: list[str]")
        + "\n    from typing import Literal\n",
    )
    write("mine.py", "from typing import Literal\n" + (handlers / "mine.py").read_text())
    with pytest.raises(LoadError, match=r"mine\.py describes itself in more than"):
        check("mine:Mine", folder=handlers)


# -- listing -------------------------------------------------------------------------------------


def of_files(found: Listing) -> dict[str, HandlerDescription]:
    return {handler.name: handler for handler in found.handlers if handler.source == "file"}


def test_a_listing_has_the_catalogue_and_the_folder(handlers: Path, write: Write) -> None:
    write("mine.py", MODELLED)
    write("other.py", HANDLER)
    found = listing(handlers)
    assert [handler.name for handler in found.handlers][: len(CATALOGUE)] == list(CATALOGUE)
    assert list(of_files(found)) == ["mine:Mine", "other:Mine", "other:Any", "other:Packets"]
    mine = of_files(found)["mine:Mine"]
    assert mine.shares_state
    assert mine.options_schema
    assert set(mine.options_schema["properties"]) == {"size", "words"}
    assert of_files(found)["other:Packets"].transports == ("udp", "unixgram")
    assert found.errors == ()


def test_a_listing_goes_into_packages_but_not_after_imports(handlers: Path, write: Write) -> None:
    write("other/__init__.py", "")
    write("other/deep.py", HANDLER + "\n    class _Private(Mine): ...\n")
    write("other/__main__.py", "1 / 0")
    write("mine.py", "from other.deep import *\n")
    write("data/thing.py", "1 / 0")  # no package
    write("notes.txt", "no module")
    found = listing(handlers)
    assert list(of_files(found)) == ["other.deep:Mine", "other.deep:Any", "other.deep:Packets"]
    assert found.errors == ()


def test_a_class_that_cannot_serve_is_listed_with_its_reason(handlers: Path, write: Write) -> None:
    write(
        "mine.py",
        HANDLER
        + """
    class Base(StreamRequestHandler):  # to be derived from: nobody is told of it
        greeting = "hello"
    class Wrong(Base):
        def handle(self, request): ...
    """,
    )
    found = listing(handlers)
    assert list(of_files(found)) == ["mine:Mine", "mine:Any", "mine:Packets"]
    (failure,) = found.errors
    assert failure.file == "mine.py"
    assert failure.message.startswith("mine:Wrong.handle cannot be called as socketserver does")


@pytest.mark.usefixtures("quick")
def test_files_that_do_not_import_are_listed_with_their_errors(
    handlers: Path, write: Write
) -> None:
    write("a_syntax.py", "def (:")
    write("b_raises.py", "1 / 0")
    write("c_exits.py", "import os; os._exit(1)")
    write("d_loops.py", "while True: pass")
    write("json.py", HANDLER)
    write("mine.py", HANDLER)
    found = listing(handlers)
    assert list(of_files(found)) == ["mine:Mine", "mine:Any", "mine:Packets"]
    failures = {failure.file: failure for failure in found.errors}
    for file, why in {
        "a_syntax.py": "a_syntax.py, line 1: invalid syntax",
        "b_raises.py": "b_raises.py cannot be imported: ZeroDivisionError",
        "c_exits.py": "c_exits.py ended the process that imported it, with exit status 1",
        "d_loops.py": "d_loops.py did not finish within 0.5 s",
        "json.py": "json.py has the name of a module of Python's standard library",
    }.items():
        assert failures.pop(file).message.startswith(why)
    assert not failures


@pytest.mark.usefixtures("quick")
def test_a_folder_of_files_that_hang_takes_only_so_long(
    handlers: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "LISTING_SECONDS", 0.2)
    for number in range(10):
        write(f"mine{number}.py", "while True: pass")
    messages = [failure.message for failure in listing(handlers).errors]
    assert len(messages) == 10
    assert "did not finish" in messages[0]
    assert messages[-1].startswith("not looked at yet: other files took too long")


def test_files_that_take_long_are_tried_side_by_side(
    handlers: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waits for the others: opening a FIFO blocks until its other end is opened (fifo(7))."""
    monkeypatch.setattr(trial, "ALONE_SECONDS", 0)
    fifos = [handlers / f"fifo{number}" for number in range(trial.CHILDREN_MAXIMUM - 1)]
    for number, fifo in enumerate(fifos):
        os.mkfifo(fifo)
        write(f"a{number}.py", f"open({str(fifo)!r}, 'w')\n{dedent(HANDLER)}")
    opens = "".join(f"open({str(fifo)!r})\n" for fifo in reversed(fifos))
    write("mine.py", opens + dedent(HANDLER))
    found = listing(handlers)
    assert found.errors == ()
    assert len(of_files(found)) == 3 * trial.CHILDREN_MAXIMUM


@pytest.mark.usefixtures("quick")
def test_what_hangs_is_tried_again_after_an_edit_of_where_it_stood(
    handlers: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[list[str]] = []

    def attempt(where: Any, tasks: Any, *rest: Any) -> Any:
        tried.append([subject for subject, _ in tasks])
        return trial.attempt(where, tasks, *rest)

    def hanging() -> list[str]:
        return [failure.file for failure in listing(handlers).errors]

    monkeypatch.setattr(checking, "attempt", attempt)
    write("mine.py", HANDLER)
    write("hangs.py", "import other\n")
    write("other.py", "while True: pass")
    write("exits.py", "import os; os._exit(1)")
    assert hanging() == ["exits.py", "hangs.py", "other.py"]
    write("mine.py", HANDLER + "\n    class More(Mine): ...\n")
    assert hanging() == ["exits.py", "hangs.py", "other.py"]
    assert tried.pop() == ["exits.py", "mine.py"], "what ended in silence may be any file's fault"
    write("other.py", "")
    assert hanging() == ["exits.py"]
    assert tried.pop() == ["exits.py", "hangs.py", "mine.py", "other.py"]
    monkeypatch.setattr(checking, "FAILURES_FRESH_SECONDS", 0)
    assert hanging() == ["exits.py"]
    assert tried.pop() == ["hangs.py", "mine.py", "other.py"]
    monkeypatch.setattr(checking, "LOST_FRESH_SECONDS", 0)
    (handlers / "mine.py").unlink()
    assert hanging() == ["exits.py"]
    assert hanging() == ["exits.py"]
    assert tried.pop() == ["exits.py", "hangs.py", "other.py"]


def test_a_listing_stands_until_something_changes(
    handlers: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("mine.py", HANDLER)
    first = listing(handlers)
    assert listing(handlers) is first
    write("other.py", HANDLER)
    assert len(of_files(listing(handlers))) == 6
    (handlers / "other.py").unlink()
    assert len(of_files(listing(handlers))) == 3
    write("other.py", "1 / 0")
    failing = listing(handlers)
    assert listing(handlers) is failing
    later = time.monotonic() + checking.FAILURES_FRESH_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert listing(handlers) is not failing


def test_who_asks_meanwhile_waits_for_the_same_listing(handlers: Path, write: Write) -> None:
    write("mine.py", HANDLER)
    found: list[Listing] = []
    threads = [threading.Thread(target=lambda: found.append(listing(handlers))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len({id(each) for each in found}) == 1


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert of_files(listing(tmp_path / "nowhere")) == {}


# -- entry points --------------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with entry points, as an installer would have left it."""
    metadata = tmp_path / "packages" / "someones-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: someones\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[socketdeck.handlers]\n"
        "theirs = someones:Theirs\n"
        "gone = no_such_package:Handler\n"
        "wrong = json:dumps\n"
        "echo = no_such_package:Echo\n"
    )
    (tmp_path / "packages" / "someones.py").write_text(
        "from socketserver import StreamRequestHandler\n"
        "class Theirs(StreamRequestHandler):\n    def handle(self): ...\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))


@pytest.mark.usefixtures("installed")
def test_installed_packages_give_handlers() -> None:
    assert resolve("theirs", "tcp", {}).__name__ == "Theirs"
    assert issubclass(resolve("echo", "tcp", {}), CATALOGUE["echo"].handler_for("tcp"))
    for ask in (resolve, check):
        with pytest.raises(LoadError, match=r"the package behind gone .* cannot be imported"):
            ask("gone", transport="tcp")
        with pytest.raises(LoadError, match="wrong is a function, no class"):
            ask("wrong", transport="tcp")
        with pytest.raises(LoadError, match="did you mean theirs"):
            ask("thiers", transport="tcp")


@pytest.mark.usefixtures("installed")
def test_installed_handlers_are_listed(handlers: Path) -> None:
    found = listing(handlers)
    (theirs,) = [handler for handler in found.handlers if handler.source == "entry_point"]
    assert theirs == check("theirs", folder=handlers)
    assert theirs.transports == ("tcp", "unix")
    assert [failure.file for failure in found.errors] == ["entry point gone", "entry point wrong"]


# -- the starter ---------------------------------------------------------------------------------


def test_a_new_folder_begins_with_the_starter(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "handlers"
    prepare_folder(folder)
    assert (folder / "hello.py").read_text() == STARTER.read_text()
    assert list(of_files(listing(folder))) == ["hello:Hello", "hello:HelloDatagram"]
    handler = resolve("hello:Hello", "tcp", {"greeting": "Hi"}, folder=folder)
    assert issubclass(handler, socketserver.StreamRequestHandler)


def test_a_folder_with_files_is_left_alone(handlers: Path, write: Write) -> None:
    write("mine.py", HANDLER)
    prepare_folder(handlers)
    assert [file.name for file in handlers.iterdir()] == ["mine.py"]

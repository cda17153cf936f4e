"""What handlers print and log is told by connection; nobody else's output is touched."""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Callable

import pytest

import socketdeck.output
from socketdeck.output import HandlerStream

from .client import PATIENCE_SECONDS
from .conftest import Connect, Serve
from .transcript import Transcript


def told(events: Transcript, connection: int | None) -> list[tuple[str, str]]:
    """What is told of a connection by now: the stream and the text."""
    return [
        (event.data["stream"], event.data["text"])
        for event in events.now("service.log", connection=connection)
    ]


def test_what_is_printed_is_told_by_connection(
    serve: Serve, connect: Connect, events: Transcript, capsys: pytest.CaptureFixture[str]
) -> None:
    service = serve()
    first, second = connect(service), connect(service)
    first.ask("print from the first")
    second.ask("print from the second")
    first.ask("print-error something is odd")
    one, two = events.opened(first), events.opened(second)
    assert told(events, one) == [("stdout", "from the first"), ("stderr", "something is odd")]
    assert told(events, two) == [("stdout", "from the second")]
    assert events.now("service.log")[0].service == service.name
    assert capsys.readouterr() == ("", "")


def test_what_is_logged_is_told_with_its_level(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    client = connect(serve())
    client.ask("log watch out")
    (stream, text) = told(events, events.opened(client))[0]
    assert stream == "log.warning"
    assert "watch out" in text


@pytest.mark.parametrize("concurrency", ["sync", "threading", "pool"])
@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_in_every_way_of_serving(
    serve: Serve, connect: Connect, events: Transcript, concurrency: str, scheme: str
) -> None:
    handler = "obedient:Obedient" if scheme == "tcp" else "obedient:ObedientDatagram"
    client = connect(serve(handler, f"{scheme}://127.0.0.1:0", concurrency=concurrency))
    client.send(b"print hello\n" if client.stream else b"print hello")
    assert client.receive().strip() == b"done"
    assert told(events, events.opened(client)) == [("stdout", "hello")]


def test_a_line_is_told_when_it_is_whole(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    client = connect(serve())
    client.ask("print-some one, ")
    client.ask("print-some two, ")
    number = events.opened(client)
    assert told(events, number) == []
    client.ask("print three")
    assert told(events, number) == [("stdout", "one, two, three")]


def test_what_is_left_of_a_line_is_told_at_the_end(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    client = connect(serve())
    client.ask("print-some the rest")
    client.end()
    number = events.opened(client)
    events.closed(number)
    assert told(events, number) == [("stdout", "the rest")]
    kinds = events.kinds(connection=number)
    assert kinds[-2:] == ["service.log", "connection.closed"], "it is told before the end is"


def test_what_one_left_unfinished_is_not_told_of_the_next(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve(concurrency="pool", pool_size=1)
    first = connect(service)
    first.ask("print-some mine")
    first.say("raise x")
    first.rest()
    second = connect(service)
    second.ask("print yours")
    assert told(events, 1) == [("stdout", "mine")]
    assert told(events, 2) == [("stdout", "yours")]


def test_lines_of_any_length_are_told_in_bounded_pieces(
    serve: Serve, connect: Connect, events: Transcript, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socketdeck.output, "LINE_CHARACTERS", 100)
    client = connect(serve())
    client.ask("print-some " + "x" * 250)
    client.ask("print " + "y" * 150)
    client.ask("log " + "z" * 150)
    pieces = told(events, events.opened(client))
    assert max(len(text) for _, text in pieces) == 100
    printed = "".join(text for stream, text in pieces if stream == "stdout")
    assert printed == "x" * 250 + "y" * 150
    assert "z" * 100 in "".join(text for stream, text in pieces if stream == "log.warning")


def test_what_is_no_text_is_told_as_text(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    """A handler that decodes by `surrogateescape` prints what no UTF-8 can hold."""
    client = connect(serve())
    client.ask("print-surrogate")
    ((_, text),) = told(events, events.opened(client))
    assert text.encode() == b"\\udcff is no text"


def test_empty_lines_are_lines(serve: Serve, connect: Connect, events: Transcript) -> None:
    client = connect(serve())
    client.ask("print ")
    assert told(events, events.opened(client)) == [("stdout", "")]


def test_threads_that_handle_nothing_are_untouched(
    serve: Serve, connect: Connect, events: Transcript, capsys: pytest.CaptureFixture[str]
) -> None:
    client = connect(serve())
    client.ask("hello")
    assert isinstance(sys.stdout, HandlerStream)
    print("from the test")
    print("and its errors", file=sys.stderr)
    thread = threading.Thread(target=print, args=("from a thread",))
    thread.start()
    thread.join(PATIENCE_SECONDS)
    captured = capsys.readouterr()
    assert captured.out == "from the test\nfrom a thread\n"
    assert captured.err == "and its errors\n"
    assert told(events, events.opened(client)) == []
    assert told(events, None) == []


def test_after_its_handler_a_pools_thread_is_untouched(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    service = serve("greeting", concurrency="sync")
    for number in (1, 2):
        connect(service).rest()
        events.closed(number)
        assert [stream for stream, _ in told(events, number)] == ["stdout"]
    assert socketdeck.output.current.connection is None


def test_the_stream_stands_for_the_one_it_replaced() -> None:
    underlying = io.TextIOWrapper(io.BytesIO(), encoding="latin-1", errors="replace")
    stream = HandlerStream("stdout", underlying)
    assert (stream.encoding, stream.errors) == ("latin-1", "replace")
    assert stream.writable()
    assert not stream.isatty()
    assert stream.buffer is underlying.buffer
    assert stream.write("hello") == 5
    stream.flush()
    assert underlying.buffer.getvalue() == b"hello"
    with pytest.raises(io.UnsupportedOperation):
        stream.fileno()


def test_capturing_twice_replaces_nothing_twice() -> None:
    socketdeck.output.capture()
    first = sys.stdout
    socketdeck.output.capture()
    assert sys.stdout is first
    handlers = [type(handler).__name__ for handler in logging.getLogger().handlers]
    assert handlers.count("HandlerLog") <= 1


def test_a_log_record_that_cannot_be_formatted_ends_no_handler(
    serve: Serve,
    connect: Connect,
    events: Transcript,
    monkeypatch: pytest.MonkeyPatch,
    loaded: Callable[[str], object],
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    client = connect(serve())
    assert client.ask("log-badly") == "done"
    assert client.ask("hello") == "hello"


def test_a_handler_that_takes_the_streams_away_takes_nothing_from_others(
    serve: Serve, connect: Connect, events: Transcript
) -> None:
    client = connect(serve())
    assert client.ask("take-streams") == "done"
    client.end()
    events.closed(1)
    connect(serve()).ask("print still here")
    assert events.wait("service.log").data == {"stream": "stdout", "text": "still here"}

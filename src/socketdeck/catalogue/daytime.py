"""Daytime (RFC 867): the date and time as people read it."""

from __future__ import annotations

from datetime import datetime, tzinfo
from socketserver import BaseRequestHandler
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from socketdeck.catalogue.datagram import DatagramHandler
from socketdeck.catalogue.entry import Entry
from socketdeck.catalogue.options import HandlerOptions


class DaytimeOptions(HandlerOptions):
    """How the time is told, and whose."""

    format: str = Field(
        "%A, %B %d, %Y %H:%M:%S-%Z",
        title="Format",
        description="The line, with strftime(3)'s codes; the default is RFC 867's own example",
        min_length=1,
        max_length=200,
    )
    timezone: str = Field(
        "UTC",
        title="Time zone",
        description="A name such as Europe/Paris from the IANA time zone database, or local for "
        "this machine's own",
        min_length=1,
        max_length=64,
    )

    @field_validator("format")
    @classmethod
    def _format_makes_a_line(cls, text: str) -> str:
        try:
            line = datetime.now().astimezone().strftime(text)
        except ValueError as error:
            raise ValueError(f"strftime cannot use this: {error}") from None
        if not line.strip() or not (text + line).isprintable():
            raise ValueError("this makes no line of text: it is empty or has control characters")
        return text

    @field_validator("timezone")
    @classmethod
    def _timezone_is_known(cls, name: str) -> str:
        try:
            zone(name)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"this machine knows no time zone {name!r}") from None
        return name


def zone(name: str) -> tzinfo | None:
    """The zone of that name; `None`, which `astimezone` takes as the machine's own, for `local`."""
    return None if name == "local" else ZoneInfo(name)


def line_of(moment: datetime, options: DaytimeOptions) -> bytes:
    """One line of text, ended by CR LF."""
    return moment.astimezone(zone(options.timezone)).strftime(options.format).encode() + b"\r\n"


def now() -> datetime:
    """The present, aware of its zone."""
    return datetime.now().astimezone()


class Daytime(BaseRequestHandler):
    """Sends one line and closes."""

    Options = DaytimeOptions
    options = DaytimeOptions()

    def handle(self) -> None:
        self.request.sendall(line_of(now(), self.options))


class DaytimeDatagram(DatagramHandler):
    """Answers each datagram, whatever is in it, with one line."""

    Options = DaytimeOptions
    options = DaytimeOptions()

    def handle(self) -> None:
        self.reply(line_of(now(), self.options))


ENTRY = Entry(
    name="daytime",
    title="Daytime",
    description="Answers with the date and time as one line of text (RFC 867).",
    options=DaytimeOptions,
    stream=Daytime,
    datagram=DaytimeDatagram,
)

"""The commands, as click reads them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from app.cli.client import PanelClient
from app.cli.told import CONNECTIONS, SERVICES, Column, Item, event_line, table
from app.configuration import Configuration, ConfigurationError
from app.export import COLUMNS, csv_row, csv_text
from app.version import VERSION

EVENTS_SHOWN = 50
EVENTS_BEFORE_FOLLOWING = 10
ITEMS_SHOWN = 500
LIMIT_MAXIMUM = 100_000
"""All of it is held before any is shown; who wants more takes it from `GET /events/export`."""

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--url", metavar="URL", help="Where the panel is served; else it is found.")
@click.version_option(VERSION, prog_name="socketdeck")
@click.pass_context
def cli(context: click.Context, url: str | None) -> None:
    """Ask a running Socketdeck panel.

    It is found by the data folder (SOCKETDECK_DATA, instance unless set), and asked with the token
    that lies there, or with SOCKETDECK_TOKEN.
    """
    context.obj = url


def _json_option(command: Command) -> Command:
    return click.option(
        "--json", "as_json", is_flag=True, help="A line of JSON each, as REST has it."
    )(command)


def _limit_option(default: int | None, told: str) -> Callable[[Command], Command]:
    return click.option(
        "--limit", type=click.IntRange(0, LIMIT_MAXIMUM), default=default, metavar="N", help=told
    )


class FilterCommand(click.Command):
    """A command whose argument may begin with a hyphen, as `-kind:data` does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = {name for param in self.get_params(ctx) for name in param.opts}
        is_filter = [
            given.startswith("-") and not given.startswith("--") and given not in known
            for given in args
        ]
        if any(is_filter) and "--" not in args:
            told = list(zip(args, is_filter, strict=True))
            filters = [given for given, moves in told if moves]
            args = [*(given for given, moves in told if not moves), "--", *filters]
        return super().parse_args(ctx, args)


@cli.command(cls=FilterCommand)
@click.argument("filter", default="")
@click.option("--follow", "-f", is_flag=True, help="Go on with what happens, until Ctrl-C.")
@_json_option
@click.option("--csv", "as_csv", is_flag=True, help="A table for a spreadsheet.")
@_limit_option(None, "The last N; 50, or 10 before following.")
@click.option("--at", metavar="TIME", help="Up to this time, like 2026-07-12T12:05:00Z.")
@click.pass_obj
def events(
    url: str | None,
    filter: str,
    follow: bool,
    as_json: bool,
    as_csv: bool,
    limit: int | None,
    at: str | None,
) -> None:
    """What happened, the newest last; FILTER says of what.

    \b
    socketdeck events 'service:echo kind:error'
    socketdeck events --follow 'peer:10.0.0.0/8 -kind:data'
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv are two ways to write the same; choose one")
    if follow and at:
        raise click.UsageError("--follow goes on from now, --at ends at a time; choose one")
    panel = _panel(url)
    if limit is None:
        limit = EVENTS_BEFORE_FOLLOWING if follow else EVENTS_SHOWN
    write = _writer(as_json=as_json, as_csv=as_csv)
    asked = {"filter": filter or None}
    if follow:
        newest = panel.get("/events", {"limit": 1})
        seq = max((event["seq"] for event in newest["items"]), default=0)
        past = {**asked, "before": seq + 1}
    else:
        seq, past = 0, {**asked, "at": at}
    for event in reversed(list(panel.items("/events", past, limit))):
        write(event)
    if follow:
        for event in panel.follow("/events", {**asked, "after": seq}):
            write(event)


@cli.command()
@click.option("--state", metavar="STATE", help="In this state.")
@click.option("--label", metavar="KEY[=VALUE]", help="With this label.")
@click.option("-q", metavar="TEXT", help="With this in name, description, address or labels.")
@click.option("--sort", metavar="KEY", help="By this key, - in front for descending.")
@_limit_option(ITEMS_SHOWN, "At most N; 500.")
@_json_option
@click.pass_obj
def services(url: str | None, /, as_json: bool, limit: int, **asked: str | None) -> None:
    """The services, what serves them and what they did."""
    _list(_panel(url).items("/services", asked, limit), SERVICES, as_json=as_json)


@cli.command()
@click.option("--service", metavar="NAME", help="Of this service.")
@click.option("--state", metavar="STATE", help="open (unless told), closed or all.")
@click.option("--peer", metavar="PEER", help="An IP address, CIDR, HOST:PORT, path or @NAME.")
@click.option("--reason", metavar="REASON", help="Closed for this reason.")
@click.option("-q", metavar="TEXT", help="With this in service, peer, local address or reason.")
@click.option("--sort", metavar="KEY", help="By this key, - in front for descending.")
@_limit_option(ITEMS_SHOWN, "At most N; 500.")
@_json_option
@click.pass_obj
def connections(url: str | None, /, as_json: bool, limit: int, **asked: str | None) -> None:
    """The connections, the newest first."""
    _list(_panel(url).items("/connections", asked, limit), CONNECTIONS, as_json=as_json)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 2 for what was typed, 1 for all else that fails."""
    try:
        cli.main(args=arguments, prog_name="socketdeck", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        # Who read it has seen enough. What is still buffered must not be tried again at the exit.
        sys.stdout = None
        return 1
    return 0


def _panel(url: str | None) -> PanelClient:
    try:
        configuration = Configuration.from_environment()
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    return PanelClient(configuration, url)


def _writer(*, as_json: bool, as_csv: bool) -> Callable[[Item], None]:
    """Writes one event, at once."""
    if as_json:
        return lambda event: click.echo(_json(event))
    if as_csv:
        click.echo(csv_text([COLUMNS], "\n"), nl=False)
        return lambda event: click.echo(csv_text([csv_row(event)], "\n"), nl=False)
    return lambda event: click.echo(event_line(event))


def _list(items: Iterable[Item], columns: Sequence[Column], *, as_json: bool) -> None:
    if as_json:
        for item in items:
            click.echo(_json(item))
        return
    for line in table(columns, list(items)):
        click.echo(line)


def _json(item: Item) -> str:
    return json.dumps(item, separators=(",", ":"))

"""A client of a running panel's REST interface; what goes wrong is told in one sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click
import requests

from app.cli.caret import pointed_at
from app.configuration import Configuration
from app.store.folder import panel_url
from app.visible import visible

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 60.0
"""A followed stream has an empty line every few seconds: nothing for so long is no stream."""

PAGE = 500

Params = Mapping[str, Any]


class PanelClient:
    """Asks one panel. Its errors are `click.ClickException`, which ends the command."""

    def __init__(self, configuration: Configuration, url: str | None) -> None:
        """Without a `url` it is the panel on the configured data folder, or at its address."""
        found = url or panel_url(configuration.data) or configuration.url
        self.url = found.rstrip("/")
        self._session = requests.Session()
        # No proxy, and no .netrc: they would send the token elsewhere, or put another in its place.
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {_token(configuration)}"

    def get(self, path: str, params: Params) -> Any:
        """What a call answers."""
        with self._call(path, params, stream=False) as answer:
            try:
                return answer.json()
            except ValueError:
                raise click.ClickException(f"{self.url} is no Socketdeck panel") from None

    def items(self, path: str, params: Params, limit: int) -> Iterator[dict[str, Any]]:
        """The items of a list, page by page, up to `limit`."""
        cursor: str | None = None
        while limit > 0:
            asked = {**params, "limit": min(PAGE, limit)}
            page = self.get(path, asked if cursor is None else {**asked, "cursor": cursor})
            yield from page["items"]
            limit -= len(page["items"])
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def follow(self, path: str, params: Params) -> Iterator[dict[str, Any]]:
        """The events of a stream, until it ends."""
        with self._call(path, {**params, "follow": "true"}, stream=True) as answer:
            try:
                for line in answer.iter_lines():
                    if line:
                        yield json.loads(line)
            except (requests.RequestException, ValueError):
                pass  # as it is told of any other end
        raise click.ClickException("the stream has ended: the panel was stopped, or cannot be read")

    def _call(self, path: str, params: Params, *, stream: bool) -> requests.Response:
        given = {name: value for name, value in params.items() if value is not None}
        try:
            answer = self._session.get(
                f"{self.url}/api/v1{path}",
                params=given,
                stream=stream,
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                allow_redirects=False,
            )
        except requests.ConnectionError:
            raise click.ClickException(
                f"no panel answers at {self.url}; start one with make run, or name it with --url"
            ) from None
        except requests.RequestException as error:
            raise click.ClickException(f"{self.url} cannot be asked: {error}") from None
        if answer.status_code != 200:
            with answer:
                raise _refusal(answer, given)
        return answer


def _token(configuration: Configuration) -> str:
    if configuration.token is not None:
        return configuration.token
    path = configuration.data / "token"
    try:
        token = path.read_text("ascii", "replace").strip()
    except OSError as error:
        raise click.ClickException(
            f"the token in {path} cannot be read: {error.strerror}; set SOCKETDECK_TOKEN, or "
            "SOCKETDECK_DATA to the panel's data folder"
        ) from None
    if not token:
        raise click.ClickException(f"{path} is empty; set SOCKETDECK_TOKEN")
    return token


def _refusal(answer: requests.Response, params: Params) -> click.ClickException:
    """What the panel says of a call that it does not do."""
    try:
        problem = answer.json()
        detail = str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        return click.ClickException(f"{answer.url} answers {answer.status_code}")
    if answer.status_code == 401:
        detail = "the panel does not know this token; set SOCKETDECK_TOKEN or SOCKETDECK_DATA"
    for error in problem.get("errors", ()):
        if error["pointer"] == "/filter" and error.get("position") is not None:
            text = str(params.get("filter", ""))
            return _BadFilter(pointed_at(text, error["detail"], error["position"], error["length"]))
    return click.ClickException(visible(detail))


class _BadFilter(click.ClickException):
    """The filter is wrong: a mistake in what was typed, as click's own are."""

    exit_code = 2

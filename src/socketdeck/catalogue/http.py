"""The standard library's static files, over HTTP."""

from __future__ import annotations

import io
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import Field, field_validator

from socketdeck.catalogue.entry import Entry
from socketdeck.catalogue.options import HandlerOptions
from socketdeck.catalogue.peer import readable

SAMPLE_SITE = Path(__file__).parent / "site"


class HttpOptions(HandlerOptions):
    """Which folder, and how it is served."""

    directory: str | None = Field(
        None,
        title="Folder",
        description="The folder that is served, with all that is in it and that links in it lead "
        "to; absolute, or relative to the current folder. Empty: one page that says it works",
        min_length=1,
        max_length=4096,
    )
    listing: bool = Field(
        True,
        title="List folders",
        description="Whether a folder without an index.html shows what is in it",
    )
    keep_alive: bool = Field(
        False,
        title="Keep alive",
        description="Speak HTTP/1.1 and serve many requests on one connection; a client then "
        "occupies its thread for as long as it stays",
    )
    timeout: float | None = Field(
        30.0,
        title="Timeout",
        description="Seconds of silence after which a client is disconnected; empty: never",
        gt=0,
        le=86_400,
    )
    server_version: str | None = Field(
        None,
        title="Server header",
        description="What the Server header says; empty: the standard library's own",
        min_length=1,
        max_length=200,
        pattern=r"^[\x20-\x7e]+$",
    )

    @field_validator("directory")
    @classmethod
    def _directory_exists(cls, directory: str | None) -> str | None:
        if directory is None:
            return None
        try:
            path = Path(directory).resolve(strict=True)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ValueError(f"{directory!r} cannot be served: {reason}") from None
        if not path.is_dir():
            raise ValueError(f"{directory!r} cannot be served: it is no folder")
        return str(path)


class Http(SimpleHTTPRequestHandler):
    """`http.server`'s handler with its folder, version and timeout from the options."""

    Options = HttpOptions
    options = HttpOptions()

    def __init__(self, request: Any, client_address: Any, server: Any) -> None:
        options = self.options
        if options.keep_alive:
            self.protocol_version = "HTTP/1.1"
        super().__init__(
            request, client_address, server, directory=options.directory or str(SAMPLE_SITE)
        )

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(self.options.timeout)

    def send_head(self) -> io.BytesIO | BinaryIO | None:
        try:
            return super().send_head()
        except ValueError:  # a NUL in the path: no file has such a name
            self.send_error(HTTPStatus.NOT_FOUND, "File not found")
            return None

    def list_directory(self, path: Any) -> io.BytesIO | None:
        if self.options.listing:
            return super().list_directory(path)
        self.send_error(HTTPStatus.FORBIDDEN, "Folders are not listed here")
        return None

    def version_string(self) -> str:
        return self.options.server_version or super().version_string()

    def address_string(self) -> str:
        """The client, as the log line shows it: a Unix client has no host to show."""
        if isinstance(self.client_address, tuple):
            return super().address_string()
        return readable(self.client_address)


ENTRY = Entry(
    name="http",
    title="Static files over HTTP",
    description="Serves a folder's files with the standard library's SimpleHTTPRequestHandler; "
    "each request is a line of the log.",
    options=HttpOptions,
    stream=Http,
)

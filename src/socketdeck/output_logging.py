"""What handlers log, as `service.log` events of the connection they were handling."""

from __future__ import annotations

import logging

from socketdeck.output import handled, tell


class HandlerLog(logging.Handler):
    """Gives what a handler logs to the journal; what is logged elsewhere is not its concern."""

    def emit(self, record: logging.LogRecord) -> None:
        connection = handled()
        if connection is not None:
            try:
                tell(connection, f"log.{record.levelname.lower()}", self.format(record))
            except Exception:
                self.handleError(record)


def listen_to_logging() -> None:
    """Put the handler on the root logger, once."""
    root = logging.getLogger()
    if not any(isinstance(handler, HandlerLog) for handler in root.handlers):
        root.addHandler(HandlerLog())

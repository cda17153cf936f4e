"""`python -m app`: serve the panel as the environment says (`app.configuration`)."""

from __future__ import annotations

import logging
import sys

from app.configuration import Configuration, ConfigurationError
from app.serving.arbiter import serve


def main() -> int:
    """Serve until a signal ends it; returns the exit status."""
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        configuration = Configuration.from_environment()
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    return serve(configuration)


if __name__ == "__main__":
    sys.exit(main())

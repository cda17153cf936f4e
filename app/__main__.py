"""`python -m app`: serve the panel as the environment says (`app.configuration`).

With a command behind it, it asks a panel that is served already (`app.cli`).
"""

from __future__ import annotations

import logging
import sys

from app.configuration import Configuration, ConfigurationError


def main() -> int:
    """Serve until a signal ends it, or run a command; returns the exit status."""
    # Each loads much that the other has no use for.
    if len(sys.argv) > 1:
        from app.cli import main as run_command

        return run_command(sys.argv[1:])
    from app.serving.arbiter import serve

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

"""The command line: `socketdeck events`, `services`, `connections`, against a running panel.

It speaks REST, as anybody else may: it opens neither the database nor the data folder's other
files, but for the token and the note of where the panel is served.
"""

from __future__ import annotations

from app.cli.commands import main

__all__ = ["main"]

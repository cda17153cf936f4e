"""The panel's version; the same as the project's."""

VERSION = "0.1.0"

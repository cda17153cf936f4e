"""Which way data went, as taps, journal and wire number it."""

IN = 0
OUT = 1

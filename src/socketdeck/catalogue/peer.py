"""A client address as people read it."""

from __future__ import annotations

from typing import Any


def readable(client_address: Any) -> str:
    """`HOST:PORT` for internet sockets; for Unix sockets the path, or that there is none."""
    if isinstance(client_address, tuple):
        host, port = client_address[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if isinstance(client_address, bytes):  # an abstract name: unix(7)
        client_address = client_address.decode("utf-8", "backslashreplace").replace("\0", "@", 1)
    return client_address or "an unnamed socket"

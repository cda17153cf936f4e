"""A client address as people read it, whatever a server's `get_request` made of it."""

from __future__ import annotations

import os
from typing import Any


def peer_text(client_address: Any) -> str | None:
    """`HOST:PORT`, a path, `@abstract`, or `None` if unnamed; what is none of these by `repr`.

    IPv4 peers of a dual-stack socket are shown as IPv4 (RFC 4291, 2.5.5.2).
    """
    if client_address.__class__ is tuple and len(client_address) == 2:  # IPv4: most there are
        host, port = client_address
        plain = host.__class__ is str and port.__class__ is int and ":" not in host
        if plain and host.isascii() and host.isprintable():
            return f"{host}:{port}"
    if client_address is None or client_address in ("", b""):
        return None
    if isinstance(client_address, tuple) and len(client_address) >= 2:
        host, port = client_address[0], client_address[1]
        if isinstance(host, str) and isinstance(port, int):
            if host.startswith("::ffff:") and "." in host:
                host = host[7:]
            host = _printable(host)
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if isinstance(client_address, bytes):
        if client_address.startswith(b"\0"):
            return "@" + _printable(client_address[1:].decode("utf-8", "backslashreplace"))
        return _printable(os.fsdecode(client_address))
    if isinstance(client_address, str):
        if client_address.startswith("\0"):
            return "@" + _printable(client_address[1:])
        return _printable(client_address)
    return repr(client_address)


def _printable(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text.encode("utf-8", "backslashreplace").decode()
    )

"""What a fresh panel starts with: three services on fixed ports, stopped until they are started.

The ports are below those that the kernel gives to clients (ip_local_port_range), and carry the
numbers of RFC 862 and 865 in their last two digits where there is one.
"""

from __future__ import annotations

from typing import Any

from socketdeck import ServiceDefinition

GREETER: dict[str, Any] = {
    "name": "greeter",
    "description": "The classic first server: greets each client, then closes the connection.",
    "address": "tcp://127.0.0.1:7001",
    "handler": "greeting",
}
ECHO: dict[str, Any] = {
    "name": "echo",
    "description": "Sends back whatever it is sent (RFC 862), with a thread for each client.",
    "address": "tcp://127.0.0.1:7007",
    "handler": "echo",
}
QUOTES: dict[str, Any] = {
    "name": "quotes",
    "description": "Answers each datagram with a quote of the day (RFC 865).",
    "address": "udp://127.0.0.1:7017",
    "handler": "qotd",
}


def ready_made() -> list[dict[str, Any]]:
    """The definitions, complete, as the store keeps them."""
    return [
        ServiceDefinition.parse(given).model_dump(mode="json") for given in (GREETER, ECHO, QUOTES)
    ]

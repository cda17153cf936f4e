"""History fed by the engine itself: what a client did is found again as the API shows it."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from socketdeck import Supervisor


def test_what_a_client_did_is_found_again_after_a_restart(panel: Any) -> None:
    supervisor = Supervisor(
        journal=panel.journal, first_connection_id=panel.store.recovery.first_connection_id
    )

    def view(number: int) -> Mapping[str, Any]:
        shown = supervisor.connection(number).view()
        return shown.model_dump(mode="json", by_alias=True)

    panel.view = view
    service = supervisor.add(name="echo", address="tcp://127.0.0.1:0", handler="echo")
    service.start()
    assert service.address is not None
    target = (service.address.host, service.address.port)
    with socket.create_connection(target, timeout=10) as client:
        client.sendall(b"<b>hello</b>\n")
        assert client.recv(100) == b"<b>hello</b>\n"
        panel.flush()
        assert panel.sql("SELECT id FROM open_connections") == [(1,)]
    service.stop()
    panel.flush()
    shown = view(1)
    supervisor.shutdown()
    panel.restart()

    assert panel.history.connection(1) == shown
    assert shown["bytes"] == {"in": 13, "out": 13}
    assert panel.closed(peer="127.0.0.1", service="echo").items == [shown]
    payloads = [event.data["data"] for event in panel.history.messages(1).items]
    assert payloads == [b"<b>hello</b>\n"] * 2
    kinds = [event.kind for event in panel.history.events(connection=1, after=0).items]
    assert kinds == ["connection.opened", "connection.data", "connection.data", "connection.closed"]
    assert panel.sql("SELECT id FROM open_connections") == []

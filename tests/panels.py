"""Panels for tests: one in this process, one as people start it, and a REST client for both.

The client holds each answer against the panel's own OpenAPI document: an answer that the document
does not have fails the test that met it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import jsonschema_rs
import requests
import socketio
from werkzeug.serving import WSGIRequestHandler, make_server

from app import Panel, create_app
from app.api import DOCUMENT_PATH
from app.configuration import Configuration

TOKEN = "the-token-of-the-tests"
SECONDS = 20.0
ROOT = Path(__file__).resolve().parent.parent


class Documented:
    """The OpenAPI document, as something to hold answers against."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._paths = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), item)
            for path, item in sorted(document["paths"].items(), key=lambda found: "{" in found[0])
        ]
        self._validators: dict[str, Any] = {}

    def check(self, response: requests.Response) -> None:
        """Fail where an answer is not as the document says."""
        path = response.request.path_url.partition("?")[0]
        media = response.headers.get("Content-Type", "").partition(";")[0]
        if path == DOCUMENT_PATH or not media.endswith("json"):
            return
        schema = self._schema(response, path, media)
        if schema is None:
            assert response.status_code >= 400, f"{path} is not in the document"
            schema = {"$ref": "#/components/schemas/Problem"}
        key = json.dumps(schema)
        if key not in self._validators:
            whole = {**schema, "components": self.document["components"]}
            self._validators[key] = jsonschema_rs.Draft202012Validator(whole)
        problems = [str(error) for error in self._validators[key].iter_errors(response.json())]
        assert not problems, f"{response.request.method} {path}: {problems}"

    def _schema(self, response: requests.Response, path: str, media: str) -> Any:
        for pattern, item in self._paths:
            if not pattern.fullmatch(path):
                continue
            operation = item.get((response.request.method or "").lower())
            if operation is None:
                return None
            answers = operation["responses"]
            status = str(response.status_code)
            answer = answers.get(status) or answers.get(f"{status[0]}XX")
            assert answer, f"{path} answers {status}, which the document does not have"
            assert media in answer["content"], f"{path} answers {media}"
            return answer["content"][media]["schema"]
        return None


class Rest:
    """A REST client. Its calls return what was answered, whatever the status."""

    def __init__(self, url: str, token: str | None = TOKEN) -> None:
        self.url = url
        self.session = requests.Session()
        if token is not None:
            self.session.headers["Authorization"] = f"Bearer {token}"
        document = self.session.get(f"{url}{DOCUMENT_PATH}", timeout=SECONDS).json()
        self.documented = Documented(document)

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Call; `path` is below `/api/v1` unless it begins with the whole of it."""
        whole = path if path.startswith(("/api", "/health", "/ready")) else f"/api/v1{path}"
        response = self.session.request(method, self.url + whole, timeout=SECONDS, **options)
        if not options.get("stream"):
            self.documented.check(response)
        return response

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.call("POST", path, **options)

    def put(self, path: str, **options: Any) -> requests.Response:
        return self.call("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> requests.Response:
        return self.call("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> requests.Response:
        return self.call("DELETE", path, **options)

    # -- in short -----------------------------------------------------------------------------

    def create(self, name: str, handler: str = "echo", **fields: Any) -> dict[str, Any]:
        """A service, on a port of the kernel's choice unless told."""
        fields.setdefault("address", "tcp://127.0.0.1:0")
        answer = self.post("/services", json={"name": name, "handler": handler, **fields})
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    def start(self, name: str, handler: str = "echo", **fields: Any) -> dict[str, Any]:
        """The same, started; its `status.address` is where it listens."""
        self.create(name, handler, **fields)
        answer = self.post(f"/services/{name}/start")
        assert answer.status_code == 200, answer.text
        started: dict[str, Any] = answer.json()
        return started

    def service(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/services/{name}").json()
        return found

    @contextlib.contextmanager
    def follow(self, **filters: Any) -> Iterator[Follower]:
        """The events from now on, or from `after` on."""
        answer = self.get("/events", params={"follow": "true", **filters}, stream=True)
        assert answer.status_code == 200, answer.text
        with answer:
            yield Follower(answer)


class Follower:
    """The lines of a followed stream."""

    def __init__(self, answer: requests.Response) -> None:
        self._lines = answer.iter_lines()
        assert next(self._lines) == b"", "a stream begins with an empty line"
        self.seen: list[dict[str, Any]] = []

    def until(self, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next event that is meant; those before it are in `seen` too."""
        for line in self._lines:
            if not line:
                continue
            event: dict[str, Any] = json.loads(line)
            self.seen.append(event)
            if is_it(event):
                return event
        raise AssertionError(f"the stream ended; seen were {self.kinds()}")

    def until_kind(self, kind: str) -> dict[str, Any]:
        return self.until(lambda event: event["kind"] == kind)

    def kinds(self) -> list[str]:
        return [event["kind"] for event in self.seen]


class QuietHandler(WSGIRequestHandler):
    """Serves without a line for each request."""

    def log(self, type: str, message: str, *args: Any) -> None:
        if type == "error" and "Request timed out" not in message:
            super().log(type, message, *args)


class RunningPanel:
    """A panel in this process, behind a threaded Werkzeug server."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.data = data
        environment = {"SOCKETDECK_DATA": str(data), "SOCKETDECK_TOKEN": TOKEN}
        environment |= {f"SOCKETDECK_{name}": value for name, value in settings.items()}
        self.app = create_app(Configuration.from_environment(environment))
        self.panel: Panel = self.app.extensions["panel"]
        server: Any = make_server(
            "127.0.0.1", 0, self.app, threaded=True, request_handler=QuietHandler
        )
        server.daemon_threads = True
        self._server = server
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), name="test-panel"
        )
        self._thread.start()

    def close(self) -> None:
        self.panel.close()
        self._server.shutdown()
        self._thread.join(SECONDS)
        self._server.server_close()

    def rest(self, token: str | None = TOKEN) -> Rest:
        return Rest(self.url, token)


class ServedPanel:
    """A panel as people start it: `python -m app`, with an arbiter and a worker."""

    def __init__(self, data: Path, *, port: int = 0, **settings: str) -> None:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("SOCKETDECK_")
        }
        environment |= {
            "SOCKETDECK_DATA": str(data),
            "SOCKETDECK_TOKEN": TOKEN,
            "SOCKETDECK_PORT": str(port),
            **{f"SOCKETDECK_{name}": value for name, value in settings.items()},
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.said = [self.process.stdout.readline(), self.process.stdout.readline()]
        found = re.search(r"http://[^/\s]+", self.said[0])
        if found is None:
            out, err = self.process.communicate(timeout=SECONDS)
            raise AssertionError(f"the panel did not start: {out}{err}")
        self.url = found[0]
        self.link = self.said[1].partition(": ")[2].strip()

    @property
    def worker(self) -> int:
        """The worker's process id."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(path.read_text().split()[0])

    def rest(self, token: str | None = TOKEN) -> Rest:
        return Rest(self.url, token)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Ask for the end by a signal; the exit status and what was still said."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, out, err

    def kill_all(self) -> None:
        """SIGKILL for the arbiter, the worker, and whatever is in their group."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate(timeout=SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate(timeout=SECONDS)


class LiveClient:
    """A Socket.IO client of the live link, that acknowledges its frames unless told not to."""

    def __init__(self, url: str, token: str | None = TOKEN, **headers: str) -> None:
        self._arrived = threading.Condition()
        self.frames: list[dict[str, Any]] = []
        self.acknowledging = threading.Event()
        self.acknowledging.set()
        self.gone = threading.Event()
        self.client = socketio.Client(reconnection=False)
        self.client.on("frame", self._take, namespace="/live")
        self.client.on("disconnect", lambda *_: self.gone.set(), namespace="/live")
        self.client.connect(
            url,
            headers=headers,
            namespaces=["/live"],
            transports=["websocket"],
            auth={"token": token} if token else None,
        )

    def _take(self, frame: dict[str, Any]) -> None:
        with self._arrived:
            self.frames.append(frame)
            self._arrived.notify_all()
        self.acknowledging.wait(SECONDS)

    def ask(self, event: str, content: Any = None) -> Any:
        return self.client.call(event, content, namespace="/live", timeout=SECONDS)

    def subscribe(self, topic: str, **params: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.ask("subscribe", {"topic": topic, **params})
        return answer

    def until(self, is_it: Callable[[list[dict[str, Any]]], Any]) -> list[dict[str, Any]]:
        """Wait until the frames that have come are as meant; returns them."""
        with self._arrived:
            done = self._arrived.wait_for(lambda: is_it(self.frames), SECONDS)
            seen = [
                (frame["topic"], [event["kind"] for event in frame["events"]])
                for frame in self.frames
            ]
            assert done, f"frames that came: {seen}"
            return list(self.frames)

    def events(self, topic: str | None = None) -> list[dict[str, Any]]:
        """All events that came, in the order of their frames."""
        frames = [frame for frame in self.frames if topic in (None, frame["topic"])]
        return [event for frame in frames for event in frame["events"]]

    def close(self) -> None:
        self.acknowledging.set()
        self.client.disconnect()


def target(address: str) -> tuple[str, Any]:
    """The transport of an address, and what `connect` takes."""
    transport, _, rest = address.partition("://")
    if transport.startswith("unix"):
        return transport, rest
    host, _, port = rest.rpartition(":")
    return transport, (host.strip("[]"), int(port))


@contextlib.contextmanager
def connected(address: str) -> Iterator[socket.socket]:
    """A client's socket, connected to a service's address."""
    transport, where = target(address)
    if transport.startswith("unix"):
        family = socket.AF_UNIX
    else:
        family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
    kind = socket.SOCK_STREAM if transport in ("tcp", "unix") else socket.SOCK_DGRAM
    with socket.socket(family, kind) as client:
        client.settimeout(SECONDS)
        if transport == "unixgram":
            client.bind("")  # a name of the kernel's choice, to be answered at
        client.connect(where)
        yield client

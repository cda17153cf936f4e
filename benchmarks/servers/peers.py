"""Other ways to serve the same echo, to know where the engine stands between them."""

from __future__ import annotations

import asyncio
import subprocess

from benchmarks.build import program
from benchmarks.child import Talk
from benchmarks.servers.stock import BACKLOG


async def _until_done(talk: Talk, server: asyncio.Server) -> None:
    """Serves while the parent asks; a question is answered by nothing."""
    talk.say(port=server.sockets[0].getsockname()[1])
    while await asyncio.to_thread(talk.hear) is not None:
        talk.say()
    server.close()


class EchoProtocol(asyncio.Protocol):
    """The echo as asyncio's callbacks."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def asyncio_protocol(talk: Talk) -> None:
    """asyncio with a Protocol."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(EchoProtocol, "127.0.0.1", 0, backlog=BACKLOG)
        await _until_done(talk, server)

    asyncio.run(main())


def asyncio_streams(talk: Talk) -> None:
    """asyncio with a coroutine for each connection."""

    async def main() -> None:
        server = await asyncio.start_server(_echo, "127.0.0.1", 0, backlog=BACKLOG)
        await _until_done(talk, server)

    asyncio.run(main())


def epoll_in_c(talk: Talk) -> None:
    """The C program `epollecho`, a child of the child and on its core."""
    with subprocess.Popen(
        [str(program("epollecho"))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as echo:
        assert echo.stdin is not None
        assert echo.stdout is not None
        talk.say(port=int(echo.stdout.readline()), pids=[echo.pid])
        while talk.hear() is not None:
            talk.say()
        echo.stdin.close()

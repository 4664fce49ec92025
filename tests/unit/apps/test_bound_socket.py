"""The socket on which the server listens."""

import asyncio
import socket

from livermore.apps.web import bound_socket


async def test_what_is_answered_is_sent_at_once() -> None:
    """Without this an answer in two writes waits until the browser has acknowledged the first: 40 ms."""
    accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.put_nowait(writer)

    with bound_socket("127.0.0.1", 0) as listening:
        server = await asyncio.start_server(accept, sock=listening)
        _, writer = await asyncio.open_connection(*listening.getsockname())
        served = await accepted.get()
        assert served.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        for each in (served, writer):
            each.close()
            await each.wait_closed()
        server.close()
        await server.wait_closed()

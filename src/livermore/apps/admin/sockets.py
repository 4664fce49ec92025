"""The socket of the pages: it speaks for no page but those that the same login has opened.

NiceGUI knows a page by an id that the browser names in each message, and asks for nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any
from urllib.parse import parse_qs

from nicegui import Client, core
from socketio.exceptions import ConnectionRefusedError as SocketRefusedError

from livermore.accounts.principal import Principal
from livermore.apps.access.visit import KEY, Visit, visit_of

Handler = Callable[..., Any]
GUARDED = "livermore_guarded"
AFTERWARDS = ("event", "javascript_response", "ack", "log")


def guard_sockets() -> None:
    """Put the guard before NiceGUI's own handlers, once."""
    if getattr(core.sio, GUARDED, False):
        return
    setattr(core.sio, GUARDED, True)
    # A poll would name its socket by an id, too; a WebSocket is one connection of one login.
    core.sio.eio.transports = ["websocket"]
    handlers: dict[str, Handler] = core.sio.handlers["/"]
    handlers["connect"] = _connecting(handlers["connect"])
    handlers["handshake"] = _shaking(handlers["handshake"])
    for name in AFTERWARDS:
        handlers[name] = _speaking(handlers[name])


def caller_of(client: Client) -> Principal:
    """Return who has opened a page; raise LookupError where no gate was passed."""
    principal = visit_of(client.request.scope).principal
    if principal is None:
        raise LookupError("principal")
    return principal


def opened_by(scope: Any) -> bytes | None:
    """Return the credential by which a request was let in."""
    visit = scope.get(KEY) if scope else None
    return visit.principal.credential if isinstance(visit, Visit) and visit.principal else None


def _may_speak_for(environ: dict[str, Any] | None, client_id: object) -> bool:
    """Say whether a socket and a page were opened by the same login."""
    client = Client.instances.get(client_id) if isinstance(client_id, str) else None
    if client is None or environ is None:
        return False
    of_socket = opened_by(environ.get("asgi.scope"))
    return of_socket is not None and of_socket == opened_by(client.request.scope)


def _connecting(handle: Handler) -> Handler:
    async def connect(sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        named = parse_qs(environ.get("QUERY_STRING", "")).get("client_id")
        if named is not None and not _may_speak_for(environ, named[0]):
            raise SocketRefusedError("this page was opened by another login")
        await handle(sid, environ, auth)

    return connect


def _shaking(handle: Handler) -> Handler:
    async def handshake(sid: str, data: dict[str, Any]) -> bool:
        if not _may_speak_for(core.sio.get_environ(sid), data.get("client_id")):
            return False
        answer: Awaitable[bool] = handle(sid, data)
        return await answer

    return handshake


def _speaking(handle: Handler) -> Handler:
    async def speak(sid: str, message: dict[str, Any]) -> None:
        # The handshake has put the socket into the room of its page.
        if message.get("client_id") in core.sio.rooms(sid):
            done = handle(sid, message)
            if isawaitable(done):
                await done

    return speak

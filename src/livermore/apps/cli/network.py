"""Addresses to listen on: this machine only, as long as nothing asks for a password."""

from __future__ import annotations

import errno
import socket
from ipaddress import ip_address
from typing import Annotated

import typer

from livermore.kernel.errors import ConflictError, InvalidError, NotAllowedError

Host = Annotated[str, typer.Option(metavar="ADDRESS", help="Listen on this address of this machine.")]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="Listen on this port; 0 takes any that is free.")]


def check_loopback(host: str) -> None:
    """Refuse to listen where others could reach us."""
    try:
        local = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        raise InvalidError(f"{host!r} is no address", where="--host", hint="write 127.0.0.1 or ::1") from None
    if not local:
        raise NotAllowedError(
            f"{host} can be reached from other machines, and no password is set",
            where="--host",
            hint="listen on 127.0.0.1, and reach it through ssh -L 7070:127.0.0.1:7070",
        )


def listen(host: str, port: int) -> socket.socket:
    """Bind a port before anything else is started; raise ConflictError when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise _refused(error, host, port) from None
    return listener


def _refused(error: OSError, host: str, port: int) -> Exception:
    where = f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return ConflictError(
            "the port is in use", where=where, hint="choose another one with --port, or any with --port 0"
        )
    if error.errno == errno.EACCES:
        return NotAllowedError(
            "this port is not for everybody", where=where, hint="choose one above 1023 with --port"
        )
    return InvalidError(f"cannot listen there: {error.strerror}", where=where, hint="write --host 127.0.0.1")

"""Addresses to listen on: this machine only, as long as nothing asks for a password or an identity."""

from __future__ import annotations

import errno
import os
import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated

import typer

from livermore.kernel.errors import ConflictError, InvalidError, NotAllowedError

if TYPE_CHECKING:
    from livermore.accounts.service import Accounts

ISSUER = "LIVERMORE_OIDC_ISSUER"
Host = Annotated[str, typer.Option(metavar="ADDRESS", help="Listen on this address of this machine.")]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="Listen on this port; 0 takes any that is free.")]


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches an address; raise InvalidError for what is none."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        raise InvalidError(f"{host!r} is no address", where="--host", hint="write 127.0.0.1 or ::1") from None


def check_loopback(host: str) -> None:
    """Refuse to listen where others could reach what asks nobody for a password."""
    if not is_loopback(host):
        raise NotAllowedError(
            f"{host} can be reached from other machines, and nothing here asks for a password",
            where="--host",
            hint="listen on 127.0.0.1, and reach it through ssh -L 7070:127.0.0.1:7070",
        )


async def check_guarded(host: str, accounts: Accounts) -> None:
    """Refuse to listen where others could reach us before anybody can prove who they are."""
    if needs_guard(host) and not await accounts.has_passwords():
        raise unguarded(host)


def needs_guard(host: str) -> bool:
    """Say whether others reach an address while no identity provider is set."""
    return not is_loopback(host) and not os.environ.get(ISSUER)


def unguarded(host: str) -> NotAllowedError:
    """Return the refusal of an address at which nobody could prove who they are."""
    return NotAllowedError(
        f"{host} can be reached from other machines, and no admin has a password",
        where="--host",
        hint=f"start once without --host, then set one with: livermore user password local; or set {ISSUER}",
    )


def address_of(host: str, port: int) -> str:
    """Return where a server is reached from this machine."""
    if host != "localhost" and ip_address(host).is_unspecified:
        host = "127.0.0.1" if ip_address(host).version == 4 else "::1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


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

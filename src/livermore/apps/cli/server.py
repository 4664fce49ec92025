"""Finding the running server and asking it: the one in the environment, else the one in this folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from livermore.apps.cli.errors import ConnectionLostError, NotRunningError
from livermore.apps.cli.stored import start_again
from livermore.kernel.errors import (
    ConflictError,
    ExchangeUnreachableError,
    InvalidError,
    LivermoreError,
    NotAllowedError,
    NotFoundError,
    RateLimitedError,
    StorageUnavailableError,
)

SECONDS = 30.0
NO_CONTENT = 204
ERROR_OF_STATUS: dict[int, type[LivermoreError]] = {
    400: InvalidError,
    401: NotAllowedError,
    403: NotAllowedError,
    404: NotFoundError,
    409: ConflictError,
    412: ConflictError,
    413: InvalidError,
    422: InvalidError,
    428: InvalidError,
    429: RateLimitedError,
    502: ExchangeUnreachableError,
    503: StorageUnavailableError,
}


class Server(NamedTuple):
    """Where a server listens, the token that it takes, and what to do when nobody answers."""

    url: str
    token: str | None
    hint: str = "check LIVERMORE_URL, or start one with: livermore up"


def find_server(workspace: Path) -> Server | None:
    """Return the server that the environment names, else the one that noted itself in the workspace."""
    url, token = os.environ.get("LIVERMORE_URL"), os.environ.get("LIVERMORE_TOKEN")
    if url:
        return Server(url.rstrip("/"), token)
    from livermore.workspace.folder import Workspace

    note = Workspace(workspace).read_server()
    return (
        Server(note.url, token or note.token, f"start one with: {start_again(workspace)}") if note else None
    )


async def ask(
    server: Server,
    path: str,
    query: Mapping[str, Any] | None = None,
    *,
    method: str = "GET",
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Any:
    """Return what the API answers; parameters that are None are left out, and so is a body.

    Bytes are sent as they are, anything else as JSON.

    Errors: NotRunningError when nobody listens (ConnectionLostError: not to the end), TimeoutError, else the
    kernel error that fits the status.
    """
    import httpx

    given = {name: value for name, value in (query or {}).items() if value is not None}
    key = {"Authorization": f"Bearer {server.token}"} if server.token else {}
    sent = {} if body is None else {"content" if isinstance(body, bytes) else "json": body}
    try:
        # The environment's proxies are for the internet; this server is ours.
        async with httpx.AsyncClient(headers=key, timeout=SECONDS, trust_env=False) as client:
            url = f"{server.url}/api/v1{path}"
            answer = await client.request(method, url, params=given, headers=headers, **sent)
    except httpx.TimeoutException:
        raise TimeoutError(f"no answer within {SECONDS:.0f} s ({server.url})") from None
    except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as error:
        said = f"the connection was lost: {error}"
        raise ConnectionLostError(said, where=server.url, hint=server.hint) from None
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise NotRunningError(f"no server answers: {error}", where=server.url, hint=server.hint) from None
    if not answer.is_success:
        raise _refusal(server, answer.status_code, answer.text)
    return None if answer.status_code == NO_CONTENT else _document(server, answer.text)


def _document(server: Server, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise _stranger(server) from None


def _stranger(server: Server) -> NotRunningError:
    hint = "check LIVERMORE_URL: it may name another program"
    return NotRunningError("what answers is not Livermore", where=server.url, hint=hint)


def _refusal(server: Server, status: int, text: str) -> LivermoreError:
    """Read a problem document (RFC 9457) back into the error that it tells of."""
    problem = _document(server, text)
    if not isinstance(problem, dict) or "title" not in problem:
        return _stranger(server)
    detail = str(problem.get("detail") or problem["title"])
    hint = "set LIVERMORE_TOKEN to a token of this server" if status == 401 else problem.get("hint")
    if problem.get("code") == "settings_invalid" and problem.get("errors"):
        from livermore.settings.problems import SettingsProblemsError

        return SettingsProblemsError(problem["errors"], hint=hint)
    return ERROR_OF_STATUS.get(status, LivermoreError)(detail, where=server.url, hint=hint)

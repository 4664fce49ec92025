"""Which identity provider people may log in by, as the environment names it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from livermore.apps.access.doorway import LOOPBACK
from livermore.kernel.errors import InvalidError
from livermore.kernel.role import Role

ISSUER, CLIENT, SECRET = "LIVERMORE_OIDC_ISSUER", "LIVERMORE_OIDC_CLIENT_ID", "LIVERMORE_OIDC_CLIENT_SECRET"
NAME, CREATE = "LIVERMORE_OIDC_NAME", "LIVERMORE_OIDC_CREATE"
NAMES = re.compile(r"[a-z][a-z0-9-]{0,19}")
CREATED: Final[Mapping[str, Role | None]] = {
    "": None, "no": None, "viewer": "viewer", "operator": "operator"
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An OpenID Connect provider; `creates` is the role of subjects that nobody knows, None refuses them."""

    issuer: str
    client_id: str
    secret: str | None = field(default=None, repr=False)
    name: str = "oidc"
    creates: Role | None = None


def provider_of(environment: Mapping[str, str]) -> Provider | None:
    """Read the provider from the environment; None without one. Raises InvalidError for what does not fit."""
    issuer = environment.get(ISSUER)
    if not issuer:
        if environment.get(CLIENT):
            raise InvalidError("the provider's issuer is missing", where=ISSUER, hint="its https:// address")
        return None
    check_encrypted(issuer, where=ISSUER)
    client_id = environment.get(CLIENT)
    if not client_id:
        raise InvalidError("the provider's client id is missing", where=CLIENT, hint="register one at it")
    name = environment.get(NAME) or "oidc"
    if not NAMES.fullmatch(name) or name == "local":
        hint = "up to 20 small letters, digits and -, a letter first, and not local"
        raise InvalidError(f"{name!r} is no name for a provider", where=NAME, hint=hint)
    wish = environment.get(CREATE, "")
    if wish not in CREATED:
        raise InvalidError(f"{wish!r} is no role for newcomers", where=CREATE, hint="no, viewer or operator")
    secret = environment.get(SECRET) or None
    return Provider(issuer=issuer, client_id=client_id, secret=secret, name=name, creates=CREATED[wish])


def check_encrypted(url: str, *, where: str) -> None:
    """Refuse an address that others on the way could answer for; raise InvalidError."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise InvalidError("this is no address", where=where) from None
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme != "http" or parts.hostname not in LOOPBACK:
        hint = "write it as the provider does, such as https://login.example.org"
        raise InvalidError("an identity provider is reached by https://", where=where, hint=hint)

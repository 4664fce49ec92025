"""An exchange account: which environment variables hold its key, and what that key may do.

The values are read when they are needed and stand in no row, error, representation or log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from livermore.kernel.errors import InvalidError
from livermore.kernel.log import conceal

REFERENCE = "env:"
OWN = "LIVERMORE_"
OTHERS = "keep an exchange's key in a variable whose name begins otherwise"
NOT_SET = "set it for the process that runs Livermore, and start that anew"


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """Name the environment variables of a key: its name, its secret, and a passphrase where one is asked."""

    key: str
    secret: str
    password: str | None = None

    def names(self) -> tuple[str, ...]:
        """Return the names of all of them."""
        return tuple(name for name in (self.key, self.secret, self.password) if name is not None)


class AccountEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What a settings document says of one account."""

    exchange: str
    credentials: Credentials
    is_active: bool = True
    is_default: bool = False


class ExchangeAccount(AccountEntry, frozen=True, kw_only=True):
    """One row of `user_exchanges`; `last_connected_at` is in ms UTC, of the last check that went well."""

    id: int
    display_name: str | None = None
    last_connected_at: int | None = None


class KeyReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an exchange says of a key: None where it does not tell; `latency_ms` is its answer's."""

    latency_ms: int
    can_view: bool | None = None
    can_trade: bool | None = None
    can_withdraw: bool | None = None


class Variable(NamedTuple):
    """An environment variable, and whether it is set to something."""

    name: str
    resolves: bool


def account_entries(exchanges: Mapping[str, Any], primary: str | None = None) -> list[AccountEntry]:
    """Return the accounts that the `exchanges` of a settings document (as JSON) name, by exchange.

    An entry that does not name both a key and its secret is no account: it says how an exchange is watched.
    """
    return [
        AccountEntry(
            exchange=name, credentials=credentials, is_active=entry.get("enabled", True) is not False,
            is_default=name == primary,
        )
        for name, entry in sorted(exchanges.items())
        if (credentials := _credentials(entry)) is not None
    ]  # fmt: skip


def _credentials(entry: Mapping[str, Any]) -> Credentials | None:
    key, secret = entry.get("ApiKeyEnvironmentVariableName"), entry.get("SecretEnvironmentVariableName")
    if not key or not secret:
        return None
    return Credentials(key=key, secret=secret, password=entry.get("PasswordEnvironmentVariableName") or None)


def value_of(variable: str, environment: Mapping[str, str]) -> str:
    """Return the value of a variable, which no log line shows from now on.

    Raises InvalidError, naming the variable alone, when it is not set or is one of Livermore's own: those
    open this server, and are sent to no exchange.
    """
    conceal(variable)
    if variable.startswith(OWN):
        raise InvalidError("this environment variable is Livermore's own", where=variable, hint=OTHERS)
    value = environment.get(variable, "").strip()
    if not value:
        raise InvalidError("the environment variable is not set", where=variable, hint=NOT_SET)
    return value


def resolved(credentials: Credentials, environment: Mapping[str, str]) -> tuple[Variable, ...]:
    """Say of each variable whether it is set to something that may be sent to an exchange."""
    return tuple(
        Variable(name, not name.startswith(OWN) and bool(environment.get(name, "").strip()))
        for name in credentials.names()
    )


def warnings_of(report: KeyReport) -> tuple[str, ...]:
    """Return what should be changed about a key: a monitor needs to view and nothing else."""
    powers = {"trade": report.can_trade, "withdraw or transfer": report.can_withdraw}
    able = [power for power, may in powers.items() if may]
    unknown = [power for power, may in powers.items() if may is None]
    warnings = []
    if able:
        warnings.append(f"the key may {' and '.join(able)}; Livermore only views: use a key that only views")
    if unknown:
        warnings.append(f"the exchange does not say whether the key may {' and '.join(unknown)}: look there")
    return tuple(warnings)

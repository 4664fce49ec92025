"""The exchange accounts of a user, and the check of one: does its key work, and may it do too much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from livermore.accounts.exchange_account import (
    NOT_SET,
    ExchangeAccount,
    KeyReport,
    Variable,
    resolved,
    warnings_of,
)
from livermore.kernel.clock import Clock
from livermore.kernel.errors import InvalidError, LivermoreError
from livermore.kernel.log import redacted
from livermore.kernel.scope import Scope


class ExchangeAccountBook(Protocol):
    """Keep exchange accounts."""

    async def all(self, scope: Scope) -> list[ExchangeAccount]:
        """Return the accounts of a user, by exchange."""
        ...

    async def get(self, scope: Scope, account_id: int) -> ExchangeAccount:
        """Return one account of a user; raise NotFoundError for one that is not there, or another's."""
        ...

    async def connected(self, scope: Scope, account_id: int, time: int) -> None:
        """Note that an account's key worked at a time (ms UTC)."""
        ...


class KeyDoor(Protocol):
    """Ask exchanges about keys."""

    async def report(self, account: ExchangeAccount) -> KeyReport:
        """Read something that only the account's key opens, and say what the key may do.

        Errors: InvalidError for a value that is no key, NotFoundError for an exchange without a row,
        ExchangeRefusedError for a key that is not accepted, TransientError.
        """
        ...


class AccountStatus(msgspec.Struct, frozen=True, kw_only=True):
    """An account with its variables, without asking the exchange."""

    account: ExchangeAccount
    variables: tuple[Variable, ...]


class AccountCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a check: a report when the key works, else the error."""

    account: ExchangeAccount
    variables: tuple[Variable, ...]
    report: KeyReport | None = None
    error: LivermoreError | None = None
    warnings: tuple[str, ...] = ()

    @property
    def works(self) -> bool:
        """Say whether the key works."""
        return self.report is not None


class ExchangeAccounts:
    """Answer for exchange accounts; `environment` is read when a value is needed and not before."""

    def __init__(
        self, book: ExchangeAccountBook, door: KeyDoor, environment: Mapping[str, str], clock: Clock
    ) -> None:
        self._book = book
        self._door = door
        self._environment = environment
        self._clock = clock

    async def all(self, scope: Scope) -> list[AccountStatus]:
        """Return the accounts of a user, and which of their variables are set."""
        return [
            AccountStatus(account=account, variables=resolved(account.credentials, self._environment))
            for account in await self._book.all(scope)
        ]

    async def check(self, scope: Scope, account_id: int) -> AccountCheck:
        """Ask the exchange about an account's key; what goes wrong there is the result, not an error.

        Raises NotFoundError for an account that is not there, or another's.
        """
        account = await self._book.get(scope, account_id)
        variables = resolved(account.credentials, self._environment)
        unset = [variable.name for variable in variables if not variable.resolves]
        if unset:
            error = InvalidError("the environment variable is not set", where=", ".join(unset), hint=NOT_SET)
            return AccountCheck(account=account, variables=variables, error=error)
        try:
            report = await self._door.report(account)
        except LivermoreError as error:
            error.what = redacted(error.what, self._environment)  # an exchange may repeat what it was asked
            return AccountCheck(account=account, variables=variables, error=error)
        now = self._clock.now()
        await self._book.connected(scope, account_id, now)
        return AccountCheck(
            account=msgspec.structs.replace(account, last_connected_at=now),
            variables=variables, report=report, warnings=warnings_of(report),
        )  # fmt: skip

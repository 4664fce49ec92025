"""Exchange accounts as people and programs change them: each change is a revision of the settings.

The document is the source; the rows that answer for accounts are written with it, in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from livermore.accounts.exchange_accounts import AccountStatus, ExchangeAccounts
from livermore.kernel.errors import ConflictError, InvalidError, NotFoundError
from livermore.kernel.scope import Scope
from livermore.settings.document import ExchangeAccess, SettingsDocument
from livermore.settings.existence import VARIABLES
from livermore.settings.patch import MergePatch
from livermore.settings.ports import Authorship, RevisionMovedError
from livermore.settings.service import Change, SettingsService

PARTS = dict(zip(("key", "secret", "password"), VARIABLES, strict=True))
ANOTHER = "make another account the default one instead"


class AccountChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be different about an account; UNSET stays as it is, and a password of None goes."""

    key: str | msgspec.UnsetType = msgspec.UNSET
    secret: str | msgspec.UnsetType = msgspec.UNSET
    password: str | msgspec.UnsetType | None = msgspec.UNSET
    is_active: bool | msgspec.UnsetType = msgspec.UNSET
    is_default: bool | msgspec.UnsetType = msgspec.UNSET


class AccountSettings:
    """Open, change and close exchange accounts by way of the settings."""

    def __init__(self, settings: SettingsService, accounts: ExchangeAccounts) -> None:
        self._settings = settings
        self._accounts = accounts

    async def add(self, scope: Scope, exchange: str, change: AccountChange, by: Authorship) -> AccountStatus:
        """Name the variables of a key; the account is active, whatever the exchange was.

        Errors: ConflictError where the exchange has an account, SettingsProblemsError.
        """

        def patch(document: SettingsDocument) -> MergePatch:
            if _is_account(document.exchanges.get(exchange)):
                hint = "change that one's settings, or remove it first: livermore accounts remove ID"
                what = f"there is an account at {exchange} already"
                raise ConflictError(what, where="exchange", hint=hint)
            return _patch(exchange, change)

        await self._write(scope, patch, by)
        return await self._of_exchange(scope, exchange)

    async def change(
        self, scope: Scope, account_id: int, change: AccountChange, by: Authorship
    ) -> AccountStatus:
        """Change an account. Errors: NotFoundError, SettingsProblemsError."""
        exchange = (await self.get(scope, account_id)).account.exchange

        def patch(document: SettingsDocument) -> MergePatch:
            _refuse_gone(document, exchange, account_id)
            is_default = document.perseus_profile.primary_exchange == exchange
            if change.is_default is False and is_default:
                raise InvalidError("there is always a default", where="is_default", hint=ANOTHER)
            return _patch(exchange, change)

        await self._write(scope, patch, by)
        return await self._of_exchange(scope, exchange)

    async def remove(self, scope: Scope, account_id: int, by: Authorship) -> None:
        """Forget the variables of an account; whether its exchange is used stays. Errors: NotFoundError."""
        exchange = (await self.get(scope, account_id)).account.exchange

        def patch(document: SettingsDocument) -> MergePatch:
            _refuse_gone(document, exchange, account_id)
            is_used = document.exchanges[exchange].enabled
            # An entry that says nothing more than the defaults goes as a whole.
            return MergePatch({"exchanges": {exchange: None if is_used else dict.fromkeys(VARIABLES)}})

        await self._write(scope, patch, by)

    async def get(self, scope: Scope, account_id: int) -> AccountStatus:
        """Return one account; raise NotFoundError for one that is not there, or another's."""
        for status in await self._accounts.all(scope):
            if status.account.id == account_id:
                return status
        raise _no_account(account_id)

    async def _of_exchange(self, scope: Scope, exchange: str) -> AccountStatus:
        found = await self._accounts.all(scope)
        return next(status for status in found if status.account.exchange == exchange)

    async def _write(
        self, scope: Scope, patch: Callable[[SettingsDocument], MergePatch], by: Authorship
    ) -> Change:
        """Make a change of what is there now; when somebody was faster, of what is there then."""
        while True:
            current = await self._settings.current(scope)
            try:
                return await self._settings.patch(
                    scope, patch(current.document), by, expected=current.revision
                )
            except RevisionMovedError:
                continue


def change_of(variables: Mapping[str, str], *, is_default: bool = False) -> AccountChange:
    """Return the change that names variables, by the settings that hold them, and puts the account in use."""
    named = {part: variables[setting] for part, setting in PARTS.items() if setting in variables}
    default = {"is_default": True} if is_default else {}
    return msgspec.convert({**named, "is_active": True, **default}, AccountChange)


def _patch(exchange: str, change: AccountChange) -> MergePatch:
    given = {setting: getattr(change, part) for part, setting in (PARTS | {"is_active": "enabled"}).items()}
    entry = {name: value for name, value in given.items() if value is not msgspec.UNSET}
    changes: dict[str, Any] = {"exchanges": {exchange: entry}}
    if change.is_default is True:
        changes["perseus_profile"] = {"primary_exchange": exchange}
    return MergePatch(changes)


def _is_account(access: ExchangeAccess | None) -> bool:
    return access is not None and bool(
        access.ApiKeyEnvironmentVariableName and access.SecretEnvironmentVariableName
    )


def _refuse_gone(document: SettingsDocument, exchange: str, account_id: int) -> None:
    if not _is_account(document.exchanges.get(exchange)):
        raise _no_account(account_id)


def _no_account(account_id: int) -> NotFoundError:
    return NotFoundError("there is no such exchange account", where=str(account_id))

"""Settings in memory: a document for each user, a listing of three exchanges, and plans without a runtime."""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from livermore.accounts.exchange_account import AccountEntry, ExchangeAccount, KeyReport, account_entries
from livermore.accounts.exchange_accounts import ExchangeAccounts
from livermore.kernel.clock import Clock
from livermore.kernel.errors import ExchangeUnreachableError, NotFoundError
from livermore.kernel.scope import Scope
from livermore.settings.document import SettingsDocument
from livermore.settings.plan import Outlook, Planner, Verdict
from livermore.settings.ports import Authorship, Revision, Rewriting, StoredRevision, StoredSettings
from livermore.settings.service import SettingsService
from livermore.settings.upgrade import read_settings
from tests.unit.settings.standin import JESSE, Listings, MemoryStore

__all__ = ["ENVIRONMENT", "Listings", "Store", "accounts_over", "planner_over"]

ENVIRONMENT = {"Coinbase_ApiKeyId": "the key", "Coinbase_ApiSecret": "the secret"}


class Store:
    """Keep settings of everybody; whoever is not the first user begins with the others' document."""

    def __init__(self, document: dict[str, Any], *, others: dict[str, Any]) -> None:
        self._others = others
        self._of: dict[int, MemoryStore] = {JESSE.user_id: begun(document)}

    def of(self, scope: Scope) -> MemoryStore:
        """Return a user's own."""
        if scope.user_id not in self._of:
            self._of[scope.user_id] = begun(self._others)
        return self._of[scope.user_id]

    async def current(self, scope: Scope) -> StoredSettings:
        return await self.of(scope).current(JESSE)

    async def newest_revision(self, scope: Scope) -> int:
        return await self.of(scope).newest_revision(JESSE)

    async def revise(
        self, scope: Scope, rewriting: Rewriting, by: Authorship, *, expected: int | None = None
    ) -> StoredSettings | None:
        return await self.of(scope).revise(JESSE, rewriting, by, expected=expected)

    async def history(self, scope: Scope, *, before: int | None = None, limit: int = 50) -> list[Revision]:
        found = await self.of(scope).history(JESSE, before=before, limit=limit)
        names = Revision.__struct_fields__
        return [Revision(**{name: getattr(one, name) for name in names}) for one in found]

    async def revision(self, scope: Scope, number: int) -> StoredRevision:
        return await self.of(scope).revision(JESSE, number)


def begun(document: dict[str, Any]) -> MemoryStore:
    """Store a document as the third revision."""
    store = MemoryStore(copy.deepcopy(document))
    for number in (2, 3):
        by = Authorship(author="local", source="system")
        store.revisions.append(store._revision(number, copy.deepcopy(document), [], by))
    return store


class AccountBook:
    """Answer for the accounts that the stored settings name."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._connected: dict[int, int] = {}
        self._ids: dict[tuple[int, str], int] = {}

    async def all(self, scope: Scope) -> list[ExchangeAccount]:
        document = read_settings((await self._store.current(scope)).document)
        primary = document.perseus_profile.primary_exchange
        return [
            self._account(scope, entry) for entry in account_entries(document.plain()["exchanges"], primary)
        ]

    def _account(self, scope: Scope, entry: AccountEntry) -> ExchangeAccount:
        number = self._ids.setdefault((scope.user_id, entry.exchange), len(self._ids) + 1)
        return ExchangeAccount(
            id=number, last_connected_at=self._connected.get(number), **msgspec.structs.asdict(entry)
        )

    async def get(self, scope: Scope, account_id: int) -> ExchangeAccount:
        for account in await self.all(scope):
            if account.id == account_id:
                return account
        raise NotFoundError("there is no such exchange account", where=str(account_id))

    async def connected(self, scope: Scope, account_id: int, time: int) -> None:
        self._connected[account_id] = time


class Keyhole:
    """Find that every key at Coinbase works and may trade; another exchange is down."""

    async def report(self, account: ExchangeAccount) -> KeyReport:
        if account.exchange != "coinbase":
            raise ExchangeUnreachableError(f"{account.exchange} does not answer")
        return KeyReport(latency_ms=12, can_view=True, can_trade=True, can_withdraw=False)


def accounts_over(store: Store, clock: Clock) -> ExchangeAccounts:
    """Answer for exchange accounts."""
    return ExchangeAccounts(AccountBook(store), Keyhole(), ENVIRONMENT, clock)


class Nothing:
    """Foresee nothing, and have everything hold."""

    async def outlook(self, scope: Scope, before: SettingsDocument, after: SettingsDocument) -> Outlook:
        return Outlook()

    async def bring_about(self, scope: Scope, revision: int) -> Verdict:
        return Verdict(saved=revision, applied=revision)


def planner_over(settings: SettingsService, clock: Clock) -> Planner:
    """Plan over settings that nothing runs by."""
    return Planner(settings, Nothing(), Nothing(), clock)

"""Keys at exchanges: which variables hold them, and whether they work. No value is taken or told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import FastAPI, Path
from pydantic import Field
from starlette.responses import Response

from livermore.apps.access.caller import Operator, Viewer
from livermore.apps.api.account_shapes import (
    ExchangeAccountCheckShape,
    ExchangeAccountShape,
    ExchangeAccountsShape,
    account_shape,
    check_shape,
)
from livermore.apps.api.bodies import Body, Line
from livermore.apps.api.replies import described, done, nothing, reply
from livermore.apps.api.settings_bodies import Reason, Writing
from livermore.kernel.errors import InvalidError
from livermore.settings.exchange_access import AccountChange, AccountSettings

if TYPE_CHECKING:
    from livermore.bootstrap import System

PATH = "/api/v1/exchange-accounts"
AccountId = Annotated[int, Path(ge=1, lt=2**31, description="An exchange account's id.")]
# What looks like a secret is refused by the settings, which repeat none; no length is checked here.
Variable = Annotated[str, Field(min_length=1)]


class AccountBody(Body):
    """The names of variables, and how the account is used; never a value."""

    key: Variable | None = Field(
        None, alias="ApiKeyEnvironmentVariableName", description="The variable that holds the API key."
    )
    secret: Variable | None = Field(
        None, alias="SecretEnvironmentVariableName", description="The variable that holds its secret."
    )
    password: Variable | None = Field(
        None,
        alias="PasswordEnvironmentVariableName",
        description="The variable that holds the passphrase, where one is asked; null takes it away.",
    )
    is_active: bool | None = Field(None, description="Whether the exchange is used at all.")
    is_default: bool | None = Field(None, description="true makes its exchange the primary one.")
    reason: Reason

    def change(self) -> AccountChange:
        """Return what was said; only the passphrase may be null."""
        said = self.model_dump(exclude_unset=True, exclude={"exchange", "reason"})
        return AccountChange(
            **{name: value for name, value in said.items() if value is not None or name == "password"}
        )


class NewAccountBody(AccountBody):
    """An account that is to be opened."""

    exchange: Line = Field(description="The exchange, as its row is called.")
    key: Variable = Field(
        alias="ApiKeyEnvironmentVariableName", description="The variable that holds the API key."
    )
    secret: Variable = Field(
        alias="SecretEnvironmentVariableName", description="The variable that holds its secret."
    )
    is_active: bool = Field(True, description="Whether the exchange is used at all.")

    def change(self) -> AccountChange:
        """Return what was said, with the account in use where nothing else was."""
        return msgspec.structs.replace(super().change(), is_active=self.is_active)


def add_routes(app: FastAPI, system: System) -> None:
    """Serve exchange accounts."""
    _add_reading(app, system)
    _add_writing(app, system)


def _add_reading(app: FastAPI, system: System) -> None:
    @app.get(PATH, responses=described(ExchangeAccountsShape), tags=["exchange accounts"])
    async def accounts(caller: Viewer) -> Response:
        """Return the caller's accounts, by exchange, and which of their variables are set."""
        found = await system.exchange_accounts.all(caller.scope())
        return reply(ExchangeAccountsShape(accounts=list(map(account_shape, found))))

    @app.post(f"{PATH}/{{id}}/verify", responses=described(ExchangeAccountCheckShape),
              tags=["exchange accounts"])  # fmt: skip
    async def verify(caller: Operator, id: AccountId) -> Response:  # noqa: A002 - the word on the wire
        """Ask the exchange whether the key works, and what it may do: a key that only views is enough.

        A key that does not work is an answer too: `works` is false, and `error` says why.
        """
        return reply(check_shape(await system.exchange_accounts.check(caller.scope(), id)))


def _add_writing(app: FastAPI, system: System) -> None:
    @app.post(PATH, responses=described(ExchangeAccountShape, status=201), status_code=201,
              tags=["exchange accounts"])  # fmt: skip
    async def add(write: Writing, given: NewAccountBody) -> Response:
        """Name the variables of a key, as a revision of the settings; 409 where there is an account."""
        made = await _accounts(system).add(
            write.scope, given.exchange, given.change(), write.by(given.reason)
        )
        return reply(account_shape(made), status=201)

    @app.patch(f"{PATH}/{{id}}", responses=described(ExchangeAccountShape), tags=["exchange accounts"])
    async def change(id: AccountId, write: Writing, given: AccountBody) -> Response:  # noqa: A002
        """Change an account, as a revision of the settings; what is not named stays as it is."""
        if given.change() == AccountChange():
            raise InvalidError("nothing is to be changed", hint="name a variable, is_active or is_default")
        changed = await _accounts(system).change(write.scope, id, given.change(), write.by(given.reason))
        return reply(account_shape(changed))

    @app.delete(f"{PATH}/{{id}}", responses=done(), status_code=204, tags=["exchange accounts"])
    async def remove(id: AccountId, write: Writing) -> Response:  # noqa: A002
        """Forget the variables of an account, as a revision of the settings; public data is watched on."""
        await _accounts(system).remove(write.scope, id, write.by())
        return nothing()


def _accounts(system: System) -> AccountSettings:
    return AccountSettings(system.settings, system.exchange_accounts)

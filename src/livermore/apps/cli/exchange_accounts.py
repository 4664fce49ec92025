"""`livermore accounts`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from livermore.apps.cli import settings_places as places
from livermore.apps.cli.errors import Exit
from livermore.apps.cli.frame import DefaultGroup, examples, new_app
from livermore.apps.cli.options import HERE, AsJson, Source, Workspace
from livermore.apps.cli.output import emit, note, table
from livermore.kernel.errors import NotFoundError

app = new_app("List keys at exchanges, name one, check it, or forget it.", group=DefaultGroup)

Account = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="Its exchange, such as coinbase, or its number in the list.")
]


@app.command("list", epilog=examples("livermore accounts", "livermore accounts list --json"))
def list_accounts(workspace: Workspace = HERE, source: Source = None, as_json: AsJson = False) -> None:
    """List exchange accounts and the variables that hold their keys; no value is shown."""
    found = places.read(workspace, source, lambda settings: settings.accounts())
    emit(found, as_json, lambda: _show(found["accounts"]))


@app.command(
    epilog=examples(
        "livermore accounts add coinbase --key Coinbase_ApiKeyId --secret Coinbase_ApiSecret",
        "livermore accounts add binance --key Binance_ApiKey --secret Binance_ApiSecret --default",
    )
)
def add(
    exchange: Annotated[str, typer.Argument(metavar="EXCHANGE", help="The exchange, as its row is called.")],
    key: Annotated[
        str, typer.Option("--key", metavar="VARIABLE", help="The variable that holds the API key: its name.")
    ],
    secret: Annotated[
        str,
        typer.Option("--secret", metavar="VARIABLE", help="The variable that holds the secret: its name."),
    ],
    password: Annotated[
        str | None,
        typer.Option("--password", metavar="VARIABLE", help="That of the passphrase, where one is asked."),
    ] = None,
    is_default: Annotated[
        bool, typer.Option("--default", help="Make its exchange the primary one, whose symbols are plain.")
    ] = False,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Name the environment variables that hold a key; the key itself is never stored."""
    from livermore.settings.existence import VARIABLES

    named = zip(VARIABLES, (key, secret, password), strict=True)
    variables = {setting: variable for setting, variable in named if variable is not None}
    made = places.write(
        workspace, source,
        lambda settings: settings.add_account(exchange, variables, is_default=is_default),
    )  # fmt: skip
    emit(made, as_json, lambda: _show_made(made))


@app.command(epilog=examples("livermore accounts verify coinbase"))
def verify(
    account: Account, workspace: Workspace = HERE, source: Source = None, as_json: AsJson = False
) -> None:
    """Ask the exchange whether a key works, and what it may do: a key that only views is enough."""

    async def check(settings: places.Settings) -> Any:
        return await settings.verify(await _number_of(settings, account))

    found = places.write(workspace, source, check)
    emit(found, as_json, lambda: _show_check(found))
    if not found["works"]:
        raise typer.Exit(Exit.REFUSED)


@app.command(epilog=examples("livermore accounts remove coinbase"))
def remove(
    account: Account, workspace: Workspace = HERE, source: Source = None, as_json: AsJson = False
) -> None:
    """Forget the variables of a key; the exchange is watched on as before, without it."""

    async def forget(settings: places.Settings) -> Any:
        return await settings.remove_account(await _number_of(settings, account))

    done = places.write(workspace, source, forget)
    emit(done, as_json, lambda: print(f"{account} is forgotten"))


async def _number_of(settings: places.Settings, account: str) -> int:
    """Return the number of the account that is meant. Raises NotFoundError."""
    found = (await settings.accounts())["accounts"]
    for one in found:
        if account in (one["exchange"], str(one["id"])):
            return int(one["id"])
    known = ", ".join(one["exchange"] for one in found) or "none yet"
    raise NotFoundError("there is no such exchange account", where=account, hint=f"there are: {known}")


def _show(accounts: list[Any]) -> None:
    if not accounts:
        print("no key is named: market data needs none")
        return
    rows = [
        (
            str(one["id"]),
            one["exchange"],
            ", ".join(_variable(each) for each in one["variables"]),
            "yes" if one["is_active"] else "no",
            "yes" if one["is_default"] else "no",
            (one["last_connected_at"] or "never")[:19].replace("T", " "),
        )
        for one in accounts
    ]
    table(("id", "exchange", "variables", "active", "default", "worked last (UTC)"), rows, right=("id",))


def _variable(one: Any) -> str:
    return str(one["name"]) if one["resolves"] else f"{one['name']} (not set)"


def _show_made(made: Any) -> None:
    print(f"{made['exchange']}: {', '.join(_variable(one) for one in made['variables'])}")
    note(f"check it with: livermore accounts verify {made['exchange']}")


def _show_check(found: Any) -> None:
    exchange, report, error = found["account"]["exchange"], found["report"], found["error"]
    if report is not None:
        print(f"the key of {exchange} works: answered in {report['latency_ms']} ms")
    else:
        print(f"the key of {exchange} does not work: {error['detail']}")
        if error["hint"]:
            note(f"hint: {error['hint']}")
    for warning in found["warnings"]:
        note(f"warning: {warning}")

"""What a key opens at an exchange that ccxt speaks to."""

from __future__ import annotations

from collections.abc import Mapping

from livermore.accounts.exchange_account import Credentials, KeyReport, value_of
from livermore.adapters.exchanges.through_ccxt.library import Library
from livermore.kernel.clock import Clock


async def key_report(
    library: Library, credentials: Credentials, environment: Mapping[str, str], clock: Clock
) -> KeyReport:
    """Read the balances; what else the key may do, ccxt cannot ask of every exchange.

    The key is put in when all that needs none has been asked, for with one ccxt asks for more than we do.
    """
    variables = {"apiKey": credentials.key, "secret": credentials.secret, "password": credentials.password}
    values = {
        name: value_of(variable, environment).replace("\\n", "\n")
        for name, variable in variables.items()
        if variable is not None
    }
    await library.markets()
    if library.has("fetchTime"):
        await library.ask("load_time_difference")  # this machine's clock may be wrong
    for name, value in values.items():
        setattr(library.loaded, name, value)
    asked = clock.monotonic()
    await library.ask("fetch_balance")
    return KeyReport(latency_ms=round((clock.monotonic() - asked) * 1000), can_view=True)

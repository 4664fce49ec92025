"""A key of an exchange that ccxt speaks to."""

import traceback

import pytest

from livermore.accounts.exchange_account import Credentials, warnings_of
from livermore.adapters.exchanges.simulated import SimulatedExchange
from livermore.kernel.errors import ExchangeRefusedError, InvalidError
from tests.contracts.exchanges.ccxt_support import through
from tests.contracts.exchanges.keys import given
from tests.contracts.exchanges.support import recorded, running

SHARED = "canaryOfTheSecret" * 4
NAMED = Credentials(key="CANARY_KEY", secret="CANARY_SECRET")


async def test_a_key_that_works_and_one_that_does_not() -> None:
    server = SimulatedExchange(recorded(1, 10), keys=[given("canaryOfTheKey", SHARED)])
    async with running(server):
        environment = {"CANARY_KEY": "canaryOfTheKey", "CANARY_SECRET": SHARED}
        exchange = through(server.rest_url, environment=environment, credentials=NAMED)
        report = await exchange.key_report()
        await exchange.close()
        assert (report.can_view, report.can_trade, report.can_withdraw) == (True, None, None)
        assert ["does not say" in warning for warning in warnings_of(report)] == [True]
        environment["CANARY_SECRET"] = "anotherSecret" * 4
        exchange = through(server.rest_url, environment=environment, credentials=NAMED)
        with pytest.raises(ExchangeRefusedError) as caught:
            await exchange.key_report()
        assert "anotherSecret" not in "".join(traceback.format_exception(caught.value))
        await exchange.close()


async def test_a_key_that_is_not_there() -> None:
    exchange = through("http://127.0.0.1:1")
    with pytest.raises(ExchangeRefusedError, match="no key is configured"):
        await exchange.key_report()
    exchange = through("http://127.0.0.1:1", environment={"CANARY_KEY": "x"}, credentials=NAMED)
    with pytest.raises(InvalidError) as caught:
        await exchange.key_report()
    assert caught.value.where == "CANARY_SECRET"
    await exchange.close()

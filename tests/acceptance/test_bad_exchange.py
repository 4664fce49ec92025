"""An exchange that answers nonsense or nothing: told plainly, never fatal, and over as soon as it is over."""

import re
import socket
from pathlib import Path

import pytest

from livermore import bootstrap

from .bad_exchange import ANSWERS, serving
from .inside import hasty, live_system, until
from .program import Program, livermore
from .program import until as wait_until

__all__ = ["hasty"]

SYMBOL = "BTCUSDT"
WORDS = {
    "a web page": "could not be read",
    "an error page": "HTTP 500",
    "half of an answer": "could not be read",
    "another country": "restricted location",
    "nothing at all": "did not answer in time",
    "nobody there": "could not be reached",
}


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("trouble", ANSWERS)
async def test_nonsense_is_told_and_outlived(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], trouble: str
) -> None:
    with serving(ANSWERS[trouble]) as port:
        async with live_system(tmp_path, port, SYMBOL) as system:
            await stays_disconnected(system, trouble)
            told = capfd.readouterr().err
    assert "Traceback" not in told
    assert WORDS[trouble] in told
    assert re.search(r"hint=(?!None)", told), told


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("trouble", ["nobody there", "a web page", "another country"])
async def test_when_the_exchange_comes_back_it_is_watched(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], trouble: str
) -> None:
    port = free_port()
    exchange = bootstrap.simulated(
        [], seed=3, symbols=[SYMBOL], speed=60.0, host="127.0.0.1", port=port, exchange="binance"
    )
    async with live_system(tmp_path, port, SYMBOL) as system:
        if trouble in ANSWERS:
            with serving(ANSWERS[trouble], port):
                await stays_disconnected(system, trouble)
        else:
            await stays_disconnected(system, trouble)
        await exchange.start()
        try:
            await until(lambda: system.status().state == "running")
            (status,) = system.status().exchanges
            assert (status.state, status.detail) == ("connected", None)
            page = await system.market.candles("binance", SYMBOL, "1h", limit=1000)
            assert len(page.candles) >= 450
        finally:
            await exchange.stop()
    assert "Traceback" not in capfd.readouterr().err


async def stays_disconnected(system: bootstrap.System, trouble: str) -> None:
    """Check what is told of the exchange while it is in trouble, over some attempts."""
    await until(lambda: system.status().exchanges[0].reconnects >= 2)
    # Of a failure that was met a moment ago is told again, without asking.
    await until(lambda: WORDS[trouble] in (system.status().exchanges[0].detail or ""))
    status = system.status()
    (exchange,) = status.exchanges
    assert exchange.state == "disconnected"
    assert "\n" not in (exchange.detail or "")
    assert status.state == "starting"
    assert status.services["exchange binance"] == "degraded"


def test_the_real_program_waits_for_its_exchange(tmp_path: Path) -> None:
    """As above with the program itself and its real patience, which is why it is done once."""
    port = free_port()
    here = ("--rest-url", f"http://127.0.0.1:{port}", "--ws-url", f"ws://127.0.0.1:{port}")
    assert livermore(tmp_path, "db", "upgrade").code == 0
    assert livermore(tmp_path, "exchanges", "edit", "binance", *here).code == 0
    with Program(tmp_path, "--exchange", "binance", "--symbol", SYMBOL) as program:
        with serving(ANSWERS["a web page"], port):
            wait_until(lambda: program.exchange()["state"] == "disconnected")
            assert program.exchange()["detail"].startswith("Binance's answer could not be read")
            assert program.get("/runtime")["state"] == "starting"
        other = tmp_path / "exchange"
        other.mkdir()
        with Program(other, "--port", str(port), "--symbol", SYMBOL, verb="simulate"):
            wait_until(lambda: program.get("/runtime")["state"] == "running")
            assert len(program.get(f"/candles/binance/{SYMBOL}/1h?limit=1000")["candles"]) >= 450
        assert program.stop()[0] == 0
    assert "Traceback" not in program.err
    for line in filter(None, program.err.splitlines()):
        assert re.search(r"\[error +\] connection lost .*hint=(?!None)", line)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])

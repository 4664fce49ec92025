"""What a built system does with what its user has switched off, and what a reader makes of a marked file."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from livermore import bootstrap
from livermore.adapters.files import read_markets


async def test_an_exchange_that_is_switched_off_is_not_watched(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'livermore.db'}"
    await bootstrap.database(url).upgrade()
    stored = await bootstrap.read_only(url)
    await stored.market.put_exchange(replace(await stored.market.exchange("binance"), is_active=False))
    await stored.stop()
    plan = bootstrap.Plan(workspace=tmp_path, exchange="binance", symbols=("BTCUSDT",), database_url=url)
    system = await bootstrap.build(plan)
    assert system.indicators.grid() == []
    assert system.status().exchanges == []
    await system.stop()


def test_a_byte_order_mark_is_no_part_of_a_column(tmp_path: Path) -> None:
    file = tmp_path / "binance_spot_BTCUSDT_1m.csv"
    rows = "timestamp_ms,open,high,low,close,volume\n1735689600000,1,2,1,2,3\n1735689660000,2,2,1,1,3\n"
    file.write_text(rows, encoding="utf-8-sig")
    (market,) = read_markets(file)
    assert market.candles.time.tolist() == [1_735_689_600_000, 1_735_689_660_000]

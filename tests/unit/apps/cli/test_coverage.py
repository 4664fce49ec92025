"""`livermore coverage` and `livermore status`, of a running server and of a stored database."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from livermore.adapters.sql import Database, SqlCandleStore, SqlUserBook
from livermore.apps.api.app import api_app
from livermore.apps.api.events import Streams
from livermore.apps.api.metrics import Metrics
from livermore.apps.web import bound_socket
from livermore.kernel.clock import SystemClock
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.coverage import Coverage
from livermore.market.ports import Cause, Counts, Hole, Series
from livermore.runtime.status import STOPPED, Startup
from tests.unit.apps.doors import KEY, guard_of
from tests.unit.apps.standin import NOW, STARTED_DOCUMENT, StandIn

MINUTE = 60_000
START = 1_700_000_100_000
SERIES = Series("binance", "ABCUSDT", Timeframe.M1)


pytestmark = pytest.mark.usefixtures("east_of_greenwich")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """An invented system, served on a real socket that the environment names."""
    system = StandIn(STARTED_DOCUMENT)
    guard = guard_of(system)
    api = api_app(system, streams=Streams(system.bus), counted=Metrics(system), entrance=guard.entrance)  # type: ignore[arg-type]
    app = guard.before(api)
    listening = bound_socket("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    monkeypatch.setenv("LIVERMORE_TOKEN", KEY)
    monkeypatch.setenv("LIVERMORE_URL", f"http://127.0.0.1:{listening.getsockname()[1]}")
    yield system
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def stored(cli: Any, tmp_path: Path) -> None:
    """A workspace whose database holds ten minutes of one series, two of them missing."""
    assert cli("db", "upgrade").code == 0
    url = f"sqlite+aiosqlite:///{tmp_path / '.livermore' / 'data' / 'livermore.db'}"
    asyncio.run(fill(url))


async def fill(url: str) -> None:
    database, clock = Database(url), SystemClock()
    document = {
        "version": 2,
        "perseus_profile": {"primary_exchange": "binance"},
        "symbols": ["ABCUSDT"],
    }
    await SqlUserBook(database, clock).create(
        username="local", identity_provider="local", identity_sub="local", role="admin", settings=document
    )
    times = [START + minute * MINUTE for minute in range(10) if minute not in (4, 5)]
    ones = [1.0] * len(times)
    holes = [
        Hole(series=SERIES, start=times[3] + MINUTE, end=times[4], cause=Cause.SEQUENCE_GAP),
        Hole(
            series=SERIES,
            start=START,
            end=START + MINUTE,
            cause=Cause.DISCONNECTED,
            repaired_at=START + 90_500,
        ),
    ]
    await SqlCandleStore(database).save(
        [(SERIES, Candles.of(times, ones, ones, ones, ones, ones))], holes=holes
    )
    await database.close()


def rows_of(text: str) -> list[list[str]]:
    """Return the cells of a table that was printed."""
    return [re.split(r" {2,}", line.rstrip()) for line in text.splitlines() if line.strip()]


def test_the_grid_has_a_letter_for_every_series(cli: Any, served: StandIn) -> None:
    served.coverage.lose("ETH-USD", "5m", 12)
    served.coverage.lose("SOL-USD", "1m", 2, repaired=True)
    outcome = cli("coverage")
    assert (outcome.code, outcome.err) == (0, "")
    titles, *rows, legend = rows_of(outcome.out)
    assert titles == ["exchange", "symbol", "1m", "5m", "15m", "1h", "4h", "1d"]
    assert rows[1] == ["coinbase", "ETH-USD", "F", "H 12", "F", "F", "F", "F"]
    assert rows[2] == ["coinbase", "SOL-USD", "R", "F", "F", "F", "F", "F"]
    assert "H hole" in " ".join(legend)


def test_a_grid_is_narrowed_down(cli: Any, served: StandIn) -> None:
    assert rows_of(cli("coverage", "--timeframe", "4h").out)[0] == ["exchange", "symbol", "4h"]
    document = json.loads(cli("coverage", "--exchange", "coinbase", "--timeframe", "5m", "--json").out)
    assert [list(row["cells"]) for row in document["symbols"]] == [["5m"]] * 5


def test_one_series_is_told_with_its_holes_and_when_they_were(cli: Any, served: StandIn) -> None:
    served.coverage.lose("BTC-USD", "1m", 3)
    served.coverage.lose("BTC-USD", "1m", 45, repaired=True)
    outcome = cli("coverage", "btc-usd")
    assert (outcome.code, outcome.err) == (0, "")
    head, counts, titles, *holes = rows_of(outcome.out)
    assert head[0].startswith("coinbase:BTC-USD 1m from 2026-05-28 06:30:00 to 2026-05-28 16:30:00")
    assert counts == ["600 buckets: 597 traded, 0 quiet, 3 missing; 99.50 % known"]
    assert titles == ["from", "to", "ago", "buckets", "cause", "state"]
    assert holes[0] == ["2026-05-28 16:27:00", "2026-05-28 16:30:00", "23 s ago", "3", "disconnected", "open"]
    assert holes[1][3:] == ["45", "disconnected", "repaired 2026-05-28 16:29:23 (1 min ago)"]


def test_one_series_as_json_is_what_the_api_says(cli: Any, served: StandIn) -> None:
    served.coverage.lose("BTC-USD", "5m", 2)
    words = ("coverage", "coinbase:BTC-USD", "--timeframe", "5m", "--to", str(NOW), "--json")
    found = json.loads(cli(*words).out)
    assert list(found)[:5] == ["exchange", "symbol", "timeframe", "from", "to"]
    assert (found["timeframe"], found["missing"], found["to"]) == ("5m", 2, NOW)
    assert found["holes"][0]["cause"] == "disconnected"


def test_what_does_not_fit_is_refused(cli: Any, served: StandIn) -> None:
    for words, code, said in (
        (("--from", "2026-01-01"), 4, "name a symbol"),
        (("--to", "x"), 4, "no time"),
        (("--timeframe", "7m"), 4, "7m"),
        (("NOTHING",), 4, "NOTHING"),
        (("BTC-USD", "--exchange", "nowhere"), 4, "nowhere"),
        (("--exchange", "nowhere"), 4, "known exchanges: coinbase"),
    ):
        outcome = cli("coverage", *words)
        assert (outcome.code, outcome.out, outcome.err.count("\n") <= 2) == (code, "", True), words
        assert said in outcome.err


def test_a_stored_workspace_tells_what_it_lacks(cli: Any, stored: None) -> None:
    outcome = cli("coverage")
    assert rows_of(outcome.out)[1] == ["binance", "ABCUSDT", "H 2"]
    assert "no server was asked" in outcome.err
    one = cli("coverage", "ABCUSDT", "--to", str(START + 8 * MINUTE))
    _, counts, _, repaired, opened = rows_of(one.out)
    assert counts == ["8 buckets: 6 traded, 0 quiet, 2 missing; 75.00 % known"]
    assert repaired == [
        "2023-11-15 00:15:00", "2023-11-15 00:16:00", "1", "disconnected", "repaired 2023-11-15 00:16:30",
    ]  # fmt: skip
    assert opened == ["2023-11-15 00:19:00", "2023-11-15 00:21:00", "2", "sequence gap", "open"]
    nothing = cli("coverage", "ABCUSDT", "--to", str(START))
    assert nothing.out == "binance:ABCUSDT 1m: no bucket has closed here\n"


def test_what_lacks_one_of_very_many_is_not_called_whole(cli: Any, served: StandIn) -> None:
    whole = cli("coverage", "BTC-USD").out
    assert "0 missing; 100 % known" in whole
    assert "no holes" in whole

    async def nearly(*_: Any, **__: Any) -> Coverage:
        return Coverage(series=SERIES, start=0, end=10**6 * MINUTE, counts=Counts(999_999, 0, 1), gaps=[])

    served.coverage.of = nearly  # type: ignore[method-assign]
    assert "1 missing; 99.99 % known" in cli("coverage", "BTC-USD").out


def test_nothing_is_made_where_nothing_is(cli: Any, tmp_path: Path) -> None:
    assert cli("coverage").code == 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("startup", "line"),
    [
        (
            ("loading candles", 40, "ETH-USD", 75),
            "starting: loading candles, 40 %, now ETH-USD, about 1 min 15 s left",
        ),
        (("connecting", 0, None, None), "starting: connecting, 0 %"),
    ],
)
def test_the_status_says_how_long_warming_up_will_take(
    cli: Any, served: StandIn, startup: tuple[str, int, str | None, int | None], line: str
) -> None:
    phase, percent, item, eta = startup
    served.runtime.startup = Startup(phase=phase, percent=percent, item=item, eta_seconds=eta)
    assert line in cli("status").out.splitlines()


def test_the_status_of_a_login_without_a_runtime_says_where_to_look(cli: Any, served: StandIn) -> None:
    served.runtime.status = lambda: STOPPED  # type: ignore[method-assign]
    outcome = cli("status")
    assert (outcome.code, len(outcome.out.splitlines())) == (0, 1)
    assert outcome.out.startswith("nothing runs for this login at http://127.0.0.1:")
    assert outcome.out.endswith("see what is watched there with: livermore coverage\n")

"""Pages are sent what has changed, and nothing else."""

import msgspec
import pytest

from livermore.apps.admin.board import Board, bar_of, notice_of, rows_of, timeframes_of
from livermore.kernel.scope import Scope
from livermore.runtime.status import Pause, Startup
from tests.unit.apps.standin import PRICES, StandIn


@pytest.fixture
def system() -> StandIn:
    return StandIn()


@pytest.fixture
def board(system: StandIn) -> Board:
    board = Board(system)  # type: ignore[arg-type]
    board.changes()
    board.changes_of(system.user.scope())
    return board


def test_the_first_look_tells_all(system: StandIn) -> None:
    board, scope = Board(system), system.user.scope()  # type: ignore[arg-type]
    news, bar = board.changes(), board.changes_of(scope)
    assert [row["symbol"] for row in news["rows"]] == list(PRICES)
    assert bar["state"] == "running"
    assert board.told(scope) == {"bar": bar} | news


def test_each_user_has_a_status_line_of_their_own(system: StandIn, board: Board) -> None:
    other = Scope(user_id=2, identity_sub="other")
    assert board.told(other)["bar"]["state"] == "stopped"
    assert board.changes_of(other) == {}
    board.forget(other)
    assert board.changes_of(other)["state"] == "stopped"


def test_nothing_new_is_nothing(system: StandIn, board: Board) -> None:
    assert board.changes() == {}
    assert board.changes_of(system.user.scope()) == {}


def test_only_what_changed_is_told(system: StandIn, board: Board) -> None:
    system.market.now += 1_000
    news = board.changes()
    assert set(news) == {"cells"}
    assert set(board.changes_of(system.user.scope())) == {"clock", "uptime"}
    for _, fields in news["cells"]:
        assert set(fields) <= {"price", "change", "way", "age"}


def test_another_watchlist_is_told_whole(system: StandIn, board: Board) -> None:
    rows = system.indicators.grid()[1:]
    system.indicators.grid = lambda: rows  # type: ignore[method-assign]
    assert [row["symbol"] for row in board.changes()["rows"]] == list(PRICES)[1:]


def test_a_change_of_state_is_told(system: StandIn, board: Board) -> None:
    system.runtime.connection = "disconnected"
    bar = board.changes_of(system.user.scope())
    assert bar["exchanges"] == [{"name": "coinbase", "state": "disconnected"}]
    assert bar["notice"]["tone"] == "bad"
    system.runtime.connection = "connected"
    assert board.changes_of(system.user.scope())["notice"] is None


def test_a_cell_is_a_number_a_stage_and_a_doubt(system: StandIn) -> None:
    row = system.indicators.grid()[0]
    cell = msgspec.structs.replace(row.cells["1m"], macdv=-12.34, stage="retracing", low_confidence=True)
    shown = rows_of([msgspec.structs.replace(row, cells={"1m": cell})])[0]
    assert shown["1m"] == ["−12.3", "retracing", True]
    cold = msgspec.structs.replace(cell, macdv=None, stage="warming_up")
    assert rows_of([msgspec.structs.replace(row, cells={"1m": cold})])[0]["1m"][:2] == ["–", "warming_up"]


def test_timeframes_stand_in_order(system: StandIn) -> None:
    assert timeframes_of(system.indicators.grid(), ("30m",)) == ["1m", "5m", "15m", "30m", "1h", "4h", "1d"]


@pytest.mark.parametrize(
    ("state", "startup", "part"),
    [
        ("failed", None, "has failed"),
        ("paused", None, "Paused."),
        (
            "warming",
            Startup(phase="loading candles", percent=43, item="SOL-USD", eta_seconds=72),
            "Loading candles … 43 %, now SOL-USD, about 1 min 12 s left",
        ),
        ("starting", Startup(phase="connecting", percent=0, item=None, eta_seconds=None), "Connecting … 0 %"),
    ],
)
def test_a_notice_says_what_is_the_matter(
    system: StandIn, state: str, startup: Startup | None, part: str
) -> None:
    system.runtime.state, system.runtime.startup = state, startup
    notice = notice_of(system.status())
    assert notice is not None
    assert part in notice["text"]
    assert notice.get("percent") == (startup.percent if startup else None)


def test_a_failed_part_is_named_even_while_warming(system: StandIn) -> None:
    system.runtime.startup = Startup(phase="loading candles", percent=0, item=None, eta_seconds=None)
    system.runtime.health = "failed"
    notice = notice_of(system.status())
    assert notice is not None
    assert "A part has failed (exchange coinbase)" in notice["text"]


@pytest.mark.parametrize(
    ("ages", "text"),
    [
        ([72_000], "No connection to a (last heard 1 min 12 s ago); it is being made again."),
        ([None, 5_000], "No connection to a (never heard) and b (last heard 5 s ago); they are being made"),
        (
            [1_000, 2_000, None],
            "a (last heard 1 s ago), b (last heard 2 s ago) and c (never heard); they are being made again.",
        ),
    ],
)
def test_a_notice_names_every_exchange_that_is_lost(
    system: StandIn, ages: list[int | None], text: str
) -> None:
    status = system.status()
    lost = [
        msgspec.structs.replace(status.exchanges[0], name=name, state="disconnected", last_message_ms_ago=age)
        for name, age in zip("abc", ages, strict=False)
    ]
    notice = notice_of(msgspec.structs.replace(status, exchanges=[*status.exchanges, *lost]))
    assert notice is not None
    assert text in notice["text"]


def test_what_cannot_be_stored_is_said(system: StandIn) -> None:
    well = system.status()
    status = msgspec.structs.replace(well, services={**well.services, "recorder": "degraded"})
    notice = notice_of(status)
    assert notice is not None
    assert "cannot be stored" in notice["text"]
    assert notice_of(well) is None


def test_all_is_well_without_a_notice(system: StandIn) -> None:
    assert bar_of(system.status())["notice"] is None


def test_a_pause_of_alerts_is_told_while_data_flows(system: StandIn) -> None:
    muted = msgspec.structs.replace(system.status(), pause=Pause(level="alerts", reason="night"))
    notice = notice_of(muted)
    assert notice is not None
    assert (notice["tone"], notice["text"][:26]) == ("calm", "Alerts are paused (night):")

"""From trades on a bad line to stored signals: what stands at the end is what the trades say."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from livermore.indicators.service import Indicators
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import fill_quiet
from livermore.signals.engine import Engine
from livermore.signals.recorder import SignalRecorder
from livermore.signals.replay import replay_symbol
from livermore.signals.rules import Rules
from livermore.signals.signal import Signal
from tests.reference.series import START
from tests.unit.market.factories import MINUTE
from tests.unit.market.memory import MemoryStore
from tests.unit.market.office import TIMEFRAMES, Office
from tests.unit.market.tape import Tape

from .memory import Books
from .watching import SCOPE

RULES = Rules(levels=(25, 50, 75, 100, 150), cooldown=120_000, oversold_buffer=0.0, overbought_buffer=0.0)
OPENS, ENDS = 100, 140


class System(Office):
    """An office with indicators, rules and a recorder behind it."""

    def __init__(
        self, tape: Tape, books: Books, store: MemoryStore, begin: int, cuts: list[tuple[int, int]]
    ) -> None:
        self.books = books
        super().__init__(
            tape, store=store, begin=begin, cuts=cuts, bad=True, listener=lambda _: self.indicators()
        )

    def indicators(self) -> Indicators:
        self.signals = SignalRecorder(
            SCOPE, self.books.work, lambda signal: [], lambda: None, self.recorder.flush, self.clock
        )
        engine = Engine(
            SCOPE, self.table, RULES, self.tape.symbols, TIMEFRAMES, self.signals, self.clock,
            stored=list(self.books.states.values()), from_the_start=True,
        )  # fmt: skip
        indicators = Indicators(self.table, self.store, self.recorder, [engine])
        engine.follow(indicators.bank)
        return indicators

    async def open(self) -> None:
        await self.signals.start()
        await super().open()

    async def close(self) -> None:
        await super().close()
        await self.signals.stop()


def expected(tape: Tape, symbol: str) -> list[Signal]:
    """Return what a replay of the tape says."""
    end = tape.end
    base = fill_quiet(tape.history(symbol, START, end), Timeframe.M1, end)
    return replay_symbol("test", symbol, {Timeframe.M1: base}, TIMEFRAMES, RULES, scope=SCOPE).signals


CUTS = st.lists(st.tuples(st.integers(OPENS * 60 + 1, ENDS * 60 - 300), st.integers(1, 120)), max_size=2)


@given(seed=st.integers(0, 10**6), cuts=CUTS, stops=st.integers(OPENS + 1, ENDS - 10), down=st.integers(1, 8))
@settings(max_examples=3, deadline=None)
async def test_cuts_and_a_restart_change_no_signal(
    seed: int, cuts: list[tuple[int, int]], stops: int, down: int
) -> None:
    tape, books, store = Tape(seed, 2, ENDS), Books(), MemoryStore()
    spans = [(start, start + gap) for start, gap in cuts]
    for begin, end in ((OPENS, stops), (stops + down, ENDS + 4)):
        system = System(tape, books, store, begin, spans)
        await system.open()
        await system.until(end)
        assert system.desk.health().state in {"healthy", "degraded"}
        await system.close()
    for symbol in tape.symbols:
        told = sorted(
            one.id for one in books.standing() if one.symbol == symbol and one.time < tape.end - MINUTE
        )
        assert told == sorted(one.id for one in expected(tape, symbol) if one.time < tape.end - MINUTE)

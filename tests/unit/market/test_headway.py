"""How far a loading is, as it is told: the last word says what the result says."""

from livermore.control.command import Progress
from livermore.kernel.clock import ManualClock
from livermore.market.arrivals import Arrival
from livermore.market.headway import Headway
from livermore.settings.plan import Cost


async def test_it_tells_the_forecast_then_how_it_goes_then_how_it_ended() -> None:
    told: list[Progress] = []
    clock = ManualClock()
    headway = Headway(told.append, 4, Cost(requests=8, seconds=20.0), clock)
    await clock.advance(3)
    headway.begin()
    headway.tell(0, "binance:A")
    await clock.advance(2)
    headway.tell(0, "binance:A")
    await clock.advance(6)
    headway.tell(1, "binance:B")
    await clock.advance(4)
    headway.tell(3, "binance:D")
    await clock.advance(7.9)
    headway.tell(3, "binance:D")
    assert headway.done == 3
    assert headway.end(Arrival(4)) == Arrival(4)
    assert told == [
        Progress(done=0, total=4, message="8 requests, about 20 s", eta_seconds=20),
        Progress(done=0, total=4, message="8 requests, about 20 s", eta_seconds=18),
        Progress(done=1, total=4, message="binance:B", eta_seconds=12),
        Progress(done=3, total=4, message="binance:D", eta_seconds=4),
        Progress(done=3, total=4, message="binance:D", eta_seconds=1),
        Progress(done=4, total=4, message="live"),
    ]


def test_what_waits_is_not_said_to_be_done() -> None:
    told: list[Progress] = []
    headway = Headway(told.append, 4, Cost(requests=8), ManualClock())
    headway.begin()
    headway.end(Arrival(3, "coinbase is disconnected"))
    assert told == [
        Progress(done=0, total=4, message="8 requests"),
        Progress(done=3, total=4, message="coinbase is disconnected"),
    ]
    assert headway.done == 3

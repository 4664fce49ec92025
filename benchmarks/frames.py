"""Binance's kline frames as they come over the combined stream: made up, but shaped like recorded ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from livermore.kernel.timeframe import MINUTE

UPDATES = 30  # one every two seconds, as Binance documents it
FRAME = (
    '{{"stream":"{stream}@kline_1m","data":{{"e":"kline","E":{event},"s":"{symbol}","k":{{"t":{time},'
    '"T":{end},"s":"{symbol}","i":"1m","f":{first},"L":{last},"o":"{open:.2f}000000","c":"{close:.2f}000000",'
    '"h":"{high:.2f}000000","l":"{low:.2f}000000","v":"{volume:.5f}000","n":{trades},"x":{closed},"q":"{quote:.8f}",'
    '"V":"{taken:.8f}","Q":"{paid:.8f}","B":"0"}}}}}}'
)


class Tape:
    """Frames of some symbols, minute after minute, each in `UPDATES` updates of which the last closes."""

    def __init__(self, symbols: Sequence[str], prices: Sequence[float], start: int) -> None:
        self.now = start
        self._symbols = symbols
        self._prices = np.array(prices)
        self._ids = np.full(len(symbols), 1_000_000)
        self._chance = np.random.default_rng(7)

    def minutes(self, count: int) -> list[bytes]:
        """Return the frames of the next minutes, in the order in which an exchange sends them."""
        return [frame for _ in range(count) for frame in self._minute()]

    def _minute(self) -> list[bytes]:
        steps = self._chance.normal(0, 3e-4, (UPDATES, len(self._symbols)))
        path = self._prices * np.exp(np.cumsum(steps, axis=0))
        high, low = np.maximum.accumulate(path), np.minimum.accumulate(path)
        volume = np.cumsum(self._chance.lognormal(0, 1, path.shape), axis=0)
        frames = [
            self._frame(place, update, path[:, place], high[update, place], low[update, place], traded)
            for update in range(UPDATES)
            for place, traded in enumerate(volume[update])
        ]
        self._prices = path[-1]
        self._ids += 3 * UPDATES
        self.now += MINUTE
        return frames

    def _frame(
        self, place: int, update: int, path: np.ndarray[tuple[int], np.dtype[np.float64]],
        high: float, low: float, volume: float,
    ) -> bytes:  # fmt: skip
        symbol, close, first = self._symbols[place], path[update], int(self._ids[place])
        final = update == UPDATES - 1
        return FRAME.format(
            stream=symbol.lower(), symbol=symbol, time=self.now, end=self.now + MINUTE - 1,
            event=self.now + (MINUTE + 20 if final else (update + 1) * MINUTE // UPDATES),
            first=first, last=first + 3 * update + 2, trades=3 * update + 3, open=path[0], close=close,
            high=high, low=low, volume=volume, closed="true" if final else "false",
            quote=volume * close, taken=volume / 2, paid=volume / 2 * close,
        ).encode()  # fmt: skip

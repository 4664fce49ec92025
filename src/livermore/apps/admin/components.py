"""The five parts of the page that the browser draws itself: each is sent data, and says what was clicked."""

from __future__ import annotations

from typing import Any

import msgspec
from nicegui import ui
from nicegui.elements import echart

# Loading the module makes NiceGUI serve the ECharts that it bundles, under this name.
ECHARTS = echart.__name__


class Part(ui.element):
    """Run methods of a Vue component with arguments that were encoded once for all pages."""

    def tell(self, method: str, payload: str) -> None:
        """Call a method in the browser with one JSON argument."""
        if not self.is_deleted:
            self.client.run_javascript(f'runMethod({self.id}, "{method}", [{payload}])')


class StatusBar(Part, component="assets/status_bar.js"):
    """Product, state, connections, market time, theme; and the notice below them."""


class MarketGrid(Part, component="assets/market_grid.js"):
    """Symbols × timeframes: emits `choose` with exchange, symbol and timeframe."""

    def __init__(self, timeframes: list[str]) -> None:
        super().__init__()
        self._props["timeframes"] = timeframes


class SeriesChart(Part, component="assets/series_chart.js"):
    """Candles over MACD-V of one series: emits `ready` with the series in the page's address."""


class CoverageGrid(Part, component="assets/coverage_grid.js"):
    """Symbols × timeframes: emits `examine` with exchange, symbol and timeframe, and `choose` with a time."""


class NewsFeed(Part, component="assets/news_feed.js"):
    """The newest signals: emits `choose` with exchange, symbol, timeframe and time."""


def encoded(value: Any) -> str:
    """Write a value as JSON that may stand inside a script."""
    return msgspec.json.encode(value).decode()

"""The parts of the pages that the browser draws itself: each is sent data, and says what was clicked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from nicegui import ui
from nicegui.elements import echart

if TYPE_CHECKING:
    from livermore.accounts.user import User
    from livermore.apps.api.account_shapes import MeShape

# Loading the module makes NiceGUI serve the ECharts that it bundles, under this name.
ECHARTS = echart.__name__


class Part(ui.element):
    """Run methods of a Vue component with arguments that were encoded once for all pages."""

    def tell(self, method: str, payload: str) -> None:
        """Call a method in the browser with one JSON argument."""
        if not self.is_deleted:
            self.client.run_javascript(f'runMethod({self.id}, "{method}", [{payload}])')


class StatusBar(Part, component="assets/status_bar.js"):
    """Product, pages, state, connections, market time, who is here, theme; and the notice below them.

    A page without `facts` tells nothing of the market.
    """

    def __init__(self, page: str, user: User, *, facts: bool = True) -> None:
        super().__init__()
        self._props.update(page=page, person=user.display_name or user.username, facts=facts)


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


class AccessPart(Part):
    """A part of the access page, which asks the API itself, as who is logged in."""

    def __init__(self, me: MeShape) -> None:
        super().__init__()
        self._props["me"] = msgspec.to_builtins(me)


class AccessSelf(AccessPart, component="assets/access_self.js"):
    """Who is logged in, and the password."""


class AccessTokens(AccessPart, component="assets/access_tokens.js"):
    """One's own tokens."""


class AccessUsers(AccessPart, component="assets/access_users.js"):
    """Everybody, for admins."""


def encoded(value: Any) -> str:
    """Write a value as JSON that may stand inside a script."""
    return msgspec.json.encode(value).decode()

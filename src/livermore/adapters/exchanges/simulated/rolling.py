"""The rolling day of every symbol, looked up again every so often."""

from __future__ import annotations

from livermore.adapters.exchanges.simulated.view import Day, View


class RollingDays:
    """Remember each symbol's last 24 hours for so many ms of the market."""

    def __init__(self, view: View, kept_for: int) -> None:
        self._view = view
        self._kept_for = kept_for
        self._days: dict[str, tuple[int, Day | None]] = {}

    def day(self, symbol: str, time: int) -> Day | None:
        """Return a symbol's rolling day; None when nothing was traded in it."""
        since, day = self._days.get(symbol, (None, None))
        if since is None or not since <= time < since + self._kept_for:
            since, day = time, self._view.day(symbol, time)
            self._days[symbol] = since, day
        return day

"""What a change would do to indicators: which series begin anew, and which go on."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from livermore.kernel.timeframe import Timeframe
from livermore.settings.plan import Effect


def indicator_effects(
    exchange: str, loaded: Iterable[str], begun: Collection[tuple[str, Timeframe]], watched: Collection[str]
) -> list[Effect]:
    """Name each symbol whose values are derived again; `begun` are the series that have no past yet.

    A symbol that was `watched` until now goes on from its checkpoints, and so do series with a past.
    """
    effects = []
    for symbol in loaded:
        new = [timeframe for name, timeframe in begun if name == symbol]
        if new or symbol not in watched:
            begins = f"MACD-V begins anew on {', '.join(new)}"
            detail = begins if new else "MACD-V goes on from its checkpoints"
            effects.append(Effect(kind="compute", target=f"{exchange}:{symbol}", detail=detail))
    return effects

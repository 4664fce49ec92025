"""What may stand behind the question mark: every parameter is checked, an unknown one is refused."""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
)

from livermore.kernel.clock import parse_time
from livermore.kernel.timeframe import Timeframe
from livermore.market.service import LIMIT
from livermore.signals.alert import AlertState
from livermore.signals.signal import Kind


def _time(text: object) -> int:
    try:
        return parse_time(str(text).strip())
    except (ValueError, OverflowError):
        raise ValueError(
            "must be a time: milliseconds since 1970 or RFC 3339, such as 2026-01-31T12:00:00Z"
        ) from None


def _not_before_its_beginning(end: int, info: ValidationInfo) -> int:
    start = info.data.get("start")
    if start is not None and end < start:
        raise ValueError("must not be before from")
    return end


Time = Annotated[
    int,
    BeforeValidator(_time),
    Field(ge=-(2**53), le=2**53),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "format": "int64"}, {"type": "string", "format": "date-time"}]}
    ),
]
End = Annotated[Time, AfterValidator(_not_before_its_beginning)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
PageSize = Annotated[int, Field(ge=1, le=1000)]


class Parameters(BaseModel):
    """Refuse parameters that nobody reads."""

    model_config = ConfigDict(extra="forbid")


class OfExchange(Parameters):
    """What concerns one exchange alone."""

    exchange: Name | None = Field(None, description="Of this exchange alone.")


class Span(Parameters):
    """A part of a series: buckets that open in [from, to)."""

    start: Time | None = Field(None, alias="from", description="The first open: ms UTC or RFC 3339.")
    end: End | None = Field(None, alias="to", description="Opens before this: ms UTC or RFC 3339.")


class Range(Span):
    """So many bars of a part of a series."""

    limit: int = Field(
        500,
        ge=1,
        le=LIMIT,
        description="At most so many bars: the newest ones, or the oldest ones after `from` without `to`.",
    )


class SignalFilter(Parameters):
    """Which signals are wanted."""

    limit: PageSize = Field(100, description="At most so many.")
    before: Name | None = Field(None, description="The cursor `next` of the page before.")
    exchange: Name | None = Field(None, description="Only of this exchange.")
    symbol: Name | None = Field(None, description="Only of this symbol.")
    timeframe: Timeframe | None = Field(None, description="Only of this timeframe.")
    kind: Kind | None = Field(None, description="Only of this kind.")
    start: Time | None = Field(None, alias="from", description="Bars from this open on: ms UTC or RFC 3339.")
    end: End | None = Field(None, alias="to", description="Bars that open before this: ms UTC or RFC 3339.")


class AlertFilter(Parameters):
    """Which alerts are wanted."""

    limit: PageSize = Field(100, description="At most so many.")
    before: Name | None = Field(None, description="The cursor `next` of the page before.")
    state: AlertState | None = Field(None, description="Only those that came so far.")


class EventFilter(Parameters):
    """Which events are wanted."""

    topics: str | None = Field(None, description="Topics behind commas; all without it.")

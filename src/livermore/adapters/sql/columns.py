"""Column types that read and write the same values on SQLite and PostgreSQL."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import JSON, DateTime, Dialect
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

# For documents that queries look into. JSONB knows no minus zero; everything else comes back as it was.
Document = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
# For evidence and payloads, which nobody queries: the text itself is kept, exact to the bit.
ExactJson = JSON(none_as_null=True)

_EPOCH = datetime.fromtimestamp(0, UTC)
_INTEGRAL = 1e16  # from here on Python writes 1e16, which PostgreSQL would read as an integer


class Moment(TypeDecorator[int]):
    """Keep integer milliseconds UTC as a timestamp without a zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Turn milliseconds into a timestamp."""
        return None if value is None else (_EPOCH + timedelta(milliseconds=value)).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Turn a timestamp into milliseconds."""
        return None if value is None else (value.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


def write_json(value: Any) -> str:
    """Write JSON whose floats stay floats of the same bits; raise ValueError for NaN and infinity."""
    return msgspec.json.encode(_exact(value)).decode()


read_json = json.loads


def _exact(value: Any) -> Any:
    match value:
        case dict():
            return {key: _exact(item) for key, item in value.items()}
        case list() | tuple():
            return [_exact(item) for item in value]
        case float() if not math.isfinite(value):
            raise ValueError(f"JSON has no {value}")
        case float() if abs(value) >= _INTEGRAL:
            return msgspec.Raw(f"{Decimal(value):f}.0".encode())
    return value

"""What is sent about symbols: names to be judged, lists to be read, choices of a proposal."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, Field, ValidationError

from livermore.apps.api.bodies import Body, Line, storable
from livermore.apps.api.errors import UnsupportedTypeError
from livermore.apps.api.queries import Name, PageSize, Parameters
from livermore.apps.api.replies import SCHEMAS
from livermore.kernel.errors import InvalidError
from livermore.market.scanner import MOST, MOST_PATTERNS, OLDEST_DAYS, Filters
from livermore.market.scanning import ScanSymbols, overridden
from livermore.market.symbol_lists import FORMS, MOST_CHARACTERS, ListForm
from livermore.market.symbol_payloads import MOST_SYMBOLS

JSON, CSV, PLAIN = "application/json", "text/csv", "text/plain"
LONGEST_INPUT = 10_000

Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]
# What cannot be a symbol is told so, each for itself; only what is no text at all is refused here.
Text = Annotated[str, Field(max_length=LONGEST_INPUT)]
OF_PLAIN_NAMES = "The exchange of names that stand alone; the primary one without it."
FORM_HELP = f"{', '.join(FORMS)}; what it looks like without it."


class Search(Parameters):
    """Which symbols are looked for."""

    q: Annotated[str, Field(max_length=100)] | None = Field(
        None, description="A name or a part of one; without it the largest by volume."
    )
    exchange: Name | None = Field(None, description="Where to look; at the primary exchange without it.")
    limit: PageSize = Field(20, description="At most so many, the best first.")


class OfExchange(Parameters):
    """Where a symbol is."""

    exchange: Name | None = Field(None, description=OF_PLAIN_NAMES)


class ListOptions(OfExchange):
    """How a list is to be read that is sent as it is."""

    form: ListForm | None = Field(None, description=FORM_HELP)


class Export(Parameters):
    """How a list is to be written."""

    form: ListForm = Field("json", description=f"{', '.join(FORMS)}.")


class ValidateBody(Body):
    """Names that somebody may want to watch."""

    symbols: Annotated[list[Text], Field(min_length=1, max_length=MOST_SYMBOLS)] = Field(
        description=f"Up to {MOST_SYMBOLS} names, plain or as EXCHANGE:SYMBOL."
    )
    exchange: Line | None = Field(None, description=OF_PLAIN_NAMES)


class PreviewBody(Body):
    """A list of symbols, as it stands in a file."""

    text: Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS), AfterValidator(storable)] = Field(
        description="JSON, CSV, or a list of TradingView."
    )
    form: ListForm | None = Field(None, description=FORM_HELP)
    exchange: Line | None = Field(None, description=OF_PLAIN_NAMES)


class TryBody(Body):
    """Filters that are tried out; what is not named is as the settings have it."""

    exchange: Line | None = Field(None, description="The exchange; the primary one without it.")
    quote: Line | None = Field(None, description="The quote asset.")
    limit: Annotated[int, Field(ge=1, le=MOST)] | None = Field(None, description="At most so many.")
    minimum_quote_volume_24h: Number | None = Field(
        None, description="The least volume of 24 hours, in the quote asset."
    )
    minimum_age_days: Annotated[int, Field(ge=1, le=OLDEST_DAYS)] | None = Field(
        None, description="For how many days it must have been open; null for any."
    )
    maximum_spread_percent: Number | None = Field(
        None, description="How far bid and ask may be apart at most; null for any."
    )
    blacklist: Annotated[list[Line], Field(max_length=MOST_PATTERNS)] | None = Field(
        None, description="Patterns of symbols that are not proposed; * stands for any letters."
    )

    def over(self, filters: Filters) -> Filters:
        """Return filters with what was said in the place of theirs."""
        return overridden(filters, msgspec.convert(self.model_dump(exclude_unset=True), ScanSymbols))


class AcceptBody(Body):
    """What is taken of a proposal."""

    symbols: Annotated[list[Line], Field(min_length=1, max_length=MOST_SYMBOLS)] | None = Field(
        description="Those of the newest proposal that are taken; null for all."
    )
    command_id: Line | None = Field(
        default=None, description="The proposal that was looked at: refused when it is not the newest."
    )


async def given_list(request: Request, options: Annotated[ListOptions, Query()]) -> PreviewBody:
    """Read a list: inside JSON, or as it is, with what else is known of it behind the question mark.

    Raises RequestValidationError, UnsupportedTypeError for another content type.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if kind == JSON:
        return _checked(body)
    if kind not in {CSV, PLAIN}:
        raise UnsupportedTypeError(where="content-type", hint=f"send a list as {JSON}, {CSV} or {PLAIN}")
    form = options.form or ("csv" if kind == CSV else None)
    return _checked({"text": _decoded(body), "form": form, "exchange": options.exchange})


def _checked(given: bytes | dict[str, Any]) -> PreviewBody:
    try:
        if isinstance(given, bytes):
            return PreviewBody.model_validate_json(given)
        return PreviewBody.model_validate(given)
    except ValidationError as error:
        faults = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        raise RequestValidationError(faults) from None


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidError("this is no text in UTF-8", where="body") from None


# ---------------------------------------------------------------- for the description

_TEXT = {"schema": {"type": "string"}}
LIST_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": {"$ref": SCHEMAS.format(name=PreviewBody.__name__)}}, CSV: _TEXT, PLAIN: _TEXT
        },
    }
}  # fmt: skip

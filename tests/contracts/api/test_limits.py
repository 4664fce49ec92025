"""The limits of everything that may be sent, and what lies behind them; collected only for `make soak`."""

from typing import Any

import pytest
import schemathesis

from .test_schema import DESCRIPTION, ENDLESS, Served, ask, asking, served

__all__ = ["served"]

MORE = 300  # requests at most for each method of each route, besides the limits
schema = schemathesis.openapi.from_dict(DESCRIPTION).exclude(path=ENDLESS)
pytestmark = pytest.mark.soak


@schema.parametrize()
@asking(MORE)
def test_an_answer_is_as_described_at_every_limit(case: schemathesis.Case[Any], served: Served) -> None:
    ask(case, served)

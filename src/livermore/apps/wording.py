"""What a checking library says, in words for people who do not know it."""

from __future__ import annotations

import re

# Each pattern is taken out or replaced, in this order.
PLAIN = (
    (re.compile(r"^Value error, "), ""),
    (re.compile(r"^Field required$"), "is missing"),
    (re.compile(r", unable to (parse|interpret) .*$"), ""),
    (re.compile(r"a valid dictionary( or object to extract fields from)?"), "a JSON object"),
    (re.compile(r"a valid integer"), "a whole number"),
    (re.compile(r"a valid string"), "a text"),
    (re.compile(r"a valid number"), "a number"),
    (re.compile(r"a valid boolean"), "true or false"),
    (re.compile(r"a valid list"), "a list"),
    (re.compile(r"^(String|List|Dictionary) should "), "must "),
    (re.compile(r"Input should "), "must "),
)
USAGE = re.compile(r"^Invalid value(?: for (?P<what>.+?))?: (?P<why>.*)$", re.DOTALL)


def plain(message: str) -> str:
    """Say what does not fit of a value, to be put behind the value's name."""
    for pattern, words in PLAIN:
        message = pattern.sub(words, message)
    return message


def plain_usage(message: str) -> str:
    """Say what does not fit of a command line."""
    told = USAGE.match(message)
    if told is None:
        return message
    return f"{told['what']} {plain(told['why'])}" if told["what"] else plain(told["why"])

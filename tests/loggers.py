"""What a test does to the loggers of this process ends with it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import structlog


class Setting(NamedTuple):
    """How a logger is set; the one that nobody has touched yet is the default."""

    level: int = logging.NOTSET
    propagate: bool = True
    disabled: bool = False
    handlers: tuple[logging.Handler, ...] = ()


@contextmanager
def loggers_as_they_were() -> Iterator[None]:
    """Give back to every logger what it had, and take from it the handlers that have come.

    Where our own lines go, and from which level on, is as it was, too.
    """
    before, ours = {name: _setting(one) for name, one in _loggers()}, structlog.get_config()
    yield
    structlog.configure(**ours)
    for name, one in _loggers():
        _set_back(one, before.get(name, Setting()))


def _loggers() -> list[tuple[str, logging.Logger]]:
    """Return the root and every logger by name; another thread may be making one meanwhile."""
    known = list(logging.root.manager.loggerDict.items())
    return [("", logging.root), *((name, one) for name, one in known if isinstance(one, logging.Logger))]


def _setting(one: logging.Logger) -> Setting:
    return Setting(one.level, one.propagate, one.disabled, tuple(one.handlers))


def _set_back(one: logging.Logger, before: Setting) -> None:
    if one.level != before.level:  # setting one empties the cache of all
        one.setLevel(before.level)
    one.propagate, one.disabled = before.propagate, before.disabled
    for handler in set(one.handlers).difference(before.handlers):
        if not _is_pytests(handler):
            one.removeHandler(handler)


def _is_pytests(handler: logging.Handler) -> bool:
    """Say whether pytest has put a handler there, which takes it away by itself."""
    return type(handler).__module__.startswith("_pytest.")

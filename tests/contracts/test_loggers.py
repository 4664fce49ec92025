"""A server that a test starts changes the loggers of its process, and the next test must not notice."""

import logging

import structlog
import uvicorn

from livermore.kernel.log import set_up_logging
from tests.loggers import loggers_as_they_were


def test_a_server_that_sets_up_logging_leaves_nothing_of_it() -> None:
    server = logging.getLogger("uvicorn")
    before = (server.level, server.propagate, server.disabled, list(server.handlers))
    with loggers_as_they_were():
        uvicorn.Config("nowhere:app", log_level="error")
        assert not server.propagate
        assert server.handlers != before[3]
    assert (server.level, server.propagate, server.disabled, list(server.handlers)) == before


def test_a_logger_that_is_new_is_as_if_nobody_had_touched_it() -> None:
    with loggers_as_they_were():
        new = logging.getLogger("tests.new")
        new.addHandler(logging.NullHandler())
        new.propagate, new.disabled = False, True
        new.setLevel(logging.CRITICAL)
    assert (new.level, new.propagate, new.disabled, new.handlers) == (logging.NOTSET, True, False, [])


def test_the_root_keeps_what_pytest_has_put_there() -> None:
    before = list(logging.root.handlers)
    with loggers_as_they_were():
        logging.root.addHandler(logging.NullHandler())
    assert logging.root.handlers == before
    assert before


def test_from_which_level_on_our_own_lines_go_is_as_it_was() -> None:
    before = structlog.get_config()["wrapper_class"]
    with loggers_as_they_were():
        set_up_logging("error")
        assert structlog.get_config()["wrapper_class"] is not before
    assert structlog.get_config()["wrapper_class"] is before

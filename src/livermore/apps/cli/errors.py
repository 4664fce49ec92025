"""What a failure looks like on the command line: two lines for people, an exit code for programs."""

from __future__ import annotations

import sys
import traceback
from enum import IntEnum

from livermore.kernel import errors as kernel


class Exit(IntEnum):
    """The exit codes, the same for every verb."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_REACHABLE = 3
    REFUSED = 4
    CONFLICT = 5
    TIMED_OUT = 6
    NOT_ALLOWED = 7


class NotRunningError(kernel.TransientError):
    """No server answers."""


class ConnectionLostError(NotRunningError):
    """A server that was there did not finish its answer."""


class TimedOutError(kernel.TransientError):
    """It took too long, or came too late."""


EXIT_OF: dict[type[BaseException], Exit] = {
    kernel.LivermoreError: Exit.FAILED,
    kernel.RefusedError: Exit.REFUSED,
    kernel.InvalidError: Exit.REFUSED,
    kernel.SettingsInvalidError: Exit.REFUSED,
    kernel.NotFoundError: Exit.REFUSED,
    kernel.ConflictError: Exit.CONFLICT,
    kernel.NotAllowedError: Exit.NOT_ALLOWED,
    kernel.NotImplementedYetError: Exit.REFUSED,
    kernel.TransientError: Exit.NOT_REACHABLE,
    kernel.ExchangeUnreachableError: Exit.NOT_REACHABLE,
    kernel.RateLimitedError: Exit.NOT_REACHABLE,
    kernel.StorageUnavailableError: Exit.NOT_REACHABLE,
    kernel.TerminalError: Exit.FAILED,
    kernel.ExchangeRefusedError: Exit.NOT_REACHABLE,
    kernel.BlockedError: Exit.NOT_REACHABLE,
    kernel.CorruptDataError: Exit.REFUSED,
    kernel.NewerFormatError: Exit.REFUSED,
    NotRunningError: Exit.NOT_REACHABLE,
    TimedOutError: Exit.TIMED_OUT,
    PermissionError: Exit.NOT_ALLOWED,
    FileNotFoundError: Exit.REFUSED,
    NotADirectoryError: Exit.REFUSED,
    IsADirectoryError: Exit.REFUSED,
    FileExistsError: Exit.CONFLICT,
    TimeoutError: Exit.TIMED_OUT,
    Exception: Exit.FAILED,
}
"""Every kernel error and the few of Python's that users meet; the nearest class decides."""


HINTS: dict[type[kernel.LivermoreError], str] = {
    kernel.SettingsInvalidError: "docs/reference/settings.md says what fits",
    kernel.TransientError: "try again; this looks for causes: livermore doctor",
    kernel.LivermoreError: "see the verb's --help, or run it again with --debug",
}
"""What to do about errors that bring no hint of their own."""


def exit_of(error: BaseException) -> Exit:
    """Return the exit code of an error: that of the nearest class in the table."""
    return next(EXIT_OF[kind] for kind in type(error).__mro__ if kind in EXIT_OF)


def report(error: Exception, *, debug: bool) -> Exit:
    """Say on standard error what went wrong and what to do; return the exit code."""
    if debug:
        _write("".join(traceback.format_exception(error)).rstrip())
    what, hint = _told(error)
    say(what, hint)
    return exit_of(error)


def say(what: str, hint: str) -> None:
    """Write the two lines of a failure."""
    _write(f"error: {_one_line(what)}")
    _write(f"hint: {_one_line(hint)}")


def _write(text: str) -> None:
    # Loaded for failures alone: most verbs end without one, and sooner.
    from livermore.kernel.log import redacted

    print(redacted(text), file=sys.stderr)


def _told(error: Exception) -> tuple[str, str]:
    if isinstance(error, kernel.LivermoreError):
        return str(error), error.hint or next(hint for kind, hint in HINTS.items() if isinstance(error, kind))
    if isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror}{where}", "check that the path exists and that you may use it"
    if isinstance(error, TimeoutError):
        return str(error) or "it took too long", "try again, or look at: livermore status"
    return f"{type(error).__name__}: {error}", "run it again with --debug to see where it happened"


def _one_line(text: str) -> str:
    return " ".join(text.split())

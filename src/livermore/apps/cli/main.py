"""The way in: reads the command line, runs one verb, turns every failure into two lines and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from livermore.apps.cli.errors import Exit, report, say
from livermore.apps.cli.frame import LazyGroup, examples
from livermore.apps.wording import plain_usage

INTERRUPTED = 130

app = typer.Typer(
    cls=LazyGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Watch crypto markets: candles, MACD-V on every timeframe, alerts. It reads, it never trades.",
    epilog=examples(
        "livermore up --demo              a simulated market, nothing else needed",
        "livermore up --symbol BTCUSDT    a real one, without keys",
        "livermore signals --json         what was said, for programs",
    )
    + "\n\nExit codes: 0 done, 1 failed, 2 usage, 3 not reachable, 4 refused as invalid, 5 conflict,"
    " 6 timed out, 7 not allowed.",
)


@app.callback()
def root(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where a failure happened; works after any verb.")
    ] = False,
) -> None:
    """Livermore, a crypto market monitor."""


def run(arguments: Sequence[str]) -> int:
    """Run one verb and return the exit code."""
    debug, words = _without_debug(arguments)
    try:
        code = get_command(app).main(words or ["--help"], prog_name="livermore", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else Exit.DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _nobody_reads()
    except SystemExit as end:
        # Typer leaves this way when the pipe broke inside a verb.
        return _nobody_reads() if isinstance(end.__context__, OSError) else Exit.FAILED
    except TyperException as error:
        return _misused(error)
    except Exception as error:  # the last handler there is: whatever happened becomes two lines
        return report(error, debug=debug)


def _without_debug(arguments: Sequence[str]) -> tuple[bool, list[str]]:
    """Take `--debug` out wherever it stands before a `--`, so that it works after any verb."""
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    ours = [word for word in words[:end] if word != "--debug"]
    return len(ours) < end, ours + words[end:]


def _misused(error: TyperException) -> int:
    context = getattr(error, "ctx", None)
    verb = context.command_path if context else "livermore"
    say(f"{plain_usage(error.format_message()).rstrip('.')} ({verb})", f"see: {verb} --help")
    return error.exit_code


def _nobody_reads() -> Exit:
    """Let the interpreter flush into nothing: whoever read our output has seen enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return Exit.DONE

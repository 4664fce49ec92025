"""Write the generated pages of the documentation: `python -m docs.generate`, or `--check` to compare only."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from livermore.apps.api.reference import reference as api_reference
from livermore.control import lifecycle
from livermore.control.reference import reference as command_reference
from livermore.control.registry import Registry
from livermore.market import commands as market
from livermore.market.scanning import ScannerCommands
from livermore.market.symbol_commands import SymbolCommands
from livermore.runtime.commands import RuntimeCommands
from livermore.runtime.state import table_as_markdown
from livermore.settings.reference import reference

PAGES = Path(__file__).parent / "reference"
COMMAND = Path(__file__).parent / "concepts" / "life-of-a-command.md"

RUNTIME = """# States of a runtime

<!-- Written by `python -m docs.generate` from src/livermore/runtime/state.py. -->

A row for each state, a column for each trigger. An empty cell is refused, naming what is possible.

"""


def pages() -> dict[Path, str]:
    """Return every generated page by its path."""
    return {
        PAGES / "api.md": api_reference(),
        PAGES / "commands.md": command_reference(registry()),
        PAGES / "settings.md": reference(),
        PAGES / "runtime-states.md": RUNTIME + table_as_markdown(),
        COMMAND: filled(COMMAND.read_text("utf-8"), life_of_a_command()),
    }


def registry() -> Registry:
    """Return every type of command; none of these is ever carried out."""
    nothing = cast("Any", None)
    known = Registry()
    RuntimeCommands(nothing, nothing, nothing, nothing).register(known)
    market.register(known, nothing, nothing)
    SymbolCommands(nothing).register(known)
    ScannerCommands(nothing, nothing).register(known)
    return known.seal()


def life_of_a_command() -> dict[str, str]:
    """Return the parts of that page which come from the table of statuses."""
    return {
        "drawing": f"```mermaid\n{lifecycle.table_as_drawing()}```\n",
        "table": lifecycle.table_as_markdown(),
    }


def filled(text: str, parts: Mapping[str, str]) -> str:
    """Return a page with its generated parts, each of which stands between comments that name it."""
    for name, part in parts.items():
        begin, end = f"<!-- generated: {name} -->\n", f"<!-- end of {name} -->"
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not (found and ended):
            raise ValueError(f"the page has no place for its {name}")
        text = f"{before}{begin}\n{part}\n{end}{after}"
    return text


def main(arguments: list[str]) -> int:
    """Write the pages that differ; with `--check` name them and fail."""
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        sys.stdout.write(f"{'stale' if '--check' in arguments else 'written'}: {path.name}\n")
        if "--check" not in arguments:
            path.write_text(pages()[path], "utf-8")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Write the generated pages of docs/reference: `python -m docs.generate`, or `--check` to compare only."""

from __future__ import annotations

import sys
from pathlib import Path

from livermore.apps.api.reference import reference as api_reference
from livermore.runtime.state import table_as_markdown
from livermore.settings.reference import reference

PAGES = Path(__file__).parent / "reference"

RUNTIME = """# States of a runtime

<!-- Written by `python -m docs.generate` from src/livermore/runtime/state.py. -->

A row for each state, a column for each trigger. An empty cell is refused, naming what is possible.

"""


def pages() -> dict[Path, str]:
    """Return every generated page by its path."""
    return {
        PAGES / "api.md": api_reference(),
        PAGES / "settings.md": reference(),
        PAGES / "runtime-states.md": RUNTIME + table_as_markdown(),
    }


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

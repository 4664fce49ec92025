"""Run Livermore's command line: `livermore`, or `python -m livermore`."""

from __future__ import annotations

import sys

from livermore.apps.cli.main import run


def main() -> None:
    """Run the verb that the command line names and leave with its exit code."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()

"""`python -m benchmarks`: run all, or one with `--only`, and print the table; 1 when a bound is missed."""

from __future__ import annotations

import argparse
import importlib
import sys

import structlog

from benchmarks.table import Row, shown

NAMES = {
    "ingest": "ingest",
    "ingest-trades": "ingest_trades",
    "boundary": "boundary",
    "replay": "replaying",
    "start-up": "startup",
    "storage": "storing",
    "authentication": "authenticating",
    "settings": "patching",
    "commands": "commands",
    "symbols": "symbols",
    "memory": "memory",
}


def main() -> int:
    arguments = _arguments()
    # What a benchmark prints is its table; the program's own log would stand in between.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    rows: list[Row] = []
    for name in [arguments.only] if arguments.only else NAMES:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"benchmarks.{NAMES[name]}").run(quick=arguments.quick)
    print(shown(rows))
    return int(any(row.good is False for row in rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=NAMES, help="run this one alone")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a first look, not a measurement")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

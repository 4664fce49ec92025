"""`livermore version`."""

from __future__ import annotations

import platform
from importlib.metadata import version as version_of

from livermore.apps.cli.frame import examples, new_app
from livermore.apps.cli.options import AsJson
from livermore.apps.cli.output import emit

app = new_app()


@app.command(epilog=examples("livermore version", "livermore version --json"))
def version(as_json: AsJson = False) -> None:
    """Show the version of Livermore and of Python."""
    known = {"version": version_of("livermore"), "python": platform.python_version()}
    emit(known, as_json, lambda: print(f"livermore {known['version']} (Python {known['python']})"))

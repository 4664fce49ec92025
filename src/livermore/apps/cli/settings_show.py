"""How settings, changes, plans and revisions are told to people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from livermore.apps.cli.output import note, table

SIGNS = {"add": "+", "remove": "-", "change": "~"}
LONGEST = 60


def show_settings(found: Any) -> None:
    """Print every setting on a line of its own."""
    rows = list(leaves(found["settings"]))
    width = max(len(path) for path, _ in rows)
    for path, value in rows:
        print(f"{path.ljust(width)}  {short(value)}")
    note(f"revision {found['revision']} of {_moment(found['updated_at'])}")
    show_warnings(found["warnings"])


def leaves(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield each setting with its dotted path; a list is one value."""
    from livermore.settings.path import dotted

    if isinstance(tree, dict) and tree:
        for name, below in tree.items():
            yield from leaves(below, (*path, name))
    else:
        yield dotted(path), tree


def show_value(value: Any) -> None:
    """Print one value: a text as it is, anything else as JSON."""
    print(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2))


def show_change(done: Any) -> None:
    """Print what a write did."""
    if not done["diff"]:
        print(f"nothing changed: revision {done['revision']}")
    else:
        show_diff(done["diff"])
        print(f"saved as revision {done['revision']}")
    show_warnings(done["warnings"])


def show_applied(done: Any) -> None:
    """Print what applying a plan did, and whether it holds."""
    show_change(done)
    verdict = done["verdict"]
    note(verdict["error"] or f"revision {verdict['applied']} holds now")


def show_imported(done: Any) -> None:
    """Print what an import did, or would do."""
    if done["dry_run"]:
        show_diff(done["diff"])
        print("nothing was stored: this was a dry run" if done["diff"] else "nothing would change")
        show_warnings(done["warnings"])
    else:
        show_change(done)
    for path in done["dropped"]:
        note(f"left out, for no setting is called so: {path}")
    upgrade = done["upgrade"]
    if upgrade["version"] < upgrade["newest"]:
        note(f"upgraded from version {upgrade['version']}; new: {', '.join(upgrade['added']) or 'nothing'}")


def show_diff(diff: list[Any]) -> None:
    """Print differences, one on each line."""
    for one in diff:
        values = [short(value) for value in (one["from"], one["to"])]
        said = {"add": values[1], "remove": values[0], "change": " → ".join(values)}[one["op"]]
        print(f"{SIGNS[one['op']]} {one['path']}: {said}")


def show_plan(plan: Any) -> None:
    """Print what a change would do."""
    if not plan["changes"]:
        print("nothing would change")
    for one in plan["changes"]:
        print(f"~ {one['path']}: {short(one['from'])} → {short(one['to'])}  [{one['apply_class']}]")
    for effect in plan["effects"]:
        print(f"  {effect['kind']} {effect['target']}: {effect['detail']}")
    cost = plan["cost"]
    if cost["requests"]:
        print(f"costs {cost['requests']} requests, some {cost['seconds']:.0f} s")
    show_warnings(plan["warnings"])


def show_history(page: Any) -> None:
    """Print a table of revisions."""
    rows = [
        (
            str(one["revision"]),
            _moment(one["created_at"]),
            one["author"],
            one["source"],
            _summary(one["diff"]),
            one["reason"] or "",
        )
        for one in page["revisions"]
    ]
    table(("revision", "when (UTC)", "author", "source", "changed", "why"), rows, right=("revision",))
    if page["next"] is not None:
        note(f"older ones: --before {page['next']}")


def show_warnings(warnings: list[Any]) -> None:
    """Tell what is saved and will not work as it is."""
    for warning in warnings:
        note(f"warning: {warning['message']} ({warning['path']})")
        note(f"hint: {warning['hint']}")


def short(value: Any) -> str:
    """Write a value on one line, no longer than a line is."""
    line = json.dumps(value, ensure_ascii=False)
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _summary(diff: list[Any]) -> str:
    paths = list(dict.fromkeys(one["path"] for one in diff))
    return ", ".join(paths[:2]) + (f" and {len(paths) - 2} more" if len(paths) > 2 else "")


def _moment(text: str) -> str:
    return text[:19].replace("T", " ")

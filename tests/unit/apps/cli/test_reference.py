"""The reference page names every verb and every option."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from livermore.apps.cli.errors import Exit
from livermore.apps.cli.main import app

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "cli.md"
EVERYWHERE = {"--workspace", "--source", "--json", "--help"}


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command with the words that lead to it."""
    for name in command.list_commands(None):
        below = command.get_command(None, name)
        yield (*path, name), below
        if hasattr(below, "list_commands"):
            yield from commands(below, (*path, name))


def sections() -> dict[str, str]:
    """Return what stands under each heading, without those below it."""
    parts = re.split(r"^#+ (.+)$", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip((title.strip("`") for title in parts[1::2]), parts[2::2], strict=True))


COMMANDS = list(commands(get_command(app)))


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_every_verb_has_a_heading_and_every_option_a_row(path, command):
    section = sections()[f"livermore {' '.join(path)}"]
    rows = " ".join(line for line in section.splitlines() if line.startswith("| `"))
    for param in command.params:
        names = (
            [param.metavar] if param.param_type_name == "argument" else [*param.opts, *param.secondary_opts]
        )
        for name in set(names) - EVERYWHERE:
            assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", rows), f"{name} has no row"


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_every_verb_and_every_option_has_help(path, command):
    assert command.help, path
    assert all(param.help for param in command.params), path


def test_no_heading_is_left_of_a_verb_that_went():
    there = {f"livermore {' '.join(path)}" for path, _ in COMMANDS}
    assert {title for title in sections() if title.startswith("livermore ")} == there


def test_options_of_all_verbs_and_exit_codes_are_told():
    told = sections()
    assert all(name in told["Options of many verbs"] for name in EVERYWHERE | {"--debug"})
    codes = re.findall(r"^\| (\d) \|", told["Exit codes"], flags=re.MULTILINE)
    assert [int(code) for code in codes] == list(Exit)

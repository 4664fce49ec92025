"""Folders and choices outlive their process: remembered by `up`, listed, and opened again."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from livermore.workspace.folder import Workspace

from .program import CLEAN, URL, Program, livermore


@pytest.fixture(autouse=True)
def _state(tmp_path: Path) -> Iterator[None]:
    """Give this test a list of workspaces of its own."""
    before, CLEAN["XDG_STATE_HOME"] = CLEAN["XDG_STATE_HOME"], str(tmp_path / "state")
    yield
    CLEAN["XDG_STATE_HOME"] = before


def told(folder: Path, *arguments: str) -> Any:
    """Run a verb, and read its JSON."""
    outcome = livermore(folder, *arguments, "--json")
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


def test_a_workspace_is_remembered_and_opened_again(tmp_path: Path) -> None:
    markets, elsewhere = tmp_path / "markets", tmp_path / "elsewhere"
    for folder in (markets, elsewhere):
        folder.mkdir()
    assert told(elsewhere, "workspace", "list") == {"workspaces": []}
    assert list(elsewhere.iterdir()) == []
    with Program(markets, "--demo", "--speed", "120") as demo:
        address, _ = demo.printed(URL)
        use_preferences(markets)
        (row,) = demo.get("/workspaces")["workspaces"]
        assert (row["project_dir"], row["name"]) == (str(markets), "markets")
        assert (row["config"]["source"], row["config"]["speed"]) == ("demo", 120.0)
        (listed,) = told(elsewhere, "workspace", "list")["workspaces"]
        assert listed == row | {"running": address}
        assert told(markets, "workspace", "show")["running"] == address
        opened = livermore(elsewhere, "workspace", "open", "markets")
        assert opened.code == 0
        assert opened.out.startswith(f"{address}/?token=")
        demo.kill()
    assert told(elsewhere, "workspace", "list")["workspaces"] == [row | {"running": None}]
    shown = told(markets, "workspace", "show")
    assert (shown["running"], [each["file"] for each in shown["databases"]]) == (
        None,
        [".livermore/data/demo.db"],
    )
    assert told(markets, "preferences", "get", "theme")["value"] == "dark"
    start_again(elsewhere, row)


def start_again(elsewhere: Path, row: Any) -> None:
    """Open a workspace from elsewhere, by its name: the demonstration goes on in its own folder."""
    with Program(elsewhere, "open", row["name"], verb="workspace", port=()) as opened:
        address, _ = opened.printed(URL)
        (again,) = told(elsewhere, "workspace", "list")["workspaces"]
        assert (again["config"], again["running"]) == (row["config"], address)
        assert again["last_opened"] > row["last_opened"]
        listed = livermore(Path(row["project_dir"]), "preferences", "list")
        assert "\ntheme      dark   " in listed.out
        assert "no server was asked" not in listed.err
        assert opened.stop()[0] == 0
    assert not Workspace(elsewhere).home.exists()


def use_preferences(folder: Path) -> None:
    """Write and read through the running server; its database has what it answers."""
    assert livermore(folder, "preferences", "set", "theme", "dark").out == "theme is stored\n"
    assert livermore(folder, "preferences", "set", "a/b %41 ü", "").code == 0
    outcome = livermore(folder, "preferences", "list")
    assert "no server was asked" not in outcome.err
    assert told(folder, "preferences", "get", "..")["value"] is None
    exported = livermore(folder, "preferences", "export", "mine.json")
    assert exported.code == 0
    assert told(folder, "preferences", "delete", "a/b %41 ü") == {"key": "a/b %41 ü", "existed": True}
    assert livermore(folder, "preferences", "import", "mine.json").out == "2 preferences stored\n"
    listed = told(folder, "preferences", "list", "--source", "demo")["preferences"]
    assert {one["key"]: one["value"] for one in listed} == {"a/b %41 ü": "", "theme": "dark"}
    refused = livermore(folder, "preferences", "set", "k", "x" * 40_000)
    assert (refused.code, refused.out) == (4, "")


def test_what_is_no_workspace_is_not_opened(tmp_path: Path) -> None:
    outcome = livermore(tmp_path, "workspace", "open", "nowhere")
    assert (outcome.code, outcome.out) == (4, "")
    assert outcome.err.startswith("error: there is no such workspace (nowhere)\nhint: ")
    assert [file.name for file in tmp_path.iterdir()] == []


def test_a_name_of_two_folders_asks_for_the_folder(tmp_path: Path) -> None:
    folders = [tmp_path / parent / "markets" for parent in ("one", "two")]
    for folder in folders:
        folder.mkdir(parents=True)
        with Program(folder, "--demo") as demo:
            demo.printed(URL)
            assert demo.stop()[0] == 0
    outcome = livermore(tmp_path, "workspace", "open", "markets")
    assert outcome.code == 4
    error, hint = outcome.err.splitlines()
    assert error == "error: more than one is called so (markets)"
    assert all(str(folder) in hint for folder in folders)


def test_a_home_that_cannot_be_written_keeps_nobody_from_watching(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file, where a folder should be")
    folder = tmp_path / "markets"
    folder.mkdir()
    with Program(folder, "--demo") as demo:
        demo.printed(URL)
        assert demo.get("/workspaces")["workspaces"][0]["name"] == "markets"
        assert demo.stop()[0] == 0
    assert (tmp_path / "state").is_file()

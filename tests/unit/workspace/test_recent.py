"""The workspaces of this machine are noted one by one, and forgotten when their folders go."""

import sys
from pathlib import Path
from shutil import rmtree

import pytest

from livermore.workspace.folder import Workspace
from livermore.workspace.recent import RecentNotes, state_folder
from livermore.workspace.row import HowOpened, WorkspaceRow


@pytest.fixture
def notes(tmp_path: Path) -> RecentNotes:
    return RecentNotes(tmp_path / "state" / "workspaces")


def opened(folder: Path, time: int) -> WorkspaceRow:
    """Make a folder a workspace, and return its row."""
    Workspace(folder).prepare()
    how = HowOpened(source="demo", speed=60.0)
    return WorkspaceRow(project_dir=str(folder), name=folder.name, last_opened=time, config=how)


def test_looking_creates_nothing(notes: RecentNotes, tmp_path: Path) -> None:
    assert notes.all() == []
    assert list(tmp_path.iterdir()) == []


def test_the_last_opened_comes_first_and_each_once(notes: RecentNotes, tmp_path: Path) -> None:
    first, second = opened(tmp_path / "first", 1), opened(tmp_path / "second", 2)
    for row in (first, second):
        notes.put(row)
    assert notes.all() == [second, first]
    again = opened(tmp_path / "first", 3)
    notes.put(again)
    assert notes.all() == [again, second]


def test_a_folder_that_went_is_not_told_and_soon_forgotten(notes: RecentNotes, tmp_path: Path) -> None:
    gone, here = opened(tmp_path / "gone", 1), opened(tmp_path / "here", 2)
    notes.put(gone)
    notes.put(here)
    rmtree(tmp_path / "gone")
    assert notes.all() == [here]
    notes.put(here)
    assert len(list((tmp_path / "state" / "workspaces").iterdir())) == 1


def test_a_note_that_cannot_be_read_hides_no_other(notes: RecentNotes, tmp_path: Path) -> None:
    row = opened(tmp_path / "here", 1)
    notes.put(row)
    (tmp_path / "state" / "workspaces" / "torn.json").write_text('{"project_dir": ')
    assert notes.all() == [row]


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file, where a folder should be")
    with pytest.raises(OSError, match=r"state"):
        RecentNotes(tmp_path / "state" / "workspaces").put(opened(tmp_path / "here", 1))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps state elsewhere")
def test_notes_lie_where_the_user_keeps_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/jesse")
    ours = Path("livermore") / "workspaces"
    assert state_folder({"XDG_STATE_HOME": "/state"}) == Path("/state") / ours
    for absent in ({}, {"XDG_STATE_HOME": ""}, {"XDG_STATE_HOME": "relative"}):
        assert state_folder(absent) == Path("/home/jesse/.local/state") / ours

"""The workspace: nothing before it is prepared, private notes, and clear words where it cannot be."""

import stat
import sys
from pathlib import Path

import pytest

from livermore.kernel.errors import InvalidError
from livermore.workspace.folder import ServerNote, Workspace

NOTE = ServerNote(url="http://127.0.0.1:7070", token="t0ken", pid=42)


def test_nothing_is_created_by_looking(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.read_server() is None
    assert workspace.database() == tmp_path / ".livermore" / "data" / "livermore.db"
    assert list(tmp_path.iterdir()) == []


def test_a_prepared_workspace_ignores_itself(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "new" / "place")
    workspace.prepare()
    workspace.prepare()
    assert (workspace.home / ".gitignore").read_text() == "*\n"
    assert sorted(path.name for path in workspace.home.iterdir()) == [".gitignore", "data", "run"]
    assert not any(workspace.data.iterdir())


def test_nobody_else_on_the_machine_looks_into_it(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.prepare()
    if sys.platform != "win32":
        assert [stat.S_IMODE(place.stat().st_mode) for place in (workspace.data, workspace.run)] == [
            0o700
        ] * 2


def test_demonstration_and_replay_keep_their_data_apart(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert len({workspace.database(), workspace.database("demo"), workspace.database("replay")}) == 3


def test_the_folder_is_named_absolutely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Workspace(Path()).directory == tmp_path


def test_the_server_is_found_and_its_token_is_private(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.prepare()
    workspace.server_file.write_text("{}")
    workspace.server_file.chmod(0o644)
    workspace.write_server(NOTE)
    assert workspace.read_server() == NOTE
    if sys.platform != "win32":
        assert stat.S_IMODE(workspace.server_file.stat().st_mode) == 0o600
    workspace.remove_server()
    workspace.remove_server()
    assert workspace.read_server() is None


def test_a_broken_note_is_no_note(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.prepare()
    workspace.server_file.write_text('{"url": ')
    assert workspace.read_server() is None


def test_a_folder_that_cannot_be_is_refused_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidError, match="cannot hold a workspace") as refused:
        Workspace(tmp_path / "file").prepare()
    assert refused.value.where == str(tmp_path / "file")
    assert "--workspace" in str(refused.value.hint)


def test_a_folder_that_is_read_only_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path)
    workspace.prepare()

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    # Root may write anywhere, so the refusal of the system is played.
    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(InvalidError, match="Permission denied"):
        workspace.prepare()

"""What is said when the server of a folder does not answer."""

import socket

import pytest

from livermore.workspace.folder import ServerNote, Workspace


@pytest.fixture
def gone(tmp_path):
    """A folder whose server was killed: its note names a port at which nobody listens."""
    folder = Workspace(tmp_path)
    folder.prepare()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        folder.write_server(ServerNote(url=url, token="t", pid=1))
        yield folder


@pytest.mark.parametrize(
    ("stored", "hint"),
    [
        (None, "start one with: livermore up --demo"),
        ("livermore.db", "start one with: livermore up"),
        ("demo.db", "start one with: livermore up --demo"),
        ("replay-0123.db", "start one with: livermore up --replay FILE"),
    ],
)
def test_the_hint_fits_what_the_folder_holds(cli, gone, stored, hint):
    if stored is not None:
        (gone.data / stored).touch()
    outcome = cli("status")
    assert outcome.code == 3
    assert outcome.err.splitlines()[1] == f"hint: {hint}"


def test_a_folder_whose_data_lie_on_a_server_is_live(cli, gone, monkeypatch):
    monkeypatch.setenv("LIVERMORE_DATABASE_URL", "postgresql://somewhere")
    assert cli("status").err.splitlines()[1] == "hint: start one with: livermore up"


def test_an_address_of_the_environment_may_be_wrong(cli, gone, monkeypatch):
    monkeypatch.setenv("LIVERMORE_URL", "http://127.0.0.1:1")
    assert "check LIVERMORE_URL" in cli("status").err

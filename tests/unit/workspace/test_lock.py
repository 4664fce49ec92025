"""The lock: one process for each workspace, gone with its process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from livermore.kernel.errors import ConflictError
from livermore.workspace.folder import ServerNote, Workspace
from livermore.workspace.lock import WorkspaceLock

HOLD = """
import sys, time
from pathlib import Path
from livermore.workspace.folder import Workspace
from livermore.workspace.lock import WorkspaceLock
with WorkspaceLock(Workspace(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    workspace.prepare()
    return workspace


def test_a_second_holder_is_told_who_the_first_is(workspace: Workspace) -> None:
    with WorkspaceLock(workspace):
        workspace.write_server(ServerNote(url="http://127.0.0.1:7070", token="s", pid=os.getpid()))
        with pytest.raises(ConflictError) as refused, WorkspaceLock(workspace):
            pass
    assert f"process {os.getpid()} at http://127.0.0.1:7070" in str(refused.value)
    assert str(workspace.directory) in str(refused.value)
    with WorkspaceLock(workspace):
        pass


def test_the_note_of_another_process_is_not_believed(workspace: Workspace) -> None:
    workspace.write_server(ServerNote(url="http://127.0.0.1:9", token="s", pid=1))
    with WorkspaceLock(workspace), pytest.raises(ConflictError) as refused:
        WorkspaceLock(workspace).acquire()
    assert "http" not in str(refused.value)


def test_a_lock_may_be_released_twice(workspace: Workspace) -> None:
    lock = WorkspaceLock(workspace)
    lock.acquire()
    lock.release()
    lock.release()


def test_the_lock_dies_with_its_process(workspace: Workspace) -> None:
    command = [sys.executable, "-c", HOLD, str(workspace.directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(ConflictError, match=f"process {process.pid}"):
            WorkspaceLock(workspace).acquire()
        process.send_signal(signal.SIGKILL)
        process.wait()
    with WorkspaceLock(workspace):
        pass

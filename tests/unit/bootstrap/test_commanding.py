"""Which bus carries the commands of an installation."""

from pathlib import Path

import pytest

from livermore.adapters.memory.command_bus import MemoryCommandBus
from livermore.adapters.redis.command_bus import RedisCommandBus
from livermore.bootstrap.commanding import _bus
from livermore.bootstrap.plan import Plan
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import InvalidError

SERVER = "postgresql+asyncpg://nobody@127.0.0.1/none"


def test_two_folders_that_share_a_redis_do_not_hear_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVERMORE_REDIS_URL", "redis://127.0.0.1:1/0")
    clock = ManualClock()
    assert isinstance(_bus(Plan(workspace=Path()), clock), MemoryCommandBus)
    assert isinstance(
        _bus(Plan(workspace=Path(), source="demo", database_url=SERVER), clock), MemoryCommandBus
    )
    assert isinstance(_bus(Plan(workspace=Path(), database_url=SERVER), clock), RedisCommandBus)


def test_without_a_redis_commands_stay_in_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIVERMORE_REDIS_URL", raising=False)
    assert isinstance(_bus(Plan(workspace=Path(), database_url=SERVER), ManualClock()), MemoryCommandBus)


def test_what_is_no_redis_url_is_refused_without_repeating_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVERMORE_REDIS_URL", "a:secret@nowhere")
    with pytest.raises(InvalidError) as refused:
        _bus(Plan(workspace=Path(), database_url=SERVER), ManualClock())
    assert "secret" not in str(refused.value)

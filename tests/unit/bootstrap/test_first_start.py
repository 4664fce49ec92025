"""A first start writes what it needs to begin, beneath what was chosen before it."""

from pathlib import Path

import pytest

from livermore import bootstrap
from livermore.settings.patch import PathPatch
from livermore.settings.ports import Authorship

BY = Authorship(author="local", source="cli")


@pytest.fixture
def url(tmp_path: Path) -> str:
    (tmp_path / ".livermore" / "data").mkdir(parents=True)
    return f"sqlite+aiosqlite:///{tmp_path / '.livermore' / 'data' / 'livermore.db'}"


async def started(folder: Path, **more: object) -> tuple[int, dict[str, object]]:
    """Join a system as a start does; return the newest revision and the document."""
    system = await bootstrap.build(bootstrap.Plan(workspace=folder, source="live", **more))  # type: ignore[arg-type]
    try:
        current = await system.settings.current(system.user.scope())
        return current.revision, current.document.model_dump(mode="json", exclude_unset=True)
    finally:
        await system.stop()


async def test_what_was_chosen_before_the_first_start_stays(tmp_path: Path, url: str) -> None:
    async with bootstrap.writable(url) as stored:
        zone = PathPatch(path=("perseus_profile", "timezone"), value="Europe/Berlin")
        await stored.settings.patch(stored.user.scope(), zone, BY)
    revision, document = await started(tmp_path, exchange="binance", symbols=("BTCUSDT",))
    assert document["perseus_profile"] == {"primary_exchange": "binance", "timezone": "Europe/Berlin"}
    assert document["livermore_runtime"] == {"auto_start": True}
    assert document["symbols"] == ["BTCUSDT"]
    assert document["scanner"] == {"quote": "USDT"}
    assert await started(tmp_path, exchange="coinbase") == (revision, document)

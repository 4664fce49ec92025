"""Two processes' worth of Livermore on one address ask an exchange no more than one may."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from livermore import bootstrap
from livermore.kernel.errors import InvalidError

from .inside import Place, hasty, live_systems, until
from .test_side_by_side import simulated

__all__ = ["hasty"]


@asynccontextmanager
async def running(folder: Path, there: Place) -> AsyncIterator[int]:
    """Start a system that shares its budget, and give what it sees spent once it has loaded."""
    folder.mkdir()
    async with live_systems(folder, binance=there) as system:
        await until(lambda: system.status().state == "running")
        status = system.status()
        assert status.services["shared budgets"] == "healthy"
        yield status.exchanges[0].requests["used"]


@pytest.mark.usefixtures("hasty")
async def test_what_one_has_spent_the_other_has_less(
    tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVERMORE_REDIS_URL", redis_url)
    async with simulated("binance", "BTCUSDT") as (_, there):
        async with running(tmp_path / "one", there) as spent:
            assert spent > 0
        async with running(tmp_path / "other", there) as both:
            assert both >= 1.5 * spent


@pytest.mark.usefixtures("hasty")
async def test_without_redis_each_counts_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIVERMORE_REDIS_URL", raising=False)
    async with (
        simulated("binance", "BTCUSDT") as (_, there),
        live_systems(tmp_path, binance=there) as system,
    ):
        assert "shared budgets" not in system.status().services


async def test_a_url_that_is_none_is_refused_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVERMORE_REDIS_URL", "a:secret@nowhere")
    with pytest.raises(InvalidError, match="LIVERMORE_REDIS_URL") as refused:
        await bootstrap.build(bootstrap.Plan(workspace=tmp_path))
    assert "secret" not in str(refused.value)

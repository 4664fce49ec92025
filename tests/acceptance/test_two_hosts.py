"""Two programs that were named one database: only one of them runs a user's runtime."""

from pathlib import Path

from livermore import bootstrap


async def test_of_two_on_one_file_one_runs_the_user_and_the_other_stands_by(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    one, other = [
        await bootstrap.build(bootstrap.Plan(workspace=tmp_path / name, database_url=url))
        for name in ("one", "other")
    ]
    await one.start()
    await other.start()
    assert [system.status().state == "stopped" for system in (one, other)] == [False, True]
    await one.runtimes._claim()  # type: ignore[union-attr]
    await other.runtimes._claim()  # type: ignore[union-attr]
    assert [system.status().state == "stopped" for system in (one, other)] == [False, True]
    await other.stop()
    await one.stop()

"""The servers which the suite starts are real, and every test gets a database of its own."""

from pathlib import Path

import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import create_async_engine


async def scalar(url: str, *statements: str) -> object:
    """Run statements in one transaction and give the value of the last."""
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            for statement in statements[:-1]:
                await connection.exec_driver_sql(statement)
            return (await connection.exec_driver_sql(statements[-1])).scalar()
    finally:
        await engine.dispose()


async def test_postgresql_has_jsonb_set(postgres_url: str) -> None:
    changed = await scalar(postgres_url, """SELECT jsonb_set('{"version":1}', '{version}', '2')::text""")
    assert changed == '{"version": 2}'


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_gets_an_empty_database(postgres_database: str, turn: int) -> None:
    count = await scalar(postgres_database, "CREATE TABLE mark (turn int)", "SELECT count(*) FROM mark")
    assert count == 0


async def test_redis_publishes(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as redis, redis.pubsub() as subscriber:
        await subscriber.subscribe("livermore:test")
        await subscriber.get_message(timeout=5)  # the confirmation
        await redis.publish("livermore:test", b"ping")
        message = await subscriber.get_message(timeout=5)
    assert message is not None
    assert message["data"] == b"ping"


def test_shared_data_holds_candles(shared_data: Path) -> None:
    assert (shared_data / "ohlcv").is_dir()

"""Who has noted a head finds it in the chain as long as that was not written anew or pruned beyond it."""

from livermore.adapters.sql import Database, SqlJournal, SqlTrail
from livermore.control.ports import Retention
from livermore.kernel.scope import Scope
from tests.contracts.sql.conftest import NOON

from .conftest import accepted, carried_out
from .test_audit import run

DAY = 86_400_000


async def test_a_head_that_was_noted_stays_in_the_chain(
    journal: SqlJournal, trail: SqlTrail, jesse: Scope
) -> None:
    heads = []
    for _ in range(3):
        await carried_out(journal, jesse)
        await trail.seal(jesse)
        (report,) = await trail.verify(jesse)
        heads.append((report.head, report.head_place))
    for head, place in heads:
        (report,) = await trail.verify(jesse, head)
        assert (report.noted_place, report.fault) == (place, None)
    (unknown,) = await trail.verify(jesse, "ab" * 32)
    assert (unknown.noted_place, unknown.fault) == (None, None)
    # What is left begins at the anchor; a head before that is known to nobody any more.
    assert await trail.prune(jesse, Retention(commands=1), NOON) == 2
    places = [(await trail.verify(jesse, head))[0].noted_place for head, _ in heads]
    assert places == [None, heads[1][1], heads[2][1]]


async def test_a_chain_that_was_written_anew_lacks_it(
    journal: SqlJournal, trail: SqlTrail, database: Database, jesse: Scope
) -> None:
    await accepted(journal, jesse)
    await trail.seal(jesse)
    (before,) = await trail.verify(jesse)
    await run(
        database,
        "UPDATE command_events SET place = NULL, hash = NULL, at = at + 1",
        "UPDATE commands SET submitted_at = submitted_at + 1",
        "DELETE FROM command_chains",
    )
    await trail.seal(jesse)
    (after,) = await trail.verify(jesse, before.head)
    assert (after.fault, after.noted_place) == (None, None)

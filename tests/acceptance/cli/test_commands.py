"""The verbs that command, over a socket: what they say, how they end, and what they do when a wire is cut."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from livermore.apps.cli.errors import Exit
from livermore.apps.cli.main import run
from livermore.control.audit import Fault
from livermore.runtime.status import Pause
from tests.unit.apps.commanded import JournalTwin, TrailTwin
from tests.unit.apps.doors import KEY

from .commanding import SECONDS, Obeyed

NOON = 1_750_000_000_000


class Outcome(NamedTuple):
    """What a run left behind."""

    code: int
    out: str
    err: str


Cli = Callable[..., Outcome]


@pytest.fixture(scope="module")
def server() -> Iterator[Obeyed]:
    server = Obeyed().begin()
    yield server
    server.stop()


@pytest.fixture
def cli(capsys, monkeypatch, tmp_path, server) -> Cli:
    """Run a verb in this process, against the server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIVERMORE_URL", server.address)
    monkeypatch.setenv("LIVERMORE_TOKEN", KEY)

    def call(*arguments: str) -> Outcome:
        code = run(arguments)
        return Outcome(code, *capsys.readouterr())

    return call


def kept(server: Obeyed) -> list[Any]:
    journal = server.system.control.journal
    assert isinstance(journal, JournalTwin)
    return [waiting.command for waiting in journal.kept]


def close_gate(server: Obeyed) -> None:
    server.within(server.system.obedience.gate.clear)


def open_gate(server: Obeyed) -> None:
    server.within(server.system.obedience.gate.set)


@pytest.fixture
def gate(server: Obeyed) -> Iterator[None]:
    """Loading does not end before it is let."""
    close_gate(server)
    yield
    open_gate(server)


def when(condition: Callable[[], bool], act: Callable[[], None]) -> threading.Thread:
    """Do something in a thread of its own once something is so."""

    def watch() -> None:
        waiting = threading.Event()
        for _ in range(SECONDS * 100):
            if condition():
                act()
                return
            waiting.wait(0.01)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


# ---------------------------------------------------------------- what they say


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        (["pause"], "paused: data, until it is resumed; by local\n"),
        (
            ["pause", "--level", "alerts", "--reason", "lunch", "--until", "2099-01-31T08:00:00Z"],
            "paused: alerts, until 2099-01-31 08:00:00 (UTC); by local; lunch\n",
        ),
        (["resume"], "resumed: warming\n"),
        (["reload"], "~ scanner.limit: 50 → 7\nrevision 3 holds now\n"),
        (
            ["mode", "scalper-macdv"],
            "mode scalper-macdv, was position-monitor; revision 4 holds later: it is paused\n",
        ),
        (["clear-cache", "--scope", "all", "--yes"],
         "taken again: 5m 1h of 2 symbols, 1,234 bars; 7 stored bars deleted\n"),
        (["backfill", "BTC-USD"], "coinbase:BTC-USD 1h: 1,000 asked; 990 equal, 10 added\n"),
    ],
)  # fmt: skip
def test_what_was_done_is_said_in_words(cli, server, verb, said):
    open_gate(server)
    done = cli(*verb)
    assert (done.code, done.out) == (Exit.DONE, said)
    assert kept(server)[-1].source == "cli"


def test_what_is_asked_is_what_was_typed(cli, server):
    open_gate(server)
    verb = [
        "backfill",
        "binance:BTCUSDT",
        "--timeframe",
        "5m",
        "1h",
        "--from",
        "2026-05-01",
        "--to",
        "1780000000000",
    ]
    done = cli(*verb, "--json")
    command = json.loads(done.out)
    assert (command["type"], command["status"]) == ("force-backfill", "succeeded")
    assert command["payload"] == {
        "symbol": "binance:BTCUSDT", "timeframes": ["5m", "1h"],
        "from": 1_777_593_600_000, "to": 1_780_000_000_000,
    }  # fmt: skip
    cli("clear-cache", "--scope", "timeframe", "--timeframe", "5m", "--symbol", "A", "--stored", "--yes")
    assert kept(server)[-1].payload == {
        "scope": "timeframe", "timeframe": "5m", "symbol": "A", "stored": True
    }  # fmt: skip


def test_a_pause_is_shown_by_status(cli, server):
    server.system.runtime.pause = Pause(level="data", reason="lunch", until=4_073_529_600_000, by="edwin")
    assert "paused: data, until 2099-01-31 08:00:00 (UTC); by edwin; lunch\n" in cli("status").out
    server.system.runtime.pause = None


# ---------------------------------------------------------------- how they end


@pytest.mark.parametrize(
    ("verb", "code", "said"),
    [
        (["mode", "scalper-orderbook"], Exit.REFUSED, "does not exist yet"),
        (["mode", "scalper"], Exit.REFUSED, "one of: position-monitor"),
        (["pause", "--level", "all"], Exit.REFUSED, "one of: data, alerts"),
        (["pause", "--until", "tomorrow"], Exit.REFUSED, "is no time (--until)"),
        (["backfill", "BTC-USD", "--timeframe", "7m"], Exit.REFUSED, "is not a timeframe"),
        (["backfill"], Exit.USAGE, "SYMBOL"),
        (["clear-cache"], Exit.USAGE, "--scope"),
        (["commands", "show", "nothing"], Exit.REFUSED, "there is no command"),
        (["commands", "--status", "done"], Exit.REFUSED, "one of: accepted"),
        (["commands", "verify", "--expect", "abc"], Exit.REFUSED, "is no hash"),
    ],
)
def test_a_refusal_has_its_exit_code(cli, verb, code, said):
    done = cli(*verb)
    assert (done.code, done.out, said in done.err) == (code, "", True), done


def test_a_cache_is_cleared_only_by_who_means_it(cli, server, monkeypatch):
    before = len(kept(server))
    refused = cli("clear-cache", "--scope", "all")
    assert (refused.code, "add --yes" in refused.err) == (Exit.REFUSED, True)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    for answer in ("\n", "no\n"):
        monkeypatch.setattr(sys.stdin, "readline", lambda answer=answer: answer, raising=False)
        asked = cli("clear-cache", "--scope", "symbol", "--symbol", "BTC-USD", "--stored")
        assert asked.code == Exit.REFUSED
        assert "Drop what is held of BTC-USD, and delete what is stored of it? [y/N]" in asked.err
    assert len(kept(server)) == before
    monkeypatch.setattr(sys.stdin, "readline", lambda: "Yes\n", raising=False)
    assert cli("clear-cache", "--scope", "all").code == Exit.DONE


def test_a_role_that_is_too_low_is_told(cli, monkeypatch):
    monkeypatch.setenv("LIVERMORE_TOKEN", "a-token-of-nobody")
    assert cli("pause").code == Exit.NOT_ALLOWED


@pytest.mark.usefixtures("gate")
def test_who_does_not_wait_is_told_the_id(cli, server):
    done = cli("backfill", "BTC-USD", "--no-wait")
    identity = kept(server)[-1].id
    assert (done.code, identity in done.out) == (Exit.DONE, True)
    assert (
        f"force-backfill {identity}, priority 20\n  symbol: BTC-USD\n"
        in cli("commands", "show", identity).out
    )


@pytest.mark.usefixtures("gate")
def test_what_takes_too_long_is_given_up_and_goes_on(cli, server):
    done = cli("backfill", "BTC-USD", "--timeout", "0.3")
    assert done.code == Exit.TIMED_OUT
    assert "force-backfill: 1 of 2, 1h, about 3 s left" in done.err
    assert f"livermore commands show {kept(server)[-1].id}" in done.err
    assert kept(server)[-1].is_open


# ---------------------------------------------------------------- a wire that is cut


@pytest.mark.usefixtures("gate")
def test_a_wire_cut_while_waiting_changes_nothing(cli, server):
    asked = len(kept(server))

    def cut() -> None:
        server.within(server.proxy.cut)
        open_gate(server)

    cutting = when(lambda: len(kept(server)) > asked and kept(server)[-1].progress is not None, cut)
    done = cli("backfill", "BTC-USD")
    cutting.join()
    assert (done.code, len(kept(server))) == (Exit.DONE, asked + 1)


def test_a_wire_cut_before_the_answer_asks_again_and_nothing_is_done_twice(cli, server, monkeypatch):
    channel = server.system.control.channel
    submit = channel.submit

    async def submit_and_cut(*given: Any, **more: Any) -> Any:
        monkeypatch.setattr(channel, "submit", submit)
        command = await submit(*given, **more)
        server.proxy.cut()
        return command

    monkeypatch.setattr(channel, "submit", submit_and_cut)
    before = len(server.system.obedience.done)
    done = cli("pause")
    assert done.code == Exit.DONE
    assert "the server does not answer; asking again until it does" in done.err
    assert server.system.obedience.done[before:] == [kept(server)[-1].id]


def test_a_server_that_stays_away_is_given_up(cli, server):
    server.within(server.proxy.shut)
    done = cli("resume", "--timeout", "0.4")
    server.within(server.proxy.mend)
    assert done.code == Exit.NOT_REACHABLE


@pytest.mark.usefixtures("gate")
def test_a_server_that_goes_while_it_is_waited_for_is_given_up_in_time(cli, server):
    asked, connections = len(kept(server)), server.proxy.accepted
    # The second connection is made by who has the answer to the first, and waits.
    going = when(
        lambda: server.proxy.accepted > connections + 1, lambda: server.within(server.proxy.shut)
    )  # fmt: skip
    done = cli("backfill", "BTC-USD", "--timeout", "1")
    going.join()
    server.within(server.proxy.mend)
    assert (done.code, len(kept(server))) == (Exit.TIMED_OUT, asked + 1)


def test_where_no_server_is_nothing_is_waited_for(cli, monkeypatch, tmp_path):
    monkeypatch.delenv("LIVERMORE_URL")
    done = cli("pause")
    assert (done.code, "start one with: livermore up" in done.err) == (Exit.NOT_REACHABLE, True)
    monkeypatch.setenv("LIVERMORE_URL", "http://127.0.0.1:1")
    assert cli("pause").code == Exit.NOT_REACHABLE
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- what was asked


def test_the_history_is_a_table_and_a_document(cli, server):
    cli("pause", "--reason", "lunch")
    cli("mode", "scalper-orderbook")
    lines = cli("commands", "--limit", "2").out.splitlines()
    assert lines[0].split() == ["submitted", "(UTC)", "type", "status", "took", "by", "from", "error", "id"]
    assert [line.split()[2:4] for line in lines[1:]] == [["switch-mode", "failed"], ["pause", "succeeded"]]
    assert "not_implemented" in lines[1]
    page = json.loads(cli("commands", "list", "--limit", "1", "--type", "pause", "--json").out)
    assert page["commands"][0]["payload"] == {"level": "data", "reason": "lunch"}
    shown = cli("commands", "show", page["commands"][0]["id"]).out
    assert "asked for by local (cli)" in shown
    assert shown.endswith("paused: data, until it is resumed; by local; lunch\n")


def test_the_chain_is_proven_or_said_to_be_broken(cli, server):
    trail = server.system.control.trail
    assert isinstance(trail, TrailTwin)
    whole = cli("commands", "verify")
    assert (whole.code, whole.out.splitlines()[-1]) == (Exit.DONE, f"head: {'00' * 32}")
    assert cli("commands", "verify", "--expect", "00" * 32).code == Exit.DONE
    unknown = cli("commands", "verify", "--expect", "AB" * 32)
    assert (unknown.code, "does not have this hash" in unknown.err) == (Exit.FAILED, True)
    trail.fault = Fault(what="changed", place=3, detail="its hash differs")
    broken = cli("commands", "verify", "--json")
    trail.fault = None
    assert (broken.code, json.loads(broken.out)["ok"]) == (Exit.FAILED, False)
    assert "the history was altered: changed at place 3: its hash differs" in broken.err

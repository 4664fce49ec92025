"""`livermore symbols`: what it says to people and programs, what it asks for, and how it ends."""

import io
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from livermore.apps.cli import symbols
from livermore.apps.cli.errors import Exit
from livermore.apps.cli.outcomes import told
from livermore.apps.cli.symbols_asking import completed
from livermore.apps.cli.symbols_show import percent, volume
from livermore.kernel.errors import ExchangeUnreachableError
from livermore.market.symbol_lists import FORMS
from tests.acceptance.cli.commanding import Obeyed
from tests.unit.apps.commanded import UNKNOWN, JournalTwin
from tests.unit.apps.doors import KEY
from tests.unit.apps.listed import ALIAS, HALTED
from tests.unit.apps.standin import STARTED_DOCUMENT

from .conftest import Run

DOCUMENT = STARTED_DOCUMENT | {"symbols": ["BTC-USD", "ETH-USD"], "disabled_symbols": ["ETH-USD"]}


@pytest.fixture(scope="module")
def server() -> Iterator[Obeyed]:
    server = Obeyed(DOCUMENT).begin()
    yield server
    server.stop()


@pytest.fixture
def verb(cli: Run, server: Obeyed, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a verb of symbols against the server, two hours east of Greenwich."""
    monkeypatch.setenv("LIVERMORE_URL", server.address)
    monkeypatch.setenv("LIVERMORE_TOKEN", KEY)
    monkeypatch.setenv("TZ", "Etc/GMT-2")
    time.tzset()
    return lambda *words: cli("symbols", *words)


@pytest.fixture(autouse=True)
def _own_zone() -> Iterator[None]:
    yield
    time.tzset()


def asked(server: Obeyed) -> list[tuple[str, Any]]:
    """Return the type and the payload of every command that was submitted."""
    journal = server.system.control.journal
    assert isinstance(journal, JournalTwin)
    return [(one.command.type, one.command.payload) for one in journal.kept]


def test_the_watchlist_is_a_table(verb: Run) -> None:
    shown = verb()
    assert (shown.code, shown.err) == (0, "")
    titles, first, second = shown.out.splitlines()
    assert titles.split("  ")[0] == "exchange"
    assert " ".join(first.split()) == "coinbase BTC-USD paused 64120 +1.25 % 900,000,000 USD -"
    assert second.split()[2] == "disabled"
    rows = json.loads(verb("list", "--json").out)["symbols"]
    assert [(row["symbol"], row["enabled"]) for row in rows] == [("BTC-USD", True), ("ETH-USD", False)]


def test_search_says_how_old_the_listing_is(
    verb: Run, server: Obeyed, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = verb("search", "ltc")
    assert [line.split()[0] for line in found.out.splitlines()] == ["symbol", "LTC-USD", "LTC-BTC"]
    assert "40.5 BTC" in found.out
    assert found.err == "coinbase, as it listed them at 2026-05-28 16:27:30 (2 min 30 s ago)\n"
    (line,) = verb("search", "xrp").out.splitlines()[1:]
    assert line.split()[0] == "XRP-USD"
    assert line.endswith(f"also {ALIAS}")
    assert verb("search", "nothing of it").out == "nothing that is listed fits\n"
    monkeypatch.setattr(server.system.listings, "trouble", "it is on fire")
    assert verb("search", "btc").err.endswith("no newer listing can be had: it is on fire\n")
    document = verb("search", "btc", "--limit", "1", "--json")
    assert (document.err, json.loads(document.out)["results"][0]["symbol"]) == ("", "BTC-USD")


def test_an_exchange_that_is_away_is_not_reachable(
    verb: Run, server: Obeyed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        server.system.listings, "down", ExchangeUnreachableError("coinbase is away", hint="wait")
    )
    for words in (("search", "btc"), ("metrics", "SOL-USD")):
        outcome = verb(*words)
        assert (outcome.code, outcome.out) == (Exit.NOT_REACHABLE, "")
        assert "coinbase is away" in outcome.err.splitlines()[0]


def test_one_is_added_by_one_command_and_several_by_another(verb: Run, server: Obeyed) -> None:
    before = len(asked(server))
    assert verb("add", "sol-usd").out == "added coinbase:SOL-USD (it is SOL-USD); revision 4, live\n"
    assert verb("add", "SOL-USD", "--exchange", "binance").out.startswith("added binance:SOL-USD; ")
    several = verb("add", "SOL-USD", UNKNOWN, "BTC-USD", "eth-usd")
    assert several.code == 0
    assert several.out.splitlines() == [
        f"{UNKNOWN}: unknown: it is not listed", "BTC-USD: duplicate", "eth-usd: ok: it is ETH-USD",
        "added 2 of 4, 0 live; revision 4; they wait: it is paused",
    ]  # fmt: skip
    assert asked(server)[before:] == [
        ("add-symbol", {"symbol": "sol-usd"}),
        ("add-symbol", {"symbol": "SOL-USD", "exchange": "binance"}),
        ("bulk-add-symbols", {"symbols": ["SOL-USD", UNKNOWN, "BTC-USD", "eth-usd"]}),
    ]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((UNKNOWN,), Exit.REFUSED), ((UNKNOWN, UNKNOWN), Exit.REFUSED), ((UNKNOWN, "BTC-USD"), Exit.REFUSED),
        (("BTC-USD", "BTC-USD"), Exit.CONFLICT), ((), Exit.USAGE), (("x" * 101,), Exit.REFUSED),
        (["y"] * 501, Exit.REFUSED),
    ],
)  # fmt: skip
def test_what_adds_nothing_says_so_by_its_exit_code(verb: Run, words: Any, code: Exit) -> None:
    outcome = verb("add", *words)
    assert outcome.code == code
    assert outcome.err.splitlines()[-2].startswith("error: ")


@pytest.mark.parametrize("words", [("add",), ("remove",), ("enable",), ("disable",)])
def test_what_is_no_name_is_refused_in_words_and_with_a_remedy(verb: Run, words: tuple[str, ...]) -> None:
    for name, said, remedy in (("", "no symbol is named", "BTC-USD"), ("x" * 101, "at most 100", "search")):
        outcome = verb(*words, name)
        error, hint = outcome.err.splitlines()
        assert outcome.code == Exit.REFUSED
        assert said in error
        assert "(payload.symbol)" in error
        assert remedy in hint


def test_several_are_removed_one_after_another(verb: Run, server: Obeyed) -> None:
    twice = verb("remove", UNKNOWN, UNKNOWN)
    assert (twice.code, twice.err.count(f"error: {UNKNOWN} is not on the watchlist")) == (Exit.REFUSED, 2)
    outcome = verb("remove", "A-USD", UNKNOWN, "B-USD")
    assert outcome.out == "removed A-USD; revision 5\nremoved B-USD; revision 5\n"
    assert outcome.code == Exit.REFUSED
    assert f"{UNKNOWN} is not on the watchlist" in outcome.err
    assert [payload["symbol"] for _, payload in asked(server)[-3:]] == ["A-USD", UNKNOWN, "B-USD"]
    document = json.loads(verb("remove", "A-USD", "B-USD", "--json").out)
    assert [command["status"] for command in document["commands"]] == ["succeeded"] * 2
    assert json.loads(verb("remove", "A-USD", "--json").out)["type"] == "remove-symbol"


def test_on_a_terminal_it_is_asked_whether_it_is_meant(
    verb: Run, server: Obeyed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file, before = tmp_path / "list.json", len(asked(server))
    file.write_text('["SOL-USD"]')

    def answering(line: str, *words: str) -> Any:
        monkeypatch.setattr(sys, "stdin", Terminal(line))
        return verb(*words)

    for words in (("remove", "A-USD"), ("import", str(file))):
        for no in ("\n", "n\n", "perhaps\n"):
            refused = answering(no, *words)
            assert (refused.code, "[y/N]" in refused.err) == (Exit.REFUSED, True)
            assert "add --yes" in refused.err
        assert len(asked(server)) == before
        assert answering("y\n", *words).code == 0
        assert "[y/N]" not in answering("", *words, "--yes").err
        before += 2
    assert len(asked(server)) == before


class Terminal(io.StringIO):
    """Somebody who answers."""

    def isatty(self) -> bool:
        return True


def test_one_is_switched_off_and_on(verb: Run, server: Obeyed) -> None:
    assert verb("disable", "A-USD").out == "switched coinbase:A-USD off; revision 6\n"
    assert verb("enable", "A-USD", "--exchange", "coinbase").out == (
        "switched coinbase:A-USD on; revision 6, live\n"
    )
    assert verb("enable", "SAME").out == "coinbase:SAME is switched on already\n"
    assert asked(server)[-3:] == [
        ("set-symbol-enabled", {"symbol": "A-USD", "enabled": False}),
        ("set-symbol-enabled", {"symbol": "A-USD", "exchange": "coinbase", "enabled": True}),
        ("set-symbol-enabled", {"symbol": "SAME", "enabled": True}),
    ]


def test_a_list_is_shown_and_what_fits_is_added(verb: Run, server: Obeyed, tmp_path: Path) -> None:
    file, before = tmp_path / "list.txt", len(asked(server))
    file.write_text("###MINE\nCOINBASE:SOLUSD\nxrp-usdc,BTC-USD\nNOPE\n")
    preview = verb("import", str(file), "--preview")
    assert (preview.code, preview.err) == (0, "")
    assert preview.out.endswith("\nread as tradingview: 2 ok, 1 unknown, 1 duplicate\n")
    assert ALIAS in preview.out
    assert len(asked(server)) == before
    added = verb("import", str(file))
    assert added.out.startswith(preview.out)
    assert asked(server)[-1] == (
        "bulk-add-symbols", {"symbols": ["coinbase:SOL-USD", "coinbase:XRP-USD"]}
    )  # fmt: skip
    document = json.loads(verb("import", str(file), "--json").out)
    assert [one["verdict"] for one in document["preview"]["results"]] == ["ok", "ok", "duplicate", "unknown"]
    assert document["command"]["type"] == "bulk-add-symbols"
    assert json.loads(verb("import", str(file), "--preview", "--json").out)["form"] == "tradingview"


def test_what_is_more_than_one_command_takes_is_added_by_several(
    verb: Run, server: Obeyed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(symbols, "AT_ONCE", 2)
    file, before = tmp_path / "list.txt", len(asked(server))
    file.write_text("SOL-USD\nXRP-USD\nLTC-BTC\n")
    added = json.loads(verb("import", str(file), "--json").out)
    assert [payload for _, payload in asked(server)[before:]] == [
        {"symbols": ["coinbase:SOL-USD", "coinbase:XRP-USD"]}, {"symbols": ["coinbase:LTC-BTC"]}
    ]  # fmt: skip
    assert [command["type"] for command in added["commands"]] == ["bulk-add-symbols"] * 2
    assert len(added["preview"]["results"]) == 3


@pytest.mark.parametrize(
    ("content", "options", "code", "said"),
    [
        (b"", [], Exit.REFUSED, "nothing in it"), (b" \n", [], Exit.REFUSED, "nothing in it"),
        (b"\xff\xfe\x00", [], Exit.REFUSED, "no text"), (b'["A"', [], Exit.REFUSED, "line 1, column 5"),
        (b"x" * 1_000_001, [], Exit.REFUSED, "1,000,000"), (b"NOPE", [], Exit.REFUSED, "1 unknown"),
        (b"BTC-USD", [], Exit.CONFLICT, "1 duplicate"), (b"A", ["--form", "xlsx"], Exit.REFUSED, "xlsx"),
        (b"A", ["--exchange", "nowhere"], Exit.REFUSED, "nowhere"),
        (b"A,B", ["--form", "json"], Exit.REFUSED, "JSON"),
        (b"\n".join([b"AUSD"] * 5_001), [], Exit.REFUSED, "5000"),
    ],
)  # fmt: skip
def test_what_is_no_list_names_its_file(
    verb: Run, server: Obeyed, tmp_path: Path, content: bytes, options: list[str], code: Exit, said: str
) -> None:
    file, before = tmp_path / "list", len(asked(server))
    file.write_bytes(content)
    outcome = verb("import", str(file), *options)
    assert (outcome.code, len(outcome.err.splitlines())) == (code, 2)
    assert said in outcome.err
    assert len(asked(server)) == before


def test_a_list_may_come_through_a_pipe(verb: Run, server: Obeyed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfsymbol\nsol-usd\n")))
    assert verb("import", "-").code == 0
    assert asked(server)[-1][1] == {"symbols": ["coinbase:SOL-USD"]}


def test_the_watchlist_is_written_as_a_list(verb: Run, tmp_path: Path) -> None:
    assert json.loads(verb("export").out) == ["coinbase:BTC-USD", "coinbase:ETH-USD"]
    assert verb("export", "--form", "csv").out == "symbol,exchange\nBTC-USD,coinbase\nETH-USD,coinbase\n"
    written = verb("export", "mine.txt", "--form", "tradingview")
    rests = "1 of 2 are switched off, which a list does not tell: import switches them on"
    assert (written.out, written.err) == ("", f"written to mine.txt\n{rests}\n")
    assert (tmp_path / "mine.txt").read_text() == "COINBASE:BTCUSD\nCOINBASE:ETHUSD\n"
    assert verb("export", "mine.txt").code == Exit.CONFLICT
    assert verb("export", "--form", "xlsx").code == Exit.REFUSED
    assert symbols.FORMS == FORMS


def test_markets_are_told_of_as_they_are_now(verb: Run) -> None:
    shown = verb("metrics", "sol/usd", "LTC-BTC", HALTED)
    assert shown.code == 0
    lines = shown.out.splitlines()
    assert lines[1].split()[:5] == ["coinbase", "SOL-USD", "148", "+2.00", "%"]
    assert "150,000,000 USD" in lines[1]
    # An invented market has a time of its own: how long ago it was says nothing.
    assert lines[1].endswith("2026-05-28 16:28:59")
    assert "40.5 BTC" in lines[2]
    assert "sol/usd: it is SOL-USD at coinbase" in shown.err
    assert json.loads(verb("metrics", "sol/usd", "--json").out)["symbol"] == "SOL-USD"
    both = verb("metrics", "SOL-USD", "NOPE", "LTC-BTC", "NEITHER", "--json")
    assert [one["symbol"] for one in json.loads(both.out)["metrics"]] == ["SOL-USD", "LTC-BTC"]
    assert both.code == Exit.REFUSED
    assert both.err.count("error: ") == 2


def test_a_scan_is_shown_and_tried_and_taken(verb: Run, server: Obeyed) -> None:
    shown = verb("scan", "--limit", "3", "--quote", "usd", "--minimum-volume", "5")
    assert (shown.code, asked(server)[-1]) == (
        0, ("scan-symbols", {"limit": 3, "quote": "USD", "minimum_quote_volume_24h": 5.0}),
    )  # fmt: skip
    assert shown.out.endswith(
        "\ncoinbase: 2 to add, 1 watched already, 1 watched and not proposed\n"
        "left out: 3 stablecoin or fiat, 7 volume\n"
    )
    before = len(asked(server))
    tried = verb("scan", "--try", "--limit", "2")
    assert [line.split()[1] for line in tried.out.splitlines()[1:3]] == ["BTC-USD", "ETH-USD"]
    assert (
        len(json.loads(verb("scan", "--try", "--quote", "BTC", "--minimum-volume", "1", "--json").out)["add"])
        == 1
    )
    assert "nothing in BTC" in verb("scan", "--try", "--quote", "BTC").out
    assert len(asked(server)) == before
    assert verb("scan", "--accept", "all").out.endswith("they wait: it is paused\n")
    assert verb("scan", "--accept", "ltc/usd", "COINBASE:XRP-USD").code == 0
    taken = [payload for name, payload in asked(server)[before:] if name == "bulk-add-symbols"]
    assert taken == [
        {"symbols": ["XRP-USD", "LTC-USD"], "exchange": "coinbase"},
        {"symbols": ["LTC-USD", "XRP-USD"], "exchange": "coinbase"},
    ]
    document = json.loads(verb("scan", "--accept", "all", "--json").out)
    assert (document["scan"]["type"], document["command"]["type"]) == ("scan-symbols", "bulk-add-symbols")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--accept", "SOL-USD"), Exit.REFUSED), (("--try", "--accept", "all"), Exit.USAGE),
        (("--limit", "501"), Exit.USAGE), (("--minimum-volume", "-1"), Exit.USAGE),
        (("--minimum-volume", "nan"), Exit.USAGE), (("--minimum-volume", "inf"), Exit.USAGE),
        (("--try", "--exchange", "nowhere"), Exit.REFUSED), (("--try", "--quote", "no asset"), Exit.REFUSED),
    ],
)  # fmt: skip
def test_a_scan_that_cannot_be_is_refused(
    verb: Run, server: Obeyed, words: tuple[str, ...], code: Exit
) -> None:
    before = [name for name, _ in asked(server)].count("bulk-add-symbols")
    assert verb("scan", *words).code == code
    assert [name for name, _ in asked(server)].count("bulk-add-symbols") == before


def test_what_is_watched_is_completed(verb: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert completed("b") == ["BTC-USD"]
    assert completed("coinbase:e") == ["coinbase:ETH-USD"]
    monkeypatch.setenv("LIVERMORE_URL", "http://127.0.0.1:9")
    assert completed("b") == []


def test_of_a_stopped_workspace_the_watchlist_is_told(cli: Run, tmp_path: Path) -> None:
    assert cli("symbols").code == Exit.NOT_REACHABLE
    assert list(tmp_path.iterdir()) == []
    assert cli("db", "upgrade").code == 0
    assert cli("settings", "set", "scanner.limit", "7").code == 0
    empty = cli("symbols")
    assert (empty.code, "livermore symbols scan" in empty.out) == (0, True)
    assert "no server was asked" in empty.err
    nothing: dict[str, list[Any]] = {"symbols": [], "listings": []}
    assert json.loads(cli("symbols", "list", "--source", "live", "--json").out) == nothing
    assert json.loads(cli("symbols", "export").out) == []
    nowhere = cli("symbols", "search", "btc")
    assert (nowhere.code, "no exchange is named" in nowhere.err) == (Exit.REFUSED, True)
    for words in ("add SOL-USD", "metrics SOL-USD", "scan --try"):
        outcome = cli("symbols", *words.split())
        assert (outcome.code, "no server runs here" in outcome.err) == (Exit.NOT_REACHABLE, True)


def test_the_history_tells_of_scans_in_words(verb: Run) -> None:
    result = json.loads(verb("scan", "--json").out)
    assert told(result) == (
        "coinbase: 3 proposed, 2 of them to add, 1 watched already; 1 watched and not proposed"
    )


@pytest.mark.parametrize(
    ("value", "quote", "said"),
    [(None, "USD", "-"), (1_234_567.8, "USD", "1,234,568 USD"), (0.00012345678, "BTC", "0.000123457 BTC"),
     (0.0, "USD", "0 USD"), (1000.0, None, "1,000")],
)  # fmt: skip
def test_a_volume_carries_its_asset(value: float | None, quote: str | None, said: str) -> None:
    assert volume(value, quote) == said


def test_a_change_carries_its_sign() -> None:
    assert [percent(one) for one in (None, 1.239, -0.5, 0.0)] == ["-", "+1.24 %", "-0.50 %", "+0.00 %"]

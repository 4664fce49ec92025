"""A script of faults is read strictly, and `livermore simulate --faults` lets it happen."""

import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from livermore.adapters.exchanges.simulated.faults import (
    KINDS,
    Cut,
    Drop,
    FaultScript,
    HalfOpen,
    Hole,
    Silence,
)
from livermore.adapters.exchanges.simulated.faults.chance import chance
from livermore.adapters.exchanges.simulated.faults.moments import strikes, window, windows
from livermore.adapters.exchanges.simulated.faults.wire import corrupted
from livermore.apps.cli.main import run
from livermore.kernel.errors import InvalidError

HOSTILE = Path(__file__).parents[2] / "acceptance" / "hostile.json"
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "simulated-exchange.md"
URL = re.compile(r"^REST +(http://\S+)$")


def parse(*faults: Any, **more: Any) -> FaultScript:
    return FaultScript.parse(json.dumps({"faults": faults, **more}).encode())


def test_a_script_says_the_same_as_its_objects() -> None:
    script = parse(
        {"kind": "drop", "share": 0.01, "from": 60_000, "to": 120_000, "symbols": ["C0USDT"]},
        {"kind": "silence", "every": 600, "for": 60},
        {"kind": "cut", "at": [5, 1_700_000_000_000]},
        {"kind": "hole", "from": -60_000, "to": 0, "known_from": 9},
        seed=7,
    )
    assert script == FaultScript.of(
        Drop(share=0.01, from_=60_000, to=120_000, symbols=("C0USDT",)),
        Silence(every=600, for_=60),
        Cut(at=(5, 1_700_000_000_000)),
        Hole(from_=-60_000, to=0, known_from=9),
        seed=7,
    )


@pytest.mark.parametrize(
    ("text", "place", "words", "remedy"),
    [
        ("{", "script", "no JSON", '"faults"'),
        ("[]", "script", "no script", '"faults"'),
        ("{}", "script", "no script", '"faults"'),
        ('{"faults": [], "sead": 1}', "script", "'sead'", "did you mean 'seed'?"),
        ('{"faults": [], "seed": "x"}', "script", "seed", '"faults"'),
        ('{"faults": [3]}', "faults[0]", "no kind", "there are: skew"),
        ('{"faults": [{"share": 1}]}', "faults[0]", "no kind", "half_open"),
        ('{"faults": [{"kind": "cut"}, {"kind": "drpo"}]}', "faults[1]", "'drpo'", "did you mean 'drop'?"),
        ('{"faults": [{"kind": ["drop"]}]}', "faults[0]", "no kind", "did you mean 'drop'?"),
        ('{"faults": [{"kind": "drop", "chance": 0.1}]}', "faults[0]", "'chance'", "share"),
        ('{"faults": [{"kind": "drop", "form": 1}]}', "faults[0]", "'form'", "did you mean 'for'?"),
        ('{"faults": [{"kind": "drop", "share": 2}]}', "faults[0]", "$.share", "drop knows"),
        ('{"faults": [{"kind": "drop", "frames": ["bar"]}]}', "faults[0]", "$.frames[0]", "drop knows"),
        ('{"faults": [{"kind": "delay"}]}', "faults[0]", "seconds", "delay knows"),
        ('{"faults": [{"kind": "refuse", "status": 200}]}', "faults[0]", "$.status", "retry_after"),
        ('{"faults": [{"kind": "drop", "from": 9, "to": 9}]}', "faults[0]", "`to`", "drop knows"),
        ('{"faults": [{"kind": "drop", "for": 9}]}', "faults[0]", "`every`", "drop knows"),
        ('{"faults": [{"kind": "drop", "every": 9}]}', "faults[0]", "`for`", "drop knows"),
        ('{"faults": [{"kind": "drop", "every": 9, "for": 10}]}', "faults[0]", "`for`", "drop knows"),
        ('{"faults": [{"kind": "cut", "every": 9, "at": [1]}]}', "faults[0]", "exclude", "cut knows"),
    ],
)
def test_what_is_not_understood_is_refused(text: str, place: str, words: str, remedy: str) -> None:
    with pytest.raises(InvalidError) as refused:
        FaultScript.parse(text.encode())
    assert place in str(refused.value.where)
    assert words in refused.value.what
    assert remedy in str(refused.value.hint)


def test_the_hostile_script_has_of_nearly_every_kind() -> None:
    kinds = {type(fault) for fault in FaultScript.read(HOSTILE).faults}
    left_out = {KINDS["skew"], KINDS["hang"], KINDS["hole"], KINDS["empty"]}
    # which a client can do little about
    assert kinds == set(KINDS.values()) - left_out


def test_every_kind_and_every_field_of_it_is_told_in_the_reference() -> None:
    text = PAGE.read_text("utf-8")
    rows = {name: line for line in text.splitlines() for name in KINDS if line.startswith(f"| `{name}`")}
    assert rows.keys() == KINDS.keys()
    common = {"from", "to", "every", "for", "share", "symbols", "frames", "paths", "timeframes"}
    for name, kind in KINDS.items():
        own = set(kind.__struct_encode_fields__) - common
        assert [field for field in own if f"`{field}`" not in rows[name]] == []
    assert [field for field in common if f"`{field}`" not in text] == []


# ---------------------------------------------------------------- chance and time


def test_chance_depends_on_what_it_is_about_alone() -> None:
    draws = [chance(1, "frames", number) for number in range(10_000)]
    assert draws == [chance(1, "frames", number) for number in range(10_000)]
    assert draws != [chance(2, "frames", number) for number in range(10_000)]
    assert all(0 <= draw < 1 for draw in draws)
    assert abs(sum(draw < 0.1 for draw in draws) - 1000) < 150


def test_a_rhythm_has_one_window_in_each_period() -> None:
    fault = Drop(every=60, for_=10, from_=5000)
    draws = [0.0, 0.5, 0.999]
    found = [window(fault, moment, 1000, draws.__getitem__) for moment in range(0, 186_000, 1000)]
    assert found[:6] == [None] * 6
    assert [found.count(number) for number in range(3)] == [10, 10, 10]
    assert found.index(0) == 6
    assert found.index(1) == 6 + 60 + 25


@pytest.mark.parametrize("step", [7, 1000, 90_000, 1_000_000])
def test_no_window_is_overlooked_however_coarsely_one_looks(step: int) -> None:
    fault = HalfOpen(every=60, for_=1, from_=0, to=600_000)

    def draw(number: int) -> float:
        return chance(1, number)

    looks = (windows(fault, moment, moment + step, 0, draw) for moment in range(0, 700_000, step))
    assert sorted({number for found in looks for number in found}) == list(range(10))
    assert windows(fault, 700_000, 800_000, 0, draw) == []


def test_a_moment_s_look_and_a_window_agree() -> None:
    fault = HalfOpen(every=60, for_=1)
    times = range(0, 600_000, 20)
    within = [moment for moment in times if windows(fault, moment, moment, 0, lambda one: one / 10)]
    assert within == [
        moment for moment in times if window(fault, moment, 0, lambda one: one / 10) is not None
    ]
    assert len(within) == 500


def test_cuts_are_due_once_each_however_coarsely_one_looks() -> None:
    cut = Cut(every=60, to=600_000)

    def draw(number: int) -> float:
        return chance(1, number)

    at_once = strikes(cut, 0, 10**9, 0, draw)
    finely = [one for moment in range(0, 700_000, 7) for one in strikes(cut, moment, moment + 7, 0, draw)]
    assert at_once == finely == list(range(10))


def test_any_corruption_changes_a_payload() -> None:
    payload = b'{"e":"kline","s":"C0USDT"}'
    damaged = {corrupted(payload, number / 1000) for number in range(1000)}
    assert payload not in damaged
    assert min(map(len, damaged)) == 1
    assert {len(one) for one in damaged if one.count(b"#")} == {len(payload)}


# ---------------------------------------------------------------- the command line


def test_a_bad_script_is_refused_by_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bad.json"
    file.write_text('{"faults": [{"kind": "dorp"}]}')
    assert run(["simulate", "--faults", str(file)]) == 4
    told = capsys.readouterr()
    assert told.out == ""
    assert f"{file}: faults[0]" in told.err
    assert "did you mean 'drop'?" in told.err


def test_a_script_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "--faults", str(tmp_path / "nowhere.json")]) == 4
    assert "nowhere.json" in capsys.readouterr().err


def test_a_symbol_of_a_script_must_be_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "script.json"
    file.write_text('{"faults": [{"kind": "drop", "symbols": ["NOPEUSDT"]}]}')
    assert run(["simulate", "--symbol", "BTCUSDT", "--faults", str(file)]) == 4
    assert "NOPEUSDT" in capsys.readouterr().err


def test_the_program_lets_a_script_happen(tmp_path: Path) -> None:
    file = tmp_path / "script.json"
    file.write_text('{"faults": [{"kind": "refuse", "status": 429, "retry_after": 3}]}')
    with subprocess.Popen(
        [sys.executable, "-m", "livermore", "simulate", "--symbol", "BTCUSDT", "--faults", str(file)],
        cwd=tmp_path, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            found = next(filter(None, map(URL.match, process.stdout)))
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"{found[1]}/api/v3/time", timeout=10)
            assert (refused.value.code, refused.value.headers["Retry-After"]) == (429, "3")
            refused.value.close()
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0

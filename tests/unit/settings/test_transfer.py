"""Files: JSON as people write it, and what is none."""

import json
from typing import Any

import pytest
from hypothesis import given

from livermore.kernel.errors import InvalidError
from livermore.settings.transfer import (
    LONGEST_FILE,
    UnreadableError,
    read_file,
    read_json,
    unwrapped,
    without_unknown,
)
from tests.unit.settings.test_patch import VALUES


@given(VALUES)
def test_json_is_read_as_it_is(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert repr(read_file(text)) == repr(json.loads(text))
    assert repr(read_file(json.dumps(value, indent=2).encode())) == repr(json.loads(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('// ours\n{"a": 1} // end', {"a": 1}),
        ('{"a": /* why */ 1, /* two\nlines */ "b": 2,}', {"a": 1, "b": 2}),
        ('["http://x", "/* no */", "a,]", "\\"//", ]', ["http://x", "/* no */", "a,]", '"//']),
        ("[1,\n // last\n]", [1]),
        ("\ufeff{}", {}),
    ],
)
def test_comments_and_last_commas_are_tolerated(text: str, value: Any) -> None:
    assert read_file(text) == value
    assert read_file(text.encode()) == value


@pytest.mark.parametrize(
    ("text", "said", "where"),
    [
        ("", "Expecting value", "line 1, column 1"),
        ('{"a": 1,\n/* c\nd */ "b" 2}', "delimiter", "line 3, column 10"),
        ('{"a": 1} {}', "Extra data", "line 1, column 10"),
        ("{,}", "", None),
        ("[NaN]", "NaN", None),
        ("[-Infinity]", "-Infinity", None),
        ('{"a": 1, "a": 2}', "twice: 'a'", None),
        ('{"b": {"a": 1, "c": 2, "a": 1}}', "twice: 'a'", None),
        ("1" * 5000, "", None),
        ("[" * 100_000, "deeper", None),
        ('{"a":' * 100_000, "deeper", None),
        (b"\xff{}", "UTF-8", None),
        ('"\x01"', "control character", "line 1, column 2"),
        ("/* open", "", None),
        (" " * (LONGEST_FILE + 1), "too long", None),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(text: Any, said: str, where: str | None) -> None:
    with pytest.raises(InvalidError) as refused:
        read_file(text)
    assert said in refused.value.what
    assert where in (None, refused.value.where)


@pytest.mark.parametrize("piece", ['\\"', '"\\"', "/*", '"', ",", ", ", "[,", "/", '"/*'])
@pytest.mark.parametrize("end", ["", "\\", '"', "*"])
def test_reading_takes_no_longer_than_the_file_is_long(piece: str, end: str) -> None:
    text = '"' + piece * (900_000 // len(piece)) + end
    for file in ("!" + text, "!" + text[1:]):
        with pytest.raises(InvalidError):
            read_file(file)


def test_many_unknown_keys_are_left_out_at_once() -> None:
    document = {"version": 2, "symbols": ["BTC-USD"]} | {f"key{number}": 1 for number in range(40_000)}
    rest, dropped = without_unknown(document)
    assert rest == {"version": 2, "symbols": ["BTC-USD"]}
    assert len(dropped) == 40_000


def test_an_export_is_unwrapped_and_a_bare_document_is_taken() -> None:
    assert unwrapped({"exportedAt": "x", "exportVersion": "1.7", "settings": {"version": 1}}) == {
        "version": 1
    }
    assert unwrapped({"settings": {}}) == {}
    assert unwrapped({"version": 1}) == {"version": 1}
    assert unwrapped([]) == []


@pytest.mark.parametrize("version", ["2.0", "", 1, None])
def test_an_export_of_another_version_is_refused(version: Any) -> None:
    with pytest.raises(InvalidError):
        unwrapped({"exportVersion": version, "settings": {}})


def test_a_key_that_is_a_secret_is_not_repeated() -> None:
    secret = "z" * 60
    with pytest.raises(UnreadableError) as refused:
        read_file(f'{{"{secret}": 1, "{secret}": 2}}')
    assert "***" in refused.value.what
    assert secret not in str(refused.value)


def test_programs_write_json_without_comments() -> None:
    assert read_file('{"a": 1, /* one */}') == read_json('{"a": 1}') == {"a": 1}
    for text in ('{"a": 1,}', '{"a": 1} // one', '{"a": NaN}', '{"a": 1, "a": 1}', "[" * 10_000):
        with pytest.raises(UnreadableError):
            read_json(text)

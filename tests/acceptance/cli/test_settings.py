"""SET-01 to SET-07 on both databases, over HTTP, from the command line with a server, and without one."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from livermore.apps.cli.errors import Exit
from livermore.apps.cli.main import run
from livermore.settings.path import read_path
from livermore.settings.upgrade import read_settings

from .serving import KEY, Served

PATH = "/api/v1/settings"
DESK = {
    "version": 2,
    "perseus_profile": {"primary_exchange": "coinbase", "public_name": 'ü, {"a"} \\ 😀'},
    "symbols": ["BTC-USD", "ETH-USD"],
    "disabled_symbols": ["ETH-USD"],
    "alerts": {"levels": [100, 200], "quiet_hours": {"from": "22:00", "to": "06:00"}},
}


class Refused(Exception):
    """A door said no; the paths that it named."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(said)
        self.code = code
        self.said = said


class Door(NamedTuple):
    """One way to settings: what is asked, and the answer in the shape of the API."""

    get: Callable[[], Any]
    replace: Callable[[Any], Any]
    patch: Callable[[str, Any], Any]
    export: Callable[[], Any]
    take: Callable[[str], Any]
    rollback: Callable[[int], Any]


def over_http(address: str) -> Door:
    """Ask the API."""

    def ask(method: str, path: str, *, match: str | None = None, **sent: Any) -> Any:
        headers = {"authorization": f"Bearer {KEY}"} | ({} if match is None else {"if-match": match})
        with httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=60) as client:
            answer = client.request(method, PATH + path, **sent)
        if not answer.is_success:
            raise Refused(answer.status_code, answer.text)
        return answer.json()

    def replace(document: Any) -> Any:
        revision = ask("GET", "")["revision"]
        return ask("PUT", "", json=document, match=f'"{revision}"')

    return Door(
        get=lambda: ask("GET", ""),
        replace=replace,
        patch=lambda path, value: ask("PATCH", "", json={"path": list(read_path(path)), "value": value}),
        export=lambda: ask("GET", "/export"),
        take=lambda text: ask("POST", "/import", content=text.encode()),
        rollback=lambda number: ask("POST", "/rollback", json={"revision": number}),
    )


def by_command(capsys: pytest.CaptureFixture[str], folder: Path) -> Door:
    """Type commands; the environment says whether there is a server."""

    def ask(*words: str) -> Any:
        code = run(["settings", *words])
        out, err = capsys.readouterr()
        if code != Exit.DONE:
            raise Refused(code, err)
        return json.loads(out)

    def written(text: str) -> str:
        file = folder / "given.json"
        file.write_text(text, "utf-8")
        return str(file)

    return Door(
        get=lambda: ask("show", "--json"),
        replace=lambda document: ask("apply", written(json.dumps(document)), "--json"),
        patch=lambda path, value: ask("set", path, json.dumps(value), "--json"),
        export=lambda: ask("export"),
        take=lambda text: ask("import", written(text), "--json"),
        rollback=lambda number: ask("rollback", str(number), "--json"),
    )


class Place(NamedTuple):
    """A database that is served, one door to it, and what restarts the server."""

    door: Door
    url: str
    again: Callable[[], Door]


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_database"))
    return f"sqlite+aiosqlite:///{tmp_path / 'livermore.db'}"


@pytest.fixture(params=["http", "command with a server", "command without one"])
def place(
    request: pytest.FixtureRequest, url: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> Iterator[Place]:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for name in ("LIVERMORE_URL", "LIVERMORE_TOKEN", "LIVERMORE_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LIVERMORE_DATABASE_URL", url)
    running = [Served(url).begin()]

    def door() -> Door:
        if request.param == "http":
            return over_http(running[0].address)
        if request.param == "command with a server":
            monkeypatch.setenv("LIVERMORE_URL", running[0].address)
            monkeypatch.setenv("LIVERMORE_TOKEN", KEY)
        return by_command(capsys, tmp_path)

    def again() -> Door:
        running.pop().stop()
        running.append(Served(url).begin())
        return door()

    yield Place(door(), url, again)
    running.pop().stop()


def test_what_is_chosen_is_got_kept_patched_and_carried(place: Place) -> None:
    door = place.door
    assert door.get()["settings"] == read_settings({}).plain()  # SET-01: nothing but the version is stored

    done = door.replace(DESK)  # SET-04
    whole = read_settings(DESK).plain()
    assert done["settings"] == whole == door.get()["settings"]  # SET-03: with every default
    door = place.again()
    assert door.get()["settings"] == whole

    done = door.patch("alerts.levels.-", 300)  # SET-05: the rest is left alone
    assert done["diff"] == [
        {"op": "change", "path": "alerts.levels", "from": [100, 200], "to": [100, 200, 300]}
    ]  # fmt: skip
    patched = {**whole, "alerts": {**whole["alerts"], "levels": [100, 200, 300]}}
    assert door.get()["settings"] == patched
    door.patch("symbols.-", "SOL-USD")

    exported = door.export()  # SET-06
    assert exported["exportVersion"] == "1.0"
    same = door.take(json.dumps(exported))  # SET-07: the identity
    assert same["diff"] == []
    door.rollback(done["revision"])
    assert door.get()["settings"] == patched
    back = door.take("// mine\n" + json.dumps(exported))
    assert back["settings"] == exported["settings"]
    assert back["diff"] == [{"op": "add", "path": "symbols", "from": None, "to": "SOL-USD"}]


REFUSED = [
    ("scanner.limit", "many", "scanner.limit"),
    ("perseus_profile.timezone", "Europe/Atlantis", "perseus_profile.timezone"),
    ("symbols.-", "BTC-USDD", "symbols.2"),
    ("exchanges.coinbse.enabled", True, "exchanges.coinbse"),
    ("scanner.limit.deeper", 1, "scanner.limit"),
]


def test_what_does_not_fit_is_refused_with_its_path(place: Place) -> None:  # SET-02
    place.door.replace(DESK)
    before = place.door.get()
    for path, value, named in REFUSED:
        with pytest.raises(Refused) as refused:
            place.door.patch(path, value)
        assert refused.value.code in {422, Exit.REFUSED}
        assert named in refused.value.said
    with pytest.raises(Refused):
        place.door.take(json.dumps({**DESK, "symbols": ["NOTHING-USD"]}))
    assert place.door.get() == before

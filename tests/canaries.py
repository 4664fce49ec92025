"""Canary secrets: set for the whole suite, and sought in whatever a test says, is answered or writes."""

import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

KEY, SECRET, PEM, PASSPHRASE, HOOK = NAMES = (
    "Canary_ApiKeyId", "Canary_ApiSecret", "Canary_ApiPem", "Canary_Passphrase", "Canary_WebhookUrl",
)  # fmt: skip
WRITTEN = frozenset({".db", ".db-wal", ".db-journal", ".json", ".jsonl", ".log", ".txt", ".toml", ".csv"})
LARGEST = 2**26  # bytes
SHORTEST = 16  # of a line that is sought; a PEM has others
_said: list[str] = []


def set_canaries() -> None:
    """Set the canaries, the same ones in every process of a run."""
    os.environ[KEY] = "canaryKeyId-5f1c0de2b7"
    os.environ[SECRET] = "canarySecret-9a8b7c6d5e4f" * 2
    os.environ[PASSPHRASE] = "canaryPassphrase-77aa"
    os.environ[HOOK] = "http://127.0.0.1:9/canaryHook-1b2c3d4e"
    if PEM not in os.environ:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        os.environ[PEM] = pem.decode()


def holds_a_canary(content: str | bytes) -> bool:
    """Say whether a canary stands in something, whole or a line of it."""
    raw = content.encode("utf-8", "replace") if isinstance(content, str) else content
    lines = (line for name in NAMES for line in os.environ.get(name, "").splitlines())
    return any(line.encode() in raw for line in lines if len(line) >= SHORTEST and "-----" not in line)


def look_at(where: str, content: str | bytes) -> None:
    """Take note of a canary, for the test that is running."""
    if holds_a_canary(content):
        _said.append(where)


def watch_readers(patch: pytest.MonkeyPatch) -> None:
    """Look at every answer that a client reads, and at what tests take out of the capture."""
    read, asked, captured = (
        aiohttp.ClientResponse.read,
        httpx.Response.aread,
        pytest.CaptureFixture.readouterr,
    )

    async def read_body(answer: aiohttp.ClientResponse) -> bytes:
        body = await read(answer)
        look_at(f"the answer of {answer.url.path}", body)
        return body

    async def ask_body(answer: httpx.Response) -> bytes:
        body = await asked(answer)
        look_at(f"the answer of {answer.url.path}", body)
        return body

    def read_captured(capture: Any) -> Any:
        outcome = captured(capture)
        look_at("what it printed", f"{outcome.out}{outcome.err}")
        return outcome

    patch.setattr(aiohttp.ClientResponse, "read", read_body)
    patch.setattr(httpx.Response, "aread", ask_body)
    patch.setattr(pytest.CaptureFixture, "readouterr", read_captured)


@pytest.fixture(autouse=True, scope="session")
def _canaries() -> Iterator[None]:
    """Watch for as long as tests run."""
    with pytest.MonkeyPatch.context() as patch:
        watch_readers(patch)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that has let out a canary; what it said is not shown then."""
    report = yield
    look_at("what it printed", "".join(text for title, text in report.sections if call.when in title))
    look_at("how it failed", report.longreprtext)
    if _said:
        places = ", ".join(dict.fromkeys(_said))
        _said.clear()
        report.outcome, report.sections = "failed", []
        report.longrepr = f"{item.nodeid} ({call.when}): a canary secret stands in {places}"
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run when a file that tests have written holds a canary."""
    base = getattr(getattr(session.config, "_tmp_path_factory", None), "_basetemp", None)
    for file in [] if base is None else files_with_canaries(base):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print(f"\nFAILED: a canary secret stands in {file}", file=sys.stderr)


def files_with_canaries(folder: Path) -> list[Path]:
    """Return the files below a folder in which one stands."""
    files = (file for file in folder.rglob("*") if file.suffix in WRITTEN and file.is_file())
    return [file for file in files if file.stat().st_size <= LARGEST and holds_a_canary(file.read_bytes())]

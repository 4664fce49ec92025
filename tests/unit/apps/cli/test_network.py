"""What others can reach is served only when people can prove who they are."""

import pytest

from livermore.apps.cli.network import ISSUER, address_of, check_guarded, check_loopback, is_loopback
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import InvalidError, NotAllowedError
from tests.unit.apps.books import Books, UserTwin, accounts_in

EVERYWHERE = "0.0.0.0"
PASSWORD = "a long and winding password"


@pytest.fixture
def books() -> Books:
    return Books(ManualClock())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
async def test_the_loopback_needs_no_password(books: Books, host: str) -> None:
    await check_guarded(host, accounts_in(books))
    check_loopback(host)


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.0.2.1", "2001:db8::1"])
async def test_what_others_reach_needs_an_admin_with_a_password(books: Books, host: str) -> None:
    accounts = accounts_in(books)
    admin = await UserTwin(books).create(
        username="local", identity_provider="local", identity_sub="local", role="admin", settings={}
    )
    await accounts.create_user("ada", "viewer", PASSWORD)
    with pytest.raises(NotAllowedError) as refused:
        await check_guarded(host, accounts)
    assert "livermore user password local" in str(refused.value.hint)
    with pytest.raises(NotAllowedError):
        check_loopback(host)
    await accounts.set_password(admin.id, PASSWORD)
    await check_guarded(host, accounts)


async def test_an_identity_provider_will_do(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ISSUER, "https://id.example.org")
    await check_guarded(EVERYWHERE, accounts_in(books))


@pytest.mark.parametrize("host", ["monitor.example.org", "", "1.2.3", "127.0.0.1:7070"])
def test_a_host_is_an_address(host: str) -> None:
    with pytest.raises(InvalidError):
        is_loopback(host)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:7070"),
        ("localhost", "http://localhost:7070"),
        ("::1", "http://[::1]:7070"),
        (EVERYWHERE, "http://127.0.0.1:7070"),
        ("::", "http://[::1]:7070"),
    ],
)
def test_the_address_that_is_told_can_be_opened(host: str, address: str) -> None:
    assert address_of(host, 7070) == address

"""What the environment says of names, proxies and providers is read strictly."""

from ipaddress import ip_network

import pytest

from livermore.apps.access.doorway import Doorway, doorway_of
from livermore.apps.access.provider import Provider, provider_of
from livermore.kernel.errors import InvalidError

HOSTS, PROXIES = "LIVERMORE_ALLOWED_HOSTS", "LIVERMORE_TRUSTED_PROXIES"
OIDC = {"LIVERMORE_OIDC_ISSUER": "https://id.example.org", "LIVERMORE_OIDC_CLIENT_ID": "desk"}


def test_nothing_said_means_the_loopback_and_nobody_believed() -> None:
    doorway = doorway_of({}, host="127.0.0.1", port=7070)
    assert doorway == Doorway()
    assert doorway.hosts == {"localhost", "127.0.0.1", "::1"}
    assert not doorway.trusts("127.0.0.1")


def test_names_and_proxies_are_lists() -> None:
    environment = {HOSTS: " Monitor.example.org, 10.1.2.3 ,[fd00::1],", PROXIES: "127.0.0.1, 10.0.0.7/8"}
    doorway = doorway_of(environment, host="0.0.0.0", port=1)
    assert doorway.names == {"monitor.example.org", "10.1.2.3", "fd00::1"}
    assert doorway.proxies == (ip_network("127.0.0.1"), ip_network("10.0.0.0/8"))
    assert doorway.trusts("10.9.9.9")
    assert not doorway.trusts("11.0.0.1")
    assert not doorway.trusts("somebody")


@pytest.mark.parametrize(
    "environment",
    [
        {HOSTS: "https://monitor.example.org"},
        {HOSTS: "monitor.example.org:443"},
        {HOSTS: "*"},
        {PROXIES: "proxy"},
        {PROXIES: "*"},
    ],
)
def test_names_and_proxies_that_are_none(environment: dict[str, str]) -> None:
    with pytest.raises(InvalidError) as refused:
        doorway_of(environment, host="127.0.0.1", port=1)
    assert refused.value.where in environment
    assert refused.value.hint


def test_a_provider_is_named_by_its_issuer() -> None:
    assert provider_of({}) is None
    assert provider_of(OIDC) == Provider(issuer="https://id.example.org", client_id="desk")
    more = {
        "LIVERMORE_OIDC_NAME": "corp",
        "LIVERMORE_OIDC_CREATE": "operator",
        "LIVERMORE_OIDC_CLIENT_SECRET": "x",
    }
    provider = provider_of(OIDC | more)
    assert provider is not None
    assert (provider.name, provider.creates, provider.secret) == ("corp", "operator", "x")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIVERMORE_OIDC_ISSUER", ""),
        ("LIVERMORE_OIDC_ISSUER", "http://id.example.org"),
        ("LIVERMORE_OIDC_ISSUER", "https://"),
        ("LIVERMORE_OIDC_ISSUER", "id.example.org"),
        ("LIVERMORE_OIDC_ISSUER", "https://["),
        ("LIVERMORE_OIDC_CLIENT_ID", ""),
        ("LIVERMORE_OIDC_NAME", "local"),
        ("LIVERMORE_OIDC_NAME", "A name"),
        ("LIVERMORE_OIDC_NAME", "x" * 21),
        ("LIVERMORE_OIDC_CREATE", "admin"),
        ("LIVERMORE_OIDC_CREATE", "yes"),
    ],
)
def test_a_provider_that_does_not_fit(name: str, value: str) -> None:
    with pytest.raises(InvalidError) as refused:
        provider_of(OIDC | {name: value})
    assert refused.value.where == name

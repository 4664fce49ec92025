"""Where the server listens, under which names it answers, and which proxies it believes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from livermore.kernel.errors import InvalidError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
HOSTS, PROXIES = "LIVERMORE_ALLOWED_HOSTS", "LIVERMORE_TRUSTED_PROXIES"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorway:
    """Where a server is, and how a request tells where it comes from."""

    host: str = "127.0.0.1"
    port: int = 7070
    names: frozenset[str] = frozenset()
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()

    @property
    def hosts(self) -> frozenset[str]:
        """Return the names under which the server answers; another may be a rebinding attack."""
        return LOOPBACK | self.names | {self.host.strip("[]").lower()}

    def trusts(self, address: str) -> bool:
        """Say whether what a peer tells of others is believed."""
        try:
            peer = ip_address(address)
        except ValueError:
            return False
        # A socket for both versions writes addresses of the fourth in the words of the sixth.
        peer = getattr(peer, "ipv4_mapped", None) or peer
        return any(peer in network for network in self.proxies)


def doorway_of(environment: Mapping[str, str], *, host: str, port: int) -> Doorway:
    """Read names and proxies from the environment; raise InvalidError for what is neither."""
    names = frozenset(name.lower().strip("[]") for name in _listed(environment.get(HOSTS)))
    for name in names:
        if "/" in name or "*" in name or (name.count(":") == 1):
            raise InvalidError(
                f"{name!r} is no host name", where=HOSTS,
                hint="write names behind commas, without scheme and port, such as monitor.example.org",
            )  # fmt: skip
    proxies = tuple(map(_network, _listed(environment.get(PROXIES))))
    return Doorway(host=host, port=port, names=names, proxies=proxies)


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        hint = "write addresses or networks behind commas, such as 127.0.0.1 or 10.0.0.0/8"
        raise InvalidError(f"{text!r} is no address", where=PROXIES, hint=hint) from None

"""DECIDE whose word about a client's address counts: `X-Forwarded-For` of listed proxies only."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

ANY = "*"  # whoever connects is a proxy: for hosts where nobody else can, and its address varies
MOST_HOPS = 16
HEADER = b"x-forwarded-for"


class ProxyRefused(ValueError):
    """A proxy of the settings is no address and no network."""


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies before this gateway; none by default, then the header is not read at all."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    any_peer: bool = False

    @classmethod
    def read(cls, texts: tuple[str, ...]) -> "Proxies":
        """Read addresses, networks (CIDR), or `*`. Raises ProxyRefused."""
        try:
            networks = tuple(ip_network(text) for text in texts if text != ANY)
        except ValueError as error:
            raise ProxyRefused(f"{error}") from None
        return cls(networks, ANY in texts)

    def __bool__(self) -> bool:
        return self.any_peer or bool(self.networks)

    def client_address(self, peer: str, forwarded: list[bytes]) -> str:
        """Return the address of who is behind `peer`, by the header's values in their order.

        Each proxy appends whom it was asked by, so it is read from its end, up to the first that
        is no proxy of ours: all before that is the client's own word. What can't be read ends it.
        """
        address, known = _read(peer), peer
        hops = b",".join(forwarded).decode("latin-1").split(",") if forwarded else []
        trusted = address is not None and (self.any_peer or self._has(address))
        for hop in reversed(hops[-MOST_HOPS:]):
            if not trusted:
                break
            address = _read(hop)
            if address is None:
                break
            known, trusted = str(address), self._has(address)
        return known

    def _has(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self.networks)


def _read(hop: str) -> IPv4Address | IPv6Address | None:
    """Read `1.2.3.4`, `1.2.3.4:567`, `::1` or `[::1]:567`."""
    text = hop.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address

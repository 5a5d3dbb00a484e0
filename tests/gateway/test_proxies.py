"""Only listed proxies are believed about a client's address."""

import pytest

from gateway.proxies import Proxies, ProxyRefused

OURS = Proxies.read(("10.0.0.0/8", "fd00::1"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", [b"198.51.100.7"], "203.0.113.9"),  # a client that says it itself
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [b"198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", [b"127.0.0.1, 198.51.100.7"], "198.51.100.7"),  # the first is its own word
        ("10.0.0.1", [b"127.0.0.1", b"198.51.100.7"], "198.51.100.7"),  # two lines are one list
        ("10.0.0.1", [b"1.1.1.1, 198.51.100.7, 10.2.3.4"], "198.51.100.7"),  # two of our proxies
        ("::ffff:10.0.0.1", [b"198.51.100.7"], "198.51.100.7"),
        ("fd00::1", [b"2001:db8::5"], "2001:db8::5"),
        ("fd00::1", [b"[2001:db8::5]:443"], "2001:db8::5"),
        ("10.0.0.1", [b"198.51.100.7:5000"], "198.51.100.7"),
        ("10.0.0.1", [b"unknown"], "10.0.0.1"),
        ("10.0.0.1", [b"198.51.100.7, <script>, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [b""], "10.0.0.1"),
        ("", [b"198.51.100.7"], ""),
        ("10.0.0.1", [b",".join([b"10.0.0.1"] * 1000)], "10.0.0.1"),
    ],
)
def test_the_last_address_that_is_no_proxy_counts(
    peer: str, forwarded: list[bytes], address: str
) -> None:
    assert OURS.client_address(peer, forwarded) == address


def test_where_every_peer_is_a_proxy_its_own_word_counts_and_no_other() -> None:
    anybody = Proxies.read(("*",))
    assert anybody.client_address("172.31.0.9", [b"1.1.1.1, 198.51.100.7"]) == "198.51.100.7"
    assert anybody.client_address("172.31.0.9", []) == "172.31.0.9"


def test_without_proxies_nothing_is_believed() -> None:
    assert not Proxies()
    assert Proxies().client_address("127.0.0.1", [b"198.51.100.7"]) == "127.0.0.1"
    assert OURS


@pytest.mark.parametrize("text", ["proxy.example.com", "10.0.0.0/33", "10.0.0.1/8"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ProxyRefused, match=text.replace(".", r"\.")):
        Proxies.read((text,))

"""Hosts and ports in URLs are read as they were meant, numbers of IPv6 included."""

from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.addresses import authority


@given(st.ip_addresses(), st.integers(0, 65_535))
def test_host_and_port_are_read_as_they_were(address: IPv4Address | IPv6Address, port: int) -> None:
    """By whoever takes the URL apart, whatever kind of address it is."""
    split = urlsplit(f"http://{authority(str(address), port)}/webhook")
    assert (split.hostname, split.port) == (str(address), port)


def test_a_name_stands_as_it_is() -> None:
    """Brackets are for numbers alone."""
    assert authority("fleet.example.com", 8080) == "fleet.example.com:8080"

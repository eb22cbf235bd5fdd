from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.fetch.addresses import addresses_of, is_private_name, is_public
from modelref_git.fetch.faults import FetchFault

V4 = st.ip_addresses(v=4)
V6 = st.ip_addresses(v=6)

PRIVATE = [
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1"),
    *("172.31.255.255", "192.0.0.1", "192.168.1.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1"),
    *("255.255.255.255", "203.0.113.9", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::8.8.8.8", "64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b:1::808:808"),
    *("2002:7f00:1::", "2001:0:4136:e378::1", "2001:db8::1", "3fff::1", "fec0::1", "5f00::1", "100::1"),
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.1", "100.128.0.1", "223.255.255.255", "2a00:1450::1"]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_of_the_public_network_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", [*PUBLIC, "2606:4700::1111", "64:ff9b::808:808"])
def test_what_is_of_the_public_network_is_public(address: str) -> None:
    assert is_public(address)


@given(st.one_of(V4, V6))
def test_nothing_is_public_that_python_calls_special(address: Any) -> None:
    special = (
        *(address.is_private, address.is_loopback, address.is_link_local, address.is_multicast),
        *(address.is_reserved, address.is_unspecified, not address.is_global),
    )
    if any(special) and address not in ipaddress.ip_network("64:ff9b::/96" if address.version == 6 else "0.0.0.0/32"):
        assert not is_public(str(address))


@given(V4)
def test_no_form_of_an_address_hides_one_that_is_not_public(inner: ipaddress.IPv4Address) -> None:
    number = int(inner)
    tunnels = (0, 0xFFFF << 32, 0x2002 << 112 | number << 80, 0x20010000 << 96 | (number ^ 0xFFFFFFFF))
    for outer in tunnels:
        assert not is_public(str(ipaddress.IPv6Address(outer | number)))
    assert is_public(str(ipaddress.IPv6Address((0x64FF9B << 96) | number))) == is_public(str(inner))


@given(st.text(max_size=40))
def test_any_other_text_is_not_public(text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        assert not is_public(text)
    is_private_name(text)  # raises nothing


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "a.localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "::1", "10.1"]
)
def test_odd_ways_to_write_a_private_host_are_known(host: str) -> None:
    assert is_private_name(host)


@pytest.mark.parametrize("host", ["8.8.8.8", "receiver.example", "localhost.example", "", "2a00::1"])
def test_other_hosts_are_not_told_to_be_private_before_they_are_asked_for(host: str) -> None:
    assert not is_private_name(host)


def test_of_a_host_with_several_addresses_only_the_public_ones_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 80, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 80)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 80)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
    assert addresses_of("receiver.example", 80) == [(socket.AF_INET, ("8.8.8.8", 80))]
    assert len(addresses_of("receiver.example", 80, private=True)) == 3
    rows[1] = rows[2]
    with pytest.raises(FetchFault, match=r"receiver\.example is 10\.0\.0\.1, ::1, which is no address of the public"):
        addresses_of("receiver.example", 80)

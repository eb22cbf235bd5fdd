"""Which addresses belong to the public network, so that nobody has this machine call its own neighbours.

A host is looked up once, and what is connected to is the very address that was judged: a name that leads elsewhere a
moment later changes nothing.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from modelref_git.fetch.faults import FetchFault

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

_SPECIAL_4: Final = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    *("224.0.0.0/4", "240.0.0.0/4"),
)
"""Of IPv4, what IANA's registry of special addresses keeps from the public network; multicast; what is reserved."""

_GLOBAL_6: Final = "2000::/3"
"""Of IPv6, only this is handed out for the public network."""

_SPECIAL_6: Final = ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
"""Of that, what is not: protocols and tunnels, which can hide an IPv4 address, and examples."""

_NAT64: Final = "64:ff9b::/96"
"""Holds an IPv4 address in its last bits: all that a network without IPv4 has of the rest. That address is judged."""


def is_public(address: str) -> bool:
    """Whether *address*, an IPv4 or IPv6 address in digits, belongs to the public network; false for what is none."""
    import ipaddress

    try:
        # The zone behind a percent sign names a link of this machine.
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv4Address):
        return not any(found in network for network in _networks(*_SPECIAL_4))
    if found in _networks(_NAT64)[0]:
        return is_public(str(ipaddress.IPv4Address(found.packed[-4:])))
    return found in _networks(_GLOBAL_6)[0] and not any(found in network for network in _networks(*_SPECIAL_6))


def is_private_name(host: str) -> bool:
    """Whether *host*, as an address writes it, can be told to be private without asking anybody.

    Besides ``localhost`` these are addresses in digits, also in the short and odd forms that systems understand
    (``127.1``, ``0x7f000001``).
    """
    import socket

    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return False
    return not all(is_public(str(row[4][0])) for row in rows)


def addresses_of(host: str, port: int, *, private: bool = False) -> list[tuple[int, Any]]:
    """``(family, socket address)`` of everything that may be connected to for *host*, in the system's order.

    Args:
        host: a name, or an address in digits.
        port: goes into the socket addresses.
        private: whether it may be an address that is not of the public network.

    Raises:
        FetchFault: none of its addresses is of the public network; of kind ``refused``.
        OSError: it is not known.
        UnicodeError: it is no name.
    """
    import socket

    rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    found = [(int(row[0]), row[4]) for row in rows if private or is_public(str(row[4][0]))]
    if not found:
        shown = ", ".join(sorted({str(row[4][0]) for row in rows}))
        raise FetchFault("refused", f"{host} is {shown}, which is no address of the public network")
    return found


@functools.cache
def _networks(*texts: str) -> tuple[IPv4Network | IPv6Network, ...]:
    import ipaddress

    return tuple(ipaddress.ip_network(text) for text in texts)

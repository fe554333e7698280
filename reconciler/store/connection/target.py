"""Where DATABASE_URL leads: its hosts in order, each name resolved, and whether an address is public."""

import random
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Self

from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from reconciler.store.connection.attempt import Failure, FailureKind

_DEFAULT_PORT = "5432"
_ENCRYPTED = frozenset({"require", "verify-ca", "verify-full"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseAddress:
    host: str
    """A name, an address, or the folder of a socket; '' for the default socket."""
    address: str
    """The IP address; '' for a socket."""
    port: str

    @property
    def place(self) -> str:
        """For people."""
        if not self.address:
            return f"the socket in {self.host}" if self.host else "the default socket"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_public(self) -> bool:
        """Whether a connection to it may pass through other people's networks.

        A name without a dot is one of a private network (compose, Kubernetes), whatever its addresses look like.
        """
        if not self.address:
            return False
        # A number is an address in another notation.
        named = self.host[:1].isalpha() and not set(".:") & set(self.host)
        return _ip(self.address).is_global and not named


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Target:
    """A DATABASE_URL. It holds a password, so it has no repr."""

    parameters: Mapping[str, Any]
    """libpq's parameters, without those of the address and of the session."""
    hosts: tuple[tuple[str, str, str], ...]
    """Host, address and port; '' where none is given."""
    session: str
    """``target_session_attrs``."""
    ssl_mode: str
    """As DATABASE_URL says it; '' if it does not."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """What libpq takes from the environment."""

    @classmethod
    def of(cls, url: str) -> Self:
        """``url``: libpq's, with or without the name of the driver."""
        given = conninfo_to_dict("postgresql" + url[url.index("://") :])
        defaults = {option.keyword.decode(): option.val.decode() for option in pq.Conninfo.get_defaults() if option.val}
        host, address, port = (str(given.pop(name, "") or defaults.get(name, "")) for name in _PLACE)
        session = str(given.pop("target_session_attrs", "") or defaults.get("target_session_attrs", "any"))
        return cls(
            parameters=given,
            hosts=tuple(_hosts(host, address, port)),
            session=session,
            ssl_mode=str(given.get("sslmode", "")),
            defaults=defaults,
        )

    def addresses(self) -> tuple[list[DatabaseAddress], list[Failure]]:
        """Every address in order, and the names that do not resolve."""
        found, failed = [], []
        for host, address, port in self.hosts:
            if address or not host or host.startswith(("/", "@")):
                found.append(DatabaseAddress(host=host or address, address=address, port=port))
                continue
            if not (port.isascii() and port.isdigit()):  # PGPORT: DATABASE_URL was read before
                failed.append(Failure(place=host, kind=FailureKind.PARAMETERS))
                continue
            try:
                answers = socket.getaddrinfo(host, int(port), proto=socket.IPPROTO_TCP, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError):
                failed.append(Failure(place=f"{host}:{port}", kind=FailureKind.NO_SUCH_NAME))
                continue
            found += [DatabaseAddress(host=host, address=str(answer[4][0]), port=port) for answer in answers]
        if self.parameters.get("load_balance_hosts") == "random":
            random.shuffle(found)
        return found, failed

    def of_address(self, to: DatabaseAddress) -> dict[str, Any]:
        """libpq's parameters for one address. To a public one, TLS unless DATABASE_URL says otherwise."""
        place = {"host": to.host, "hostaddr": to.address, "port": to.port}
        chosen = {**self.parameters, **{name: value for name, value in place.items() if value}}
        if self.requires_tls(to):
            chosen["sslmode"] = "require"
        return {**chosen, "target_session_attrs": "any"}

    def requires_tls(self, to: DatabaseAddress) -> bool:
        """Whether TLS is required because the address is public, and not because DATABASE_URL says so."""
        return to.is_public and not self.ssl_mode and self.defaults.get("sslmode", "") not in _ENCRYPTED


def _ip(text: str) -> IPv4Address | IPv6Address:
    """An address without its zone; one of IPv4 that is written as one of IPv6 is one of IPv4."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:  # PGHOSTADDR: libpq refuses it
        return IPv6Address("::1")
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


_PLACE = ("host", "hostaddr", "port")


def _hosts(host: str, address: str, port: str) -> Iterator[tuple[str, str, str]]:
    hosts, addresses = host.split(","), address.split(",")
    count = max(len(hosts), len(addresses))
    ports = port.split(",")
    ports = ports * count if len(ports) == 1 else ports
    for number in range(count):
        own = ports[number] if number < len(ports) else ""
        at = addresses[number] if number < len(addresses) else ""
        yield (hosts[number] if number < len(hosts) else ""), at, own or _DEFAULT_PORT

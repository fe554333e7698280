"""DATABASE_URL as platforms write it, as one URL that PostgreSQL's own library understands. No value is ever quoted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import ip_address
from urllib.parse import quote, unquote

from reconciler.settings.env.driver_parameters import FOREIGN, LIBPQ, OURS, SESSIONS, SSL_MODES, TLS_OF_OTHERS

EXAMPLE = "postgresql://user:password@host/database"
_SCHEME = re.compile(r"(?:jdbc:)?(?:postgres|postgresql(?:\+[a-z0-9_]+)?)://", re.IGNORECASE)
_ENCODED = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")
_NO_URL = f"not a URL; {EXAMPLE}, with special characters percent-encoded"
_UNENCODED = f"{_NO_URL}: @ as %40, / as %2F, ? as %3F, # as %23, [ as %5B, % as %25"
_YES = frozenset({"", "1", "on", "require", "t", "true", "y", "yes"})


class _Mistake(Exception):
    """Why the URL cannot be used; without a value of it."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DatabaseUrl:
    """What a DATABASE_URL says. No field appears in a repr."""

    user: str
    """'' without one."""
    password: str | None
    hosts: tuple[tuple[str, str], ...]
    """Host or socket folder, and port; '' where none is written."""
    database: str
    parameters: dict[str, str] = field(default_factory=dict)
    """The parameters for libpq, without host, port, user, password and dbname."""
    dropped: tuple[str, ...] = ()
    """Names of parameters that are not used."""

    def __str__(self) -> str:
        """libpq's URL, everything in it percent-encoded."""
        secret = "" if self.password is None else f":{_encoded(self.password)}"
        login = f"{_encoded(self.user)}{secret}@" if self.user or secret else ""
        hosts = ",".join(_written(host) + (f":{port}" if port else "") for host, port in self.hosts)
        more = "&".join(f"{name}={_encoded(value)}" for name, value in self.parameters.items())
        return f"postgresql://{login}{hosts}/{_encoded(self.database)}" + (f"?{more}" if more else "")

    @property
    def warning(self) -> str:
        """One sentence about what is not used; '' if everything is."""
        if not self.dropped:
            return ""
        said = f"DATABASE_URL: not used: {', '.join(self.dropped)} (of another driver, or set by reconciler itself)"
        if TLS_OF_OTHERS.intersection(name.lower() for name in self.dropped):
            said += "; how the server is verified: sslmode=verify-full&sslrootcert=FILE"
        return said


def parse(url: str) -> tuple[DatabaseUrl | None, str]:
    """The URL's parts and '', or ``None`` and what is wrong with it."""
    try:
        return _parsed(url), ""
    except _Mistake as mistake:
        return None, str(mistake)


def _parsed(url: str) -> DatabaseUrl:
    scheme = _SCHEME.match(url)
    if not scheme:
        raise _Mistake(f"must begin with postgresql://; {EXAMPLE}; the role of our jobs")
    authority, path, query = _split(url[scheme.end() :])
    login, _, hosts = authority.rpartition("@")
    user, has_password, password = login.partition(":")
    given = _parameters(query)
    where = _hosts(hosts) or (("", ""),)
    if "host" in given or "port" in given or not hosts:
        where = _hosts_of_parameters(given, where)
    database = _plain(given.pop("dbname", [""])[-1] or path[1:])
    if not database.strip("/"):
        raise _Mistake(f"names no database; {EXAMPLE}")
    user = given.pop("user", [_plain(user)])[-1]
    secret: str | None = given.pop("password", [_plain(password)])[-1]
    if not secret and not has_password:
        secret = None
    # A secret in the query that is not percent-encoded would be taken for the name of a parameter.
    hidden = "password=" in query or "@" in query
    used, dropped = _chosen({name: values[-1] for name, values in given.items()}, hidden=hidden)
    return DatabaseUrl(
        user=user, password=secret, hosts=where, database=database, parameters=used, dropped=tuple(dropped)
    )


def _split(rest: str) -> tuple[str, str, str]:
    """Authority, path and query; a password with one of ``@/?#`` in it would end in another part."""
    end = next((place for place, letter in enumerate(rest) if letter in "/?#"), len(rest))
    authority, tail = rest[:end], rest[end:]
    path, _, query = tail.partition("?")
    port = authority.rpartition(":")[2] if ":" in authority else ""
    cut_short = "@" in tail and "@" not in authority and (not path or not (port.isdigit() or not port))
    if authority.count("@") > 1 or "@" in path or cut_short or "#" in authority + path or _ENCODED.search(rest):
        raise _Mistake(_UNENCODED)
    if set("[]") & set(authority.rpartition("@")[0]):
        raise _Mistake(_UNENCODED)
    return authority, path, query


def _hosts(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(_host(each) for each in text.split(",")) if text else ()


def _host(text: str) -> tuple[str, str]:
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.]+(?:%25[\w.-]+)?)\](?::(\d*))?", text)
    if bracketed:
        return _plain(bracketed[1]), _port(bracketed[2] or "")
    name, _, port = text.partition(":")
    host = _plain(name)
    if not host.startswith("/"):
        try:
            host.encode("idna")  # the resolver encodes it too, and does not catch the error
        except UnicodeError:
            raise _Mistake(_NO_URL) from None
        if not re.fullmatch(r"[^\s/?#\[\]@:,]*", host):
            raise _Mistake(_NO_URL)
    return host, _port(port)


def _hosts_of_parameters(given: dict[str, list[str]], where: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """``?host=/folder``, ``?host=a,b&port=1,2``, and SQLAlchemy's ``?host=a:1&host=b:2``."""
    hosts = [each for value in given.pop("host", []) for each in value.split(",")]
    ports = [each for value in given.pop("port", []) for each in value.split(",")]
    if hosts:
        where = [(each, "") if each.startswith("/") or each.count(":") > 1 else _host(each) for each in hosts]
    if len(ports) not in (0, 1, len(where)):
        raise _Mistake(f"names {len(where)} hosts and {len(ports)} ports; one port for all of them, or one for each")
    if ports:
        ports = ports * len(where) if len(ports) == 1 else ports
        where = [(host, _port(port) or own) for (host, own), port in zip(where, ports, strict=True)]
    return tuple(where)


def _port(text: str) -> str:
    if text and not (text.isascii() and text.isdigit() and 0 < int(text[:9]) < 65_536):
        raise _Mistake(f"{_UNENCODED}; the port is a number up to 65535")
    return text


def _parameters(query: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in filter(None, query.split("&")):
        name, _, value = each.partition("=")
        found.setdefault(_plain(name), []).append(_plain(value))
    return found


def _chosen(given: dict[str, str], *, hidden: bool) -> tuple[dict[str, str], list[str]]:
    """The parameters for libpq, and the names of those that are dropped."""
    used, dropped, unknown = {}, [], []
    for name, value in given.items():
        # Prisma's sslcert is the certificate of the server's authority; libpq's is our own, and has a key.
        if name in OURS or (name == "sslcert" and "sslkey" not in given):
            dropped.append(name)
        elif name in LIBPQ:
            used[name] = value
        elif name.lower() in ("ssl", "ssl_require"):
            # As libpq does for ssl=true alone: the wish for TLS must not be lost.
            used.setdefault("sslmode", _ssl_mode(name, value))
        elif name.lower() in FOREIGN:
            dropped.append(name)
        else:
            unknown.append(name)
    if unknown:
        raise _Mistake(_said_of_unknown(unknown, hidden=hidden))
    if "sslmode" in given:
        # node-postgres writes no-verify for what libpq calls require.
        used["sslmode"] = "require" if given["sslmode"] == "no-verify" else given["sslmode"]
    _require("sslmode", used.get("sslmode", "require"), SSL_MODES)
    _require("target_session_attrs", used.get("target_session_attrs", "any"), SESSIONS)
    for address in filter(None, used.get("hostaddr", "").split(",")):
        try:
            ip_address(address.partition("%")[0])
        except ValueError:
            raise _Mistake("the parameter hostaddr is no IP address") from None
    return used, dropped


def _ssl_mode(name: str, value: str) -> str:
    if value.lower() in SSL_MODES:
        return value.lower()
    if value.lower() in ("0", "false", "no", "off"):
        return "disable"
    if value.lower() in _YES:
        return "require"
    raise _Mistake(f"the parameter {name} holds no value that is known; sslmode={'|'.join(SSL_MODES)}")


def _require(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise _Mistake(f"the parameter {name} is none of {', '.join(known)}")


def _said_of_unknown(unknown: Sequence[str], *, hidden: bool) -> str:
    shown = []
    for name in unknown:
        if hidden or not _NAME.fullmatch(name):
            shown.append("one whose name is not shown")
            continue
        near = get_close_matches(name.lower(), LIBPQ | OURS, n=1, cutoff=0.8)
        shown.append(f"{name} (did you mean {near[0]}?)" if near else name)
    return (
        f"parameters that neither PostgreSQL's library nor a driver we know has: {', '.join(shown)}; "
        "correct or remove them (PostgreSQL docs, Parameter Key Words)"
    )


def _plain(text: str) -> str:
    try:
        plain = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise _Mistake(_NO_URL) from None
    if "\0" in plain:
        raise _Mistake(_NO_URL)
    return plain


def _encoded(text: str) -> str:
    return quote(text, safe="")


def _written(host: str) -> str:
    return f"[{host.replace('%', '%25')}]" if ":" in host and not host.startswith("/") else _encoded(host)

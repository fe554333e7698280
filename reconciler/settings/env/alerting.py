"""Where alerts go, from the environment: Sentry, on-call routes, dead man's switches."""

import logging
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from reconciler.settings.env.cleaning import foreign_problem
from reconciler.settings.env.reader import ROUTE, SWITCH, VARIABLES, Reader, is_loopback, matching, url_problem
from reconciler.settings.file.mistake import Mistake
from reconciler.settings.file.source import Source
from reconciler.settings.model.cron_file import CronFile

_NAME = re.compile("[A-Z][A-Z0-9_]*")


# No field appears in a repr: every value is a secret.


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ResolveAccess:
    """The credentials for resolving an issue. Sending events does not need them."""

    token: str
    organization: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Sentry:
    dsn: str
    environment: str
    resolving: ResolveAccess | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Oncall:
    """An on-call route."""

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AlertingVariables:
    """The receivers of alerts and check-ins that cron.yaml names besides Sentry."""

    oncall: tuple[Oncall, ...]
    switches: Mapping[str, str]
    """Name of a variable -> its dead man's switch."""


def unnamed(read: Source, file: CronFile) -> Iterator[Mistake]:
    """Mistakes where cron.yaml should name a variable. The value may be the secret itself, so it is not quoted."""
    named: dict[tuple[str | int, ...], str] = {
        ("reporting", "oncall", number): name for number, name in enumerate(file.reporting.oncall)
    }
    named |= {("jobs", job, "alive"): at.alive for job, at in file.running().items() if at.alive is not None}
    for path, name in named.items():
        if not _NAME.fullmatch(name):
            what = "the name of a variable belongs here, such as PAGER_URL, and not the URL itself"
            yield read.mistake(path, what, remedy="keep the URL in a variable, and write the variable's name here")


def take_sentry(reader: Reader) -> Sentry | None:
    dsn = reader.take("SENTRY_DSN", _dsn_problem, wanted=False)
    environment = reader.take("SENTRY_ENVIRONMENT", matching(r"[^\s/]{1,64}", "SENTRY_ENVIRONMENT"), wanted=False)
    resolving = _resolving(reader)
    return Sentry(dsn=dsn, environment=environment or "production", resolving=resolving) if dsn else None


def _resolving(reader: Reader) -> ResolveAccess | None:
    token = reader.take("SENTRY_AUTH_TOKEN", foreign_problem, wanted=False)
    organization = reader.take("SENTRY_ORG", matching(r"[a-z0-9][a-z0-9_-]*", "SENTRY_ORG"), wanted=token is not None)
    url = reader.take("SENTRY_URL", url_problem, wanted=False) or "https://sentry.io"
    return (
        ResolveAccess(token=token, organization=organization, url=url.rstrip("/")) if token and organization else None
    )


def _dsn_problem(value: str) -> str:
    """What is wrong with a DSN: scheme://public key@host/path/project number (Sentry's docs, Data Source Name)."""
    try:
        parts = urlsplit(value)
        key, host, _ = parts.username, parts.hostname, parts.port
    except ValueError:
        return f"not a URL; {VARIABLES['SENTRY_DSN']}"
    project = parts.path.rpartition("/")[2]
    if parts.scheme not in ("http", "https") or not host or not key or not project.isdecimal():
        return f"is no DSN; {VARIABLES['SENTRY_DSN']}, as Sentry shows it in Settings, Client Keys"
    if parts.scheme == "http" and not is_loopback(host):
        return "plain http is accepted for loopback only; use https"
    return ""


def take_listeners(reader: Reader, oncall: Collection[str], switches: Collection[str]) -> AlertingVariables:
    """The values of the variables that cron.yaml names."""
    routes = {name: reader.take(name, _route_problem, holds=ROUTE) for name in oncall}
    pings = {name: reader.take(name, url_problem, holds=SWITCH) for name in switches}
    return AlertingVariables(
        oncall=tuple(Oncall(name=name, url=url) for name, url in routes.items() if url),
        switches={name: url for name, url in pings.items() if url},
    )


_SECOND_URL = re.compile(r"[\s,]+[A-Za-z][\w+.-]*://")


def _route_problem(value: str) -> str:
    if _SECOND_URL.search(value):
        # apprise would take them for one URL, and no route would lead to the second.
        return "holds more than one URL: give each route a name of its own in reporting.oncall"
    # Imported here: the import is slow, and most commands and venues do not need it. Its log would quote the URLs.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    from apprise import Apprise, AppriseAsset

    from reconciler.settings.env.oncall_url import transport_problem

    service = Apprise.instantiate(value, asset=AppriseAsset(http_redirects=False))
    return transport_problem(service) if service else f"is no URL that apprise knows; {ROUTE}"

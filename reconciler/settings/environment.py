"""The environment as types: the names the application uses already, each also as ``NAME_FILE``."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reconciler.domain.gaps import Effect
from reconciler.settings import service_account_key
from reconciler.settings.private_key import UnusableKey

_PLACEHOLDER = re.compile(r"(?i)^(?:<.*>|x{3,}|\.{3,}|changeme|change-me|todo|none|null|your[-_ ].*|.*-here)$")
_YES, _NO = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})
_SCHEMES = ("postgres", "postgresql", "postgresql+psycopg")


# Nothing here shows itself: every value is a secret, an address of a person, or may hold one.


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Twilio:
    account_sid: str
    auth_token: str
    phone_number: str | None
    messaging_service_sid: str | None
    api_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ServiceAccount:
    key: Mapping[str, Any]
    """The key file, repaired."""
    delegate: str | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class OAuthClient:
    client_id: str
    client_secret: str
    refresh_token: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Google:
    access: ServiceAccount | OAuthClient
    calendar_id: str
    api_url: str | None
    token_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Sentry:
    dsn: str
    environment: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Environment:
    """What the environment says. A part that is not wanted is ``None`` and was not looked at."""

    database_url: str
    """For SQLAlchemy with psycopg; always ``postgresql+psycopg://``."""
    twilio: Twilio | None
    google: Google | None
    sentry: Sentry | None
    """``None``: nobody is told but whoever reads the log."""
    suspended: frozenset[Effect]
    """Effects that SUSPEND_ALL_SMS and SUSPEND_ALL_EVENTS forbid."""


VARIABLES = {
    "DATABASE_URL": "postgresql://user:password@host/database; the role of our jobs",
    "TWILIO_ACCOUNT_SID": "AC and 32 hexadecimal digits",
    "TWILIO_AUTH_TOKEN": "the account's token",
    "TWILIO_PHONE_NUMBER": "the sender, as +447700900321; or a messaging service, or both",
    "TWILIO_MESSAGING_SERVICE_SID": "MG and 32 hexadecimal digits",
    "TWILIO_API_URL": "optional: a proxy or stand-in instead of Twilio",
    "GOOGLE_SERVICE_ACCOUNT_KEY": "the service account's key file: JSON or base64 of it; or the next three instead",
    "GOOGLE_CLIENT_ID": "an OAuth client's id, which ends in .apps.googleusercontent.com",
    "GOOGLE_CLIENT_SECRET": "the same client's secret",
    "GOOGLE_REFRESH_TOKEN": "what the same client got when somebody who may write the calendar consented, offline",
    "GOOGLE_CALENDAR_DELEGATE_EMAIL": "optional: whom the service account acts for (domain-wide delegation)",
    "GOOGLE_CALENDAR_ID": "the calendar the application writes to",
    "GOOGLE_API_URL": "optional: a proxy or stand-in instead of Google's API",
    "GOOGLE_TOKEN_URL": "optional: the same for Google's tokens",
    "SENTRY_DSN": "https://key@host/project; without it, what is to be told waits in our ledger",
    "SENTRY_ENVIRONMENT": "optional: production unless it says otherwise",
    "SUSPEND_ALL_SMS": "optional: true stops every text at once; gaps are still found and told",
    "SUSPEND_ALL_EVENTS": "optional: true stops every change of the calendar at once",
    "RECONCILER_CONFIG": "where cron.yaml is; else ./cron.yaml, else all defaults",
}
"""Every variable the product reads, and what stands in it."""


class Reader:
    """Takes variables and gathers every mistake; a value is never quoted, it may be a secret."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.mistakes: list[str] = []

    def take(self, name: str, check: Callable[[str], str] | None = None, *, wanted: bool = True) -> str | None:
        """The variable's value, stripped; ``None`` with a mistake noted if it is wanted and missing, or is wrong."""
        value = self._raw(name)
        if value is None:
            return None
        if not value:
            if wanted:
                self.mistakes.append(f"{name}: not set; {VARIABLES[name]}")
            return None
        if _PLACEHOLDER.match(value):
            self.mistakes.append(f"{name}: still holds a placeholder; {VARIABLES[name]}")
            return None
        problem = check(value) if check else ""
        if problem:
            self.mistakes.append(f"{name}: {problem}")
            return None
        return value

    def named(self, *names: str) -> list[str]:
        """Which of these are set, each as it is set: by itself or as a file's name."""
        return [each for name in names for each in (name, f"{name}_FILE") if self._environ.get(each, "").strip()]

    def _raw(self, name: str) -> str | None:
        """'' if it is not set, ``None`` if a mistake about it was noted."""
        value, file = self._environ.get(name, "").strip(), self._environ.get(f"{name}_FILE", "").strip()
        if value and file:
            self.mistakes.append(f"{name}: set, and {name}_FILE too; keep one")
            return None
        if not file:
            return value
        try:
            value = Path(file).read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError):
            self.mistakes.append(f"{name}_FILE: the file it names cannot be read")
            return None
        if not value:
            self.mistakes.append(f"{name}_FILE: the file it names is empty")
            return None
        return value


def read(environ: Mapping[str, str], *, texts: bool, events: bool) -> tuple[Environment | None, list[str]]:
    """The typed environment, or every mistake in it. ``texts``, ``events``: whether their variables are wanted."""
    reader = Reader(environ)
    url = reader.take("DATABASE_URL", _database_problem)
    twilio = _twilio(reader) if texts else None
    google = _google(reader) if events else None
    sentry = _sentry(reader)
    suspended = _suspended(reader)
    if reader.mistakes or url is None:
        return None, reader.mistakes
    url = _with_driver(url)
    return Environment(database_url=url, twilio=twilio, google=google, sentry=sentry, suspended=suspended), []


def read_sentry(environ: Mapping[str, str]) -> Sentry | None:
    """Where to tell, if that alone can be read: for telling what is wrong with the rest."""
    reader = Reader(environ)
    sentry = _sentry(reader)
    return None if reader.mistakes else sentry


def _sentry(reader: Reader) -> Sentry | None:
    dsn = reader.take("SENTRY_DSN", _dsn_problem, wanted=False)
    environment = reader.take("SENTRY_ENVIRONMENT", _matching(r"[^\s/]{1,64}", "SENTRY_ENVIRONMENT"), wanted=False)
    return Sentry(dsn=dsn, environment=environment or "production") if dsn else None


def _dsn_problem(value: str) -> str:
    """Sentry's docs, Data Source Name: scheme://public key@host/path/project, the project a number."""
    try:
        parts = urlsplit(value)
        key, host, _ = parts.username, parts.hostname, parts.port
    except ValueError:
        return f"not a URL; {VARIABLES['SENTRY_DSN']}"
    project = parts.path.rpartition("/")[2]
    if parts.scheme not in ("http", "https") or not host or not key or not project.isdecimal():
        return f"is no DSN; {VARIABLES['SENTRY_DSN']}, as Sentry shows it in Settings, Client Keys"
    if parts.scheme == "http" and not _is_loopback(host):
        return "plain http is accepted for loopback only; use https"
    return ""


def _suspended(reader: Reader) -> frozenset[Effect]:
    switches = {"SUSPEND_ALL_SMS": Effect.TEXT, "SUSPEND_ALL_EVENTS": Effect.EVENT}
    thrown = {effect: reader.take(name, _switch_problem, wanted=False) for name, effect in switches.items()}
    return frozenset(effect for effect, word in thrown.items() if (word or "").lower() in _YES)


def _switch_problem(value: str) -> str:
    return "" if value.lower() in _YES | _NO else "must be true or false"


def _with_driver(url: str) -> str:
    return "postgresql+psycopg" + url[url.index("://") :]


def _database_problem(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "not a URL; postgresql://user:password@host/database, with special characters percent-encoded"
    if parts.scheme not in _SCHEMES or "://" not in url:
        return f"must begin with postgresql://; {VARIABLES['DATABASE_URL']}"
    return "" if parts.path.strip("/") else "names no database; postgresql://user:password@host/database"


def _matching(pattern: str, name: str) -> Callable[[str], str]:
    return lambda value: "" if re.fullmatch(pattern, value) else f"does not look right; {VARIABLES[name]}"


def _twilio(reader: Reader) -> Twilio | None:
    before = len(reader.mistakes)
    account = reader.take("TWILIO_ACCOUNT_SID", _matching("AC[0-9a-fA-F]{32}", "TWILIO_ACCOUNT_SID"))
    token = reader.take("TWILIO_AUTH_TOKEN")
    number = reader.take("TWILIO_PHONE_NUMBER", _matching(r"\+[1-9][0-9]{6,14}", "TWILIO_PHONE_NUMBER"), wanted=False)
    service = reader.take(
        "TWILIO_MESSAGING_SERVICE_SID", _matching("MG[0-9a-fA-F]{32}", "TWILIO_MESSAGING_SERVICE_SID"), wanted=False
    )
    api_url = reader.take("TWILIO_API_URL", _url_problem, wanted=False)
    sender_was_tried = any(name.startswith(("TWILIO_PHONE", "TWILIO_MESS")) for name in reader.mistakes[before:])
    if not number and not service and not sender_was_tried:
        reader.mistakes.append("TWILIO_PHONE_NUMBER or TWILIO_MESSAGING_SERVICE_SID: neither is set; one is needed")
    if account is None or token is None:
        return None
    return Twilio(
        account_sid=account,
        auth_token=token,
        phone_number=number,
        messaging_service_sid=service,
        api_url=api_url,
    )


def _google(reader: Reader) -> Google | None:
    access = _google_access(reader)
    calendar = reader.take("GOOGLE_CALENDAR_ID")
    api_url = reader.take("GOOGLE_API_URL", _url_problem, wanted=False)
    token_url = reader.take("GOOGLE_TOKEN_URL", _url_problem, wanted=False)
    if access is None or calendar is None:
        return None
    return Google(access=access, calendar_id=calendar, api_url=api_url, token_url=token_url)


_KEY, _DELEGATE = "GOOGLE_SERVICE_ACCOUNT_KEY", "GOOGLE_CALENDAR_DELEGATE_EMAIL"
_CONSENT = ("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "GOOGLE_REFRESH_TOKEN")


def _google_access(reader: Reader) -> ServiceAccount | OAuthClient | None:
    """One of the two ways to authenticate: which of both is meant would be a guess."""
    key, consent = reader.named(_KEY), reader.named(*_CONSENT)
    if key and consent:
        reader.mistakes.append(
            f"{_KEY} or {', '.join(_CONSENT)}: both ways to authenticate are set; "
            f"remove {' and '.join(key)}, or remove {' and '.join(consent)}"
        )
        return None
    if not key and not consent:
        reader.mistakes.append(
            f"{_KEY} or {', '.join(_CONSENT)}: neither a service account's key nor an OAuth client with its refresh "
            "token is set; one of the two ways is needed"
        )
        return None
    return _service_account(reader) if key else _oauth_client(reader)


def _service_account(reader: Reader) -> ServiceAccount | None:
    value, delegate = reader.take(_KEY), reader.take(_DELEGATE, wanted=False)
    if value is None:
        return None
    try:
        key = service_account_key.repaired(value)
    except UnusableKey as problem:
        reader.mistakes.append(f"{_KEY}: {problem}")
        return None
    problem_of_url = _url_problem(key["token_uri"])
    if problem_of_url:
        reader.mistakes.append(f"{_KEY}: its token_uri: {problem_of_url}")
        return None
    return ServiceAccount(key=key, delegate=delegate)


def _oauth_client(reader: Reader) -> OAuthClient | None:
    client_id = reader.take("GOOGLE_CLIENT_ID", _matching(r"[\w.-]+\.apps\.googleusercontent\.com", "GOOGLE_CLIENT_ID"))
    secret = reader.take("GOOGLE_CLIENT_SECRET", _matching(r"[!-~]+", "GOOGLE_CLIENT_SECRET"))
    token = reader.take("GOOGLE_REFRESH_TOKEN", _refresh_token_problem)
    for name in reader.named(_DELEGATE):
        reader.mistakes.append(
            f"{name}: only a service account acts for somebody else, a refresh token for whoever consented; remove it, "
            f"or set {_KEY} instead of {', '.join(_CONSENT)}"
        )
    if client_id is None or secret is None or token is None:
        return None
    return OAuthClient(client_id=client_id, client_secret=secret, refresh_token=token)


def _refresh_token_problem(value: str) -> str:
    if value.startswith("ya29."):
        return f"an access token, which lasts an hour; {VARIABLES['GOOGLE_REFRESH_TOKEN']}"
    if value.startswith("4/"):
        return f"a code to exchange once, not what it is exchanged for; {VARIABLES['GOOGLE_REFRESH_TOKEN']}"
    return _matching(r"[!-~]+", "GOOGLE_REFRESH_TOKEN")(value)


def _url_problem(value: str) -> str:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return "not a URL"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "must be an http(s) URL"
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        return "plain http is accepted for loopback only; use https"
    return ""


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

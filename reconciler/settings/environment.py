"""The environment as types: the names the application uses already, each also as ``NAME_FILE``."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from reconciler.domain.gaps import Effect
from reconciler.settings.google_variables import Google, read_google
from reconciler.settings.variables import VARIABLES, Reader, is_loopback, matching, url_problem

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


def read(environ: Mapping[str, str], *, texts: bool, events: bool) -> tuple[Environment | None, list[str]]:
    """The typed environment, or every mistake in it. ``texts``, ``events``: whether their variables are wanted."""
    reader = Reader(environ)
    url = reader.take("DATABASE_URL", _database_problem)
    twilio = _twilio(reader) if texts else None
    google = read_google(reader) if events else None
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
    environment = reader.take("SENTRY_ENVIRONMENT", matching(r"[^\s/]{1,64}", "SENTRY_ENVIRONMENT"), wanted=False)
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
    if parts.scheme == "http" and not is_loopback(host):
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
        (parts.hostname or "").encode("idna")  # what the driver does with it, who lets the error through
    except ValueError:
        return "not a URL; postgresql://user:password@host/database, with special characters percent-encoded"
    if parts.scheme not in _SCHEMES or "://" not in url:
        return f"must begin with postgresql://; {VARIABLES['DATABASE_URL']}"
    return "" if parts.path.strip("/") else "names no database; postgresql://user:password@host/database"


def _twilio(reader: Reader) -> Twilio | None:
    before = len(reader.mistakes)
    account = reader.take("TWILIO_ACCOUNT_SID", matching("AC[0-9a-fA-F]{32}", "TWILIO_ACCOUNT_SID"))
    token = reader.take("TWILIO_AUTH_TOKEN")
    number = reader.take("TWILIO_PHONE_NUMBER", matching(r"\+[1-9][0-9]{6,14}", "TWILIO_PHONE_NUMBER"), wanted=False)
    service = reader.take(
        "TWILIO_MESSAGING_SERVICE_SID", matching("MG[0-9a-fA-F]{32}", "TWILIO_MESSAGING_SERVICE_SID"), wanted=False
    )
    api_url = reader.take("TWILIO_API_URL", url_problem, wanted=False)
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

"""The environment as types. Variables have the application's own names, and each can be set as ``NAME_FILE``."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from reconciler.domain.gaps import Effect
from reconciler.settings.env.alerting import AlertingVariables, Sentry, take_listeners, take_sentry
from reconciler.settings.env.google import Google, read_google
from reconciler.settings.env.reader import VARIABLES, Reader, matching, url_problem

_YES, _NO = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})
SHORTEST_TOKEN = 16
_SCHEMES = ("postgres", "postgresql", "postgresql+psycopg")


# No field appears in a repr: every value is or may contain a secret or a person's address.


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Twilio:
    account_sid: str
    auth_token: str
    phone_number: str | None
    messaging_service_sid: str | None
    api_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Environment:
    """The values of the environment. A part that is not needed is ``None`` and was not read."""

    database_url: str
    """SQLAlchemy's URL for psycopg: always ``postgresql+psycopg://``. '' if it is missing and not needed."""
    twilio: Twilio | None
    google: Google | None
    sentry: Sentry | None
    """``None``: alerts appear in the log only."""
    listeners: AlertingVariables
    suspended: frozenset[Effect]
    """Effects that SUSPEND_ALL_SMS and SUSPEND_ALL_EVENTS forbid."""
    token: str | None
    """The token of the status page. ``None``: the page needs no token and listens on loopback only."""

    @property
    def database_user(self) -> str | None:
        """The user in DATABASE_URL."""
        return unquote(urlsplit(self.database_url).username or "") or None


def read(
    environ: Mapping[str, str],
    *,
    texts: bool,
    events: bool,
    database: bool = True,
    oncall: Collection[str] = (),
    switches: Collection[str] = (),
) -> tuple[Environment | None, list[str]]:
    """The typed environment, or every mistake in it. ``texts``, ``events``, ``database``: the needed parts.

    ``oncall`` and ``switches``: the variables that cron.yaml names.
    """
    reader = Reader(environ)
    url = reader.take("DATABASE_URL", _database_problem, wanted=database)
    twilio = _twilio(reader) if texts else None
    google = read_google(reader) if events else None
    sentry = take_sentry(reader)
    listeners = take_listeners(reader, oncall, switches)
    suspended = _suspended(reader)
    token = reader.take("RECONCILER_TOKEN", _token_problem, wanted=False)
    if reader.mistakes:
        return None, reader.mistakes
    return Environment(
        database_url=_with_driver(url) if url else "",
        twilio=twilio,
        google=google,
        sentry=sentry,
        listeners=listeners,
        suspended=suspended,
        token=token,
    ), []


def read_sentry(environ: Mapping[str, str]) -> Sentry | None:
    """Sentry's part alone, if it is valid: it is needed to alert about mistakes in the other settings."""
    reader = Reader(environ)
    sentry = take_sentry(reader)
    return None if reader.mistakes else sentry


def _suspended(reader: Reader) -> frozenset[Effect]:
    switches = {"SUSPEND_ALL_SMS": Effect.SMS, "SUSPEND_ALL_EVENTS": Effect.CALENDAR}
    thrown = {effect: reader.take(name, _switch_problem, wanted=False) for name, effect in switches.items()}
    return frozenset(effect for effect, word in thrown.items() if (word or "").lower() in _YES)


def _switch_problem(value: str) -> str:
    return "" if value.lower() in _YES | _NO else "must be true or false"


def _token_problem(value: str) -> str:
    if len(value) < SHORTEST_TOKEN:
        return f"shorter than {SHORTEST_TOKEN} characters: it could be guessed; openssl rand -hex 24 makes one"
    return (
        ""
        if value.isascii() and value.isprintable()
        else "holds characters that browsers and proxies write differently"
    )


def _with_driver(url: str) -> str:
    return "postgresql+psycopg" + url[url.index("://") :]


def _database_problem(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
        (parts.hostname or "").encode("idna")  # the driver encodes it too, and does not catch the error
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

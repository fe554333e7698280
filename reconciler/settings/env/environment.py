"""The environment as types. Variables have the application's own names, and each can be set as ``NAME_FILE``."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from reconciler.settings.env.alerting import AlertingVariables, Sentry, take_listeners, take_sentry
from reconciler.settings.env.providers import Providers, read_providers
from reconciler.settings.env.reader import VARIABLES, Reader

SHORTEST_TOKEN = 16
_SCHEMES = ("postgres", "postgresql", "postgresql+psycopg")


# No field appears in a repr: every value is or may contain a secret or a person's address.


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Environment:
    """The values of the environment. A part that is not needed, or that cannot be used, is ``None``."""

    database_url: str
    """SQLAlchemy's URL for psycopg: always ``postgresql+psycopg://``. '' if it is missing and not needed."""
    owner_url: str
    """The same for the owner of the application's tables. '' if OWNER_URL is missing, or no URL."""
    providers: Providers
    sentry: Sentry | None
    """``None``: alerts appear in the log only."""
    listeners: AlertingVariables
    token: str | None
    """The token of the status page. ``None``: the page needs no token and listens on loopback only."""
    mistakes: tuple[str, ...]
    """Mistakes in variables that are neither DATABASE_URL nor a provider's. They do not stop a look."""

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
    may_be_unset: bool = False,
    oncall: Collection[str] = (),
    switches: Collection[str] = (),
) -> tuple[Environment, list[str]]:
    """The typed environment, and the mistakes in DATABASE_URL. ``texts``, ``events``, ``database``: the needed parts.

    ``may_be_unset``: no variable of a provider needs to be set. ``oncall`` and ``switches``: the variables that
    cron.yaml names.
    """
    needed, others = Reader(environ), Reader(environ)
    url = needed.take("DATABASE_URL", _database_problem, wanted=database)
    sentry = take_sentry(others)
    listeners = take_listeners(others, oncall, switches)
    token = others.take("RECONCILER_TOKEN", token_problem, wanted=False)
    return Environment(
        database_url=_with_driver(url) if url else "",
        owner_url=_owner_url(environ),
        providers=read_providers(environ, texts=texts, events=events, may_be_unset=may_be_unset),
        sentry=sentry,
        listeners=listeners,
        token=token,
        mistakes=tuple(others.mistakes),
    ), needed.mistakes


def read_sentry(environ: Mapping[str, str]) -> Sentry | None:
    """Sentry's part alone, if it is valid: it is needed to alert about mistakes in the other settings."""
    reader = Reader(environ)
    sentry = take_sentry(reader)
    return None if reader.mistakes else sentry


def token_problem(value: str) -> str:
    if len(value) < SHORTEST_TOKEN:
        return f"shorter than {SHORTEST_TOKEN} characters: it could be guessed; openssl rand -hex 24 makes one"
    return (
        ""
        if value.isascii() and value.isprintable()
        else "holds characters that browsers and proxies write differently"
    )


def _owner_url(environ: Mapping[str, str]) -> str:
    """psql takes more than URLs: what we cannot read is no mistake."""
    url = Reader(environ).take("OWNER_URL", _database_problem, wanted=False)
    return _with_driver(url) if url else ""


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

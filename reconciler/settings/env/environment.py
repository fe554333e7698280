"""The environment as types. Variables have the application's own names, and each can be set as ``NAME_FILE``."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from reconciler.settings.env import database_url
from reconciler.settings.env.alerting import AlertingVariables, Sentry, take_listeners, take_sentry
from reconciler.settings.env.cleaning import foreign_problem
from reconciler.settings.env.providers import Providers, read_providers
from reconciler.settings.env.reader import Reader

SHORTEST_TOKEN = 16


# No field appears in a repr: every value is or may contain a secret or a person's address.


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Environment:
    """The values of the environment. A part that is not needed, or that cannot be used, is ``None``."""

    database_url: str
    """As PostgreSQL's own library reads it, without the parameters of other drivers. '' if it is missing or wrong."""
    database_user: str | None
    """The user in DATABASE_URL."""
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
    warnings: tuple[str, ...] = ()
    """What is set, and not used."""


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
    parts = database_url.parse(url)[0] if url else None
    sentry = take_sentry(others)
    listeners = take_listeners(others, oncall, switches)
    token = others.take("RECONCILER_TOKEN", token_problem, wanted=False)
    return Environment(
        database_url=str(parts) if parts else "",
        database_user=(parts.user or None) if parts else None,
        owner_url=_owner_url(environ),
        providers=read_providers(environ, texts=texts, events=events, may_be_unset=may_be_unset),
        sentry=sentry,
        listeners=listeners,
        token=token,
        mistakes=tuple(others.mistakes),
        warnings=(parts.warning,) if parts and parts.warning else (),
    ), needed.mistakes


def read_sentry(environ: Mapping[str, str]) -> Sentry | None:
    """Sentry's part alone, if it is valid: it is needed to alert about mistakes in the other settings."""
    reader = Reader(environ)
    sentry = take_sentry(reader)
    return None if reader.mistakes else sentry


def token_problem(value: str) -> str:
    if len(value) < SHORTEST_TOKEN:
        return f"shorter than {SHORTEST_TOKEN} characters: it could be guessed; openssl rand -hex 24 makes one"
    return foreign_problem(value)


def _owner_url(environ: Mapping[str, str]) -> str:
    """psql takes more than URLs: what we cannot read is no mistake."""
    url = Reader(environ).take("OWNER_URL", _database_problem, wanted=False, holds=database_url.EXAMPLE)
    return str(database_url.parse(url)[0]) if url else ""


def _database_problem(url: str) -> str:
    return database_url.parse(url)[1]

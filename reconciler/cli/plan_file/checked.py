"""Whether a plan may be applied here and now: the same installation, database and accounts, and not long ago."""

from datetime import UTC, datetime
from pathlib import Path

from reconciler.cli.plan_file.document import AGAIN, PlanDocument
from reconciler.domain.decide.plan import GOOD_FOR
from reconciler.domain.hashing import digest
from reconciler.errors import ConfigurationError
from reconciler.ports import Services
from reconciler.settings import Settings


def here(settings: Settings, services: Services) -> dict[str, str]:
    """Where a plan is made and applied, as digests: a file leaves the machine.

    Raises:
        ConfigurationError: there is no ledger that a plan could be bound to.
        DatabaseDisagrees: our own schema is at another revision.
    """
    with services.store.reading() as tx:
        if not tx.ledger.exists():
            raise ConfigurationError(["a plan is bound to the ledger, and there is none yet"], "reconciler migrate")
        installation, place = tx.ledger.installation().id, tx.places.view().known
    return {
        "installation": digest("plan", installation),
        "database": digest("plan", installation, place.system, str(place.database)),
        "accounts": digest("plan", installation, settings.accounts_digest()),
        "scope": services.runner.scope,
    }


_OTHER = {
    "installation": ("of another installation", "apply it where it was made"),
    "database": ("of another database: this one is a copy, or was moved", AGAIN),
    "accounts": ("made for another sender or calendar", AGAIN),
    "scope": ("made under another bookings.only", AGAIN),
}


def require_valid(document: PlanDocument, path: Path, settings: Settings, services: Services, now: datetime) -> None:
    """Raises:
    ConfigurationError: the plan is not for this place, or is too old.
    """
    seen = here(settings, services)
    for name, (what, remedy) in _OTHER.items():
        if getattr(document, name) != seen[name]:
            raise ConfigurationError([f"{path}: is {what}"], remedy)
    if now - document.made_at > GOOD_FOR:
        made = f"{document.made_at.astimezone(UTC):%Y-%m-%d %H:%M}Z"
        raise ConfigurationError([f"{path}: was made at {made}; a plan is good for {GOOD_FOR.days} days"], AGAIN)

"""Causes are systemic before they are single: is the provider there at all, and what is broken if not?"""

from collections.abc import Collection
from datetime import datetime

from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.engine.mender import Mender
from reconciler.engine.results import Mended
from reconciler.errors import DatabaseDisagrees, DatabaseUnreachable
from reconciler.ports import ProviderFailure, Services, Transaction


def fault_of(mender: Mender) -> IntegrationFault | None:
    """What would break every repair of this effect; also if the provider could not be asked."""
    try:
        return mender.check()
    except ProviderFailure as failure:
        return unreachable(mender, failure)


def unreachable(mender: Mender, failure: ProviderFailure) -> IntegrationFault:
    return IntegrationFault(
        kind=mender.integration,
        code=failure.outcome.code,
        seen=f"the provider could not be asked ({failure.outcome.code})",
        remedy="nothing was sent; the next pass tries again",
        transient=True,
    )


def disagreement(error: DatabaseDisagrees) -> IntegrationFault:
    """The database refused the look itself: nothing that follows from it can be trusted."""
    return IntegrationFault(
        kind=GapKind.INTEGRATION_SCHEMA, code=error.code, seen=str(error), remedy=error.advice, blinds=True
    )


def unreachable_database(error: DatabaseUnreachable) -> IntegrationFault:
    return IntegrationFault(
        kind=GapKind.INTEGRATION_DATABASE, code="unreachable", seen=str(error), remedy=error.advice, transient=True
    )


def diagnosis(mender: Mender, end: Mended) -> IntegrationFault:
    """Why a repair ended *broken*, as precisely as the provider's own check can say it."""
    return fault_of(mender) or IntegrationFault(
        kind=mender.integration,
        code=end.reason,
        seen=f"the provider refuses what we ask ({end.reason})",
        remedy="look the code up in the provider's documentation; no other booking would fare better",
    )


def subject_of(mender: Mender, services: Services) -> str:
    """What an integration's gap is about: the effect it blocks, and for whom, if several share the database."""
    return f"{mender.effect} {services.runner.scope}".rstrip()


def record_faults(
    tx: Transaction, about: str, faults: Collection[IntegrationFault], checked: Collection[GapKind], now: datetime
) -> None:
    """One gap per broken integration and subject; a kind that was ``checked`` and is well closes its own."""
    found = {kind: [fault for fault in faults if fault.kind is kind] for kind in {fault.kind for fault in faults}}
    for kind in checked:
        if kind not in found:
            tx.ledger.close_gap(kind, about, "well", now)
    for kind in sorted(found):
        tx.ledger.record_faults(kind, about, found[kind], now)

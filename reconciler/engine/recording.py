"""The plan into the ledger, before anything happens outside: gaps opened and closed, intents planned and dropped."""

from datetime import datetime

from reconciler.domain.intents import State
from reconciler.domain.plan import Decision
from reconciler.domain.verdicts import Standing
from reconciler.engine.mender import Mender
from reconciler.engine.survey import Survey
from reconciler.ports import NewIntent, Transaction


def record_plan(tx: Transaction, mender: Mender, seen: Survey, now: datetime) -> None:
    for booking, by in seen.mended_otherwise.items():
        tx.ledger.close_gap(mender.kind, booking, by, now)
        tx.ledger.drop_planned(mender.effect, booking, by, now)
    if seen.plan is None:
        return
    for decision in seen.plan.decisions:
        _record_decision(tx, mender, seen, decision, now)
    tx.ledger.plan(
        [
            NewIntent(booking=d.booking.id, effect=mender.effect, trigger=d.trigger, subject=d.subject)
            for d in seen.plan.repairs
        ],
        now,
    )


def _record_decision(tx: Transaction, mender: Mender, seen: Survey, decision: Decision, now: datetime) -> None:
    verdict, booking = decision.verdict, decision.booking.id
    if verdict.cause is None:
        tx.ledger.close_gap(mender.kind, booking, verdict.reason, now)
        return
    tx.ledger.record_gap(mender.kind, booking, verdict.cause, verdict.reason, now)
    last = seen.intents.get(booking)
    waits_for_another_look = last is not None and last.state is State.PLANNED and last.code == verdict.reason
    if verdict.standing is Standing.REFUSED and not waits_for_another_look:
        tx.ledger.drop_planned(mender.effect, booking, verdict.reason, now)

"""Intents and their moves.

All moves of a claimed intent go through one UPDATE (``intent_sql.MOVE``). It is guarded by the claim token and by the
domain's table of legal moves. If it changes no row, another process has the intent.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.breaker import PlannedBy
from reconciler.domain.gaps import Cause, Effect
from reconciler.domain.intents import (
    BY_A_PERSON,
    HANDED_OVER,
    LEGAL_MOVES,
    LONGEST_PAUSE,
    Intent,
    IntentId,
    State,
)
from reconciler.ports import NewIntent
from reconciler.store.ledger import intent_sql
from reconciler.store.ledger.lock_order import batches, in_lock_order
from reconciler.store.ledger.sources import SourceKey

_NO_CHANGES: Mapping[str, object] = {
    **dict.fromkeys(
        ("cause", "provider_id", "not_before", "settle", "lease", "subject", "account", "starts_at", "first_tried_at")
    ),
    "attempts": 0,
    "handed_over": False,
    "proved_absent": False,
    "failed": False,
}
"""What ``intent_sql.MOVE`` binds beside the guard, the state and the code, unless a move changes it."""

_WITHOUT_CALL = ["adopted", "found", "own_row"]
"""Codes of intents that are *done* although no call of theirs was accepted."""


@dataclass(frozen=True, slots=True)
class PostgresIntents:
    """``ports.Intents`` over one connection in one transaction."""

    connection: Connection
    scope: str
    """Our part of the bookings, if several processes share the table."""
    source_key: SourceKey

    def latest(
        self, effect: Effect, bookings: Collection[BookingId], final: Collection[str] | None = ()
    ) -> Mapping[BookingId, Intent]:
        values = {"effect": effect, "bookings": sorted(bookings), "every": final is None, "final": list(final or ())}
        rows = self._rows(intent_sql.LATEST, **values, source=self._source)
        return {intent.booking: intent for intent in map(intent_of, rows)}

    def in_state(self, effect: Effect, *states: State) -> Sequence[Intent]:
        values = {"effect": effect, "states": list(states)}
        return [intent_of(row) for row in self._rows(intent_sql.IN_STATE, **self._ours, **values)]

    def done_since(self, effect: Effect, since: datetime) -> Sequence[Intent]:
        return [intent_of(row) for row in self._rows(intent_sql.DONE_SINCE, **self._ours, effect=effect, since=since)]

    def texted(self, recipients: Collection[str], since: datetime) -> Sequence[tuple[str, datetime]]:
        rows = self._rows(intent_sql.TEXTED, recipients=list(recipients), since=since)
        return [(row["recipient"], row["at"]) for row in rows]

    def done(self, effect: Effect, booking: BookingId, incarnation: int) -> Intent | None:
        values = {"source": self._source, "effect": effect, "booking": booking, "incarnation": incarnation}
        return self._one(intent_sql.DONE, **values)

    def confirm_never_arrived(self, intent: Intent, wait: timedelta, now: datetime) -> None:
        self.connection.execute(intent_sql.NEVER_ARRIVED, {"id": intent.id, "wait": wait, "now": now})

    def confirm_done(self, intent: Intent, now: datetime) -> None:
        self.connection.execute(intent_sql.CONFIRM_DONE, {"id": intent.id, "now": now})

    def mark_effect_gone(self, intent: Intent, code: str, now: datetime) -> None:
        self.connection.execute(intent_sql.EFFECT_GONE, {"id": intent.id, "code": code, "now": now})

    def names_event(self, event_id: str, besides: BookingId) -> bool:
        asked = {"event": event_id, "booking": besides, "source": self._source}
        return bool(self.connection.scalar(intent_sql.NAMES_EVENT, asked))

    def plan(self, intents: Sequence[NewIntent], now: datetime) -> None:
        many = [
            {
                "id": str(uuid.uuid4()),
                "scope": self.scope,
                "booking": new.booking,
                "effect": new.effect,
                "trigger": new.trigger,
                "subject": new.subject,
                "source": self._source,
                "incarnation": new.incarnation,
                "recipient": new.recipient,
                "starts_at": new.starts_at,
                "planned_by": new.planned_by,
                "now": now,
            }
            for _, new in in_lock_order({new.booking: new for new in intents})
        ]
        if many:
            for statement in (intent_sql.DROP_OTHER_TRIGGERS, intent_sql.REFRESH, intent_sql.PLAN):
                self.connection.execute(statement, many)

    def begun_since(self, effect: Effect, planned_by: PlannedBy, since: datetime) -> int:
        values = {"source": self._source, "effect": effect, "planned_by": planned_by, "since": since}
        return int(self.connection.scalar(intent_sql.BEGUN_SINCE, {**values, "without_call": _WITHOUT_CALL}) or 0)

    def drop_planned(self, effect: Effect, bookings: Mapping[BookingId, str], now: datetime) -> None:
        for some in batches(bookings):
            shared = {"source": self._source, "effect": effect, "now": now}
            many = [{**shared, "booking": booking, "code": code} for booking, code in some]
            self.connection.execute(intent_sql.DROP_PLANNED, many)

    def abandon_expired(self, effect: Effect, settle: timedelta, now: datetime) -> None:
        self.connection.execute(
            intent_sql.ABANDON, {"scope": self.scope, "effect": effect, "settle": settle, "now": now}
        )

    def reopen(self, intents: Collection[Intent], now: datetime) -> None:
        self.connection.execute(intent_sql.REOPEN, {"ids": sorted(intent.id for intent in intents), "now": now})

    def claim_unsettled(self, effect: Effect, examined_before: datetime, lease: timedelta) -> Intent | None:
        claim = str(uuid.uuid4())
        values = {**self._ours, "effect": effect, "examined_before": examined_before, "lease": lease}
        return self._one(intent_sql.CLAIM_UNSETTLED, claim=claim, **values)

    def retry_settling(self, intent: Intent, code: str, wait: timedelta, now: datetime) -> None:
        values = {"id": intent.id, "claim": intent.claim, "code": code, "wait": wait, "now": now}
        self.connection.execute(intent_sql.RETRY_SETTLING, values)

    def used_provider_ids(self, effect: Effect, provider_ids: Collection[str]) -> frozenset[str]:
        values = {"effect": effect, "ids": sorted(provider_ids)}
        return frozenset(self.connection.scalars(intent_sql.USED_PROVIDER_IDS, values)) if provider_ids else frozenset()

    def history(self, booking: BookingId) -> Sequence[Intent]:
        return [intent_of(row) for row in self._rows(intent_sql.HISTORY, source=self._source, booking=booking)]

    def unsettled(self) -> Sequence[Intent]:
        return [intent_of(row) for row in self._rows(intent_sql.UNSETTLED)]

    def beginning_with(self, prefix: str, limit: int) -> Sequence[Intent]:
        return [intent_of(row) for row in self._rows(intent_sql.BEGINNING_WITH, prefix=prefix.lower(), limit=limit)]

    def resolve(self, intent: Intent, to: State, now: datetime, provider_id: str | None) -> Intent | None:
        return self._one(intent_sql.RESOLVE, id=intent.id, to=to, code=BY_A_PERSON, now=now, provider_id=provider_id)

    def claim(
        self,
        effect: Effect,
        bookings: Collection[BookingId],
        examined_before: datetime,
        lease: timedelta,
        now: datetime,
    ) -> Intent | None:
        return self._one(
            intent_sql.CLAIM,
            source=self._source,
            effect=effect,
            bookings=sorted(bookings),
            examined_before=examined_before,
            lease=lease,
            now=now,
            nonsense=now + LONGEST_PAUSE,
            claim=str(uuid.uuid4()),
        )

    def known(self, intents: Collection[str]) -> frozenset[str]:
        rows = self._rows(intent_sql.KNOWN, ids=sorted(intents)) if intents else ()
        return frozenset(row["id"] for row in rows)

    def begin_sending(
        self,
        intent: Intent,
        lease: timedelta,
        now: datetime,
        *,
        subject: str | None = None,
        account: str | None = None,
        starts_at: datetime | None = None,
        first_tried_at: datetime | None = None,
    ) -> Intent | None:
        self.connection.execute(intent_sql.DURABLE)
        changes = {
            "attempts": 1,
            "lease": lease,
            "subject": subject,
            "account": account,
            "starts_at": starts_at,
            "first_tried_at": first_tried_at,
        }
        return self._move(intent, State.SENDING, "", now, changes)

    def mark_done(self, intent: Intent, provider_id: str | None, code: str, now: datetime) -> Intent | None:
        return self._move(intent, State.DONE, code, now, {"provider_id": provider_id})

    def mark_handed_over(self, intent: Intent, queue_row: str, now: datetime) -> Intent | None:
        changes = {"provider_id": queue_row, "handed_over": True}
        return self._move(intent, State.DONE, HANDED_OVER, now, changes)

    def mark_refused(self, intent: Intent, code: str, cause: Cause | None, now: datetime) -> Intent | None:
        return self._move(intent, State.REFUSED, code, now, {"cause": cause})

    def mark_unknown(self, intent: Intent, code: str, settle: timedelta, now: datetime) -> Intent | None:
        return self._move(intent, State.UNKNOWN, code, now, {"settle": settle})

    def plan_again(
        self, intent: Intent, code: str, not_before: datetime, now: datetime, *, counts: bool
    ) -> Intent | None:
        changes = {"not_before": not_before, "attempts": 0 if counts else -1, "proved_absent": True}
        return self._move(intent, State.PLANNED, code, now, changes)

    def others_accepted(self, intent: Intent) -> bool:
        values = {"id": intent.id, "without_call": _WITHOUT_CALL}
        return bool(self.connection.scalar(intent_sql.OTHERS_ACCEPTED, values))

    def take_back_attempt(
        self, intent: Intent, code: str, cause: Cause | None, not_before: datetime | None, now: datetime
    ) -> Intent | None:
        changes = {"attempts": -1, "cause": cause, "not_before": not_before, "failed": True}
        return self._move(intent, State.PLANNED, code, now, changes)

    def drop(self, intent: Intent, code: str, now: datetime) -> Intent | None:
        return self._move(intent, State.DROPPED, code, now, {})

    def need_human(
        self, intent: Intent, code: str, cause: Cause, now: datetime, *, provider_id: str | None = None
    ) -> Intent | None:
        return self._move(intent, State.NEEDS_HUMAN, code, now, {"cause": cause, "provider_id": provider_id})

    def _move(
        self, intent: Intent, to: State, code: str, now: datetime, changes: Mapping[str, object]
    ) -> Intent | None:
        """The one guarded UPDATE. ``None`` if the claim is not ours any more or the move is not legal."""
        before = [was for was, moves in LEGAL_MOVES.items() if to in moves]
        guard = {"id": intent.id, "claim": intent.claim, "from": before}
        return self._one(intent_sql.MOVE, **{**_NO_CHANGES, **changes, **guard, "to": to, "code": code, "now": now})

    def release(self, intent: Intent, code: str, now: datetime) -> None:
        self.connection.execute(intent_sql.RELEASE, {"id": intent.id, "claim": intent.claim, "code": code, "now": now})

    def lease_left(self, intent: Intent) -> timedelta:
        left: timedelta | None = self.connection.scalar(intent_sql.LEASE_LEFT, {"id": intent.id, "claim": intent.claim})
        return left if left is not None else timedelta(0)

    @property
    def _source(self) -> str:
        return self.source_key.of(self.connection)

    @property
    def _ours(self) -> dict[str, str]:
        return {"scope": self.scope, "source": self._source}

    def _rows(self, statement: Any, **values: object) -> Sequence[RowMapping]:
        return self.connection.execute(statement, values).mappings().all()

    def _one(self, statement: Any, **values: object) -> Intent | None:
        row = self.connection.execute(statement, values).mappings().first()
        return intent_of(row) if row else None


def intent_of(row: RowMapping) -> Intent:
    """The intent of a row of ``intent_sql.COLUMNS``."""
    return Intent(
        id=IntentId(row["id"]),
        booking=BookingId(row["booking"]),
        effect=Effect(row["effect"]),
        trigger=row["trigger"],
        generation=row["generation"],
        state=State(row["state"]),
        attempts=row["attempts"],
        subject=row["subject"],
        code=row["code"],
        cause=Cause(row["cause"]) if row["cause"] else None,
        provider_id=row["provider_id"],
        not_before=row["not_before"],
        attempted_at=row["attempted_at"],
        account=row["account"],
        settle_tries=row["settle_tries"],
        claim=row["claim"],
        effect_gone=row["effect_gone"],
        resolved_by_person=row["resolved_by_person"],
        handed_over=row["handed_over"],
        updated_at=row["updated_at"],
        tenant=row["tenant"],
        source=row["source"],
        incarnation=row["incarnation"],
        recipient=row["recipient"],
        starts_at=row["starts_at"],
        any_occasion=row["any_occasion"],
    )

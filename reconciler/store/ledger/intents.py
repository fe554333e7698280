"""Intents and their moves.

All moves of a claimed intent go through one UPDATE (``_MOVE``). It is guarded by the claim token and by the domain's
table of legal moves. If it changes no row, another process has the intent.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from reconciler.domain.bookings import BookingId
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
from reconciler.store.ledger.lock_order import in_lock_order

_COLUMNS = (
    "id::text AS id, booking, effect, trigger, generation, state, attempts, subject, code, cause, provider_id, "
    "not_before, attempted_at, account, settle_tries, claim::text AS claim, effect_gone, resolved_by_person, "
    "handed_over"
)
_FREE = "(leased_until IS NULL OR leased_until < clock_timestamp())"

_LATEST = text(f"""
    SELECT DISTINCT ON (booking) {_COLUMNS} FROM reconciler.intent
    WHERE effect = :effect AND booking = ANY(:bookings)
    ORDER BY booking,
             CASE WHEN state IN ('sending', 'unknown', 'needs_human') THEN 0
                  WHEN state = 'done' AND NOT handed_over
                       AND (CAST(:every AS boolean) OR trigger = ANY(:final)) THEN 1
                  WHEN state = 'planned' THEN 2 ELSE 3 END,
             created_at DESC, generation DESC
""")
_IN_STATE = text(f"""
    SELECT {_COLUMNS} FROM reconciler.intent WHERE scope = :scope AND effect = :effect AND state = :state
    ORDER BY coalesce(examined_at, created_at), id
""")
_DONE = text(f"""
    SELECT {_COLUMNS} FROM reconciler.intent WHERE effect = :effect AND booking = :booking AND state = 'done'
    ORDER BY generation DESC LIMIT 1
""")
_DONE_SINCE = text(f"""
    SELECT {_COLUMNS} FROM reconciler.intent
    WHERE scope = :scope AND effect = :effect AND state = 'done' AND updated_at >= :since
      AND NOT effect_gone
    ORDER BY updated_at, id
""")
_MAY_STILL_ARRIVE = text(f"""
    SELECT {_COLUMNS} FROM reconciler.intent
    WHERE scope = :scope AND effect = :effect AND state = 'dropped' AND attempts > 0 AND updated_at >= :since
      AND NOT resolved_by_person AND NOT effect_gone
    ORDER BY updated_at, id
""")
_NEVER_ARRIVED = text("""
    UPDATE reconciler.intent SET effect_gone = true, code = 'never_came', updated_at = :now
    WHERE id = CAST(:id AS uuid) AND state = 'dropped' AND updated_at <= :now - CAST(:wait AS interval)
""")
_EFFECT_GONE = text("""
    UPDATE reconciler.intent SET effect_gone = true, code = :code, updated_at = :now
    WHERE id = CAST(:id AS uuid) AND state IN ('done', 'dropped')
""")
_NAMES_EVENT = text("""
    SELECT EXISTS (SELECT FROM reconciler.intent
                   WHERE effect = 'calendar' AND provider_id = :event AND booking <> :booking)
""")
_DROP_OTHER_TRIGGERS = text(f"""
    UPDATE reconciler.intent SET state = 'dropped', code = 'superseded', updated_at = :now
    WHERE booking = :booking AND effect = :effect AND trigger <> :trigger AND state = 'planned' AND {_FREE}
""")
_PLAN = text("""
    INSERT INTO reconciler.intent
        (id, scope, booking, effect, trigger, generation, state, subject, created_at, updated_at)
    SELECT CAST(:id AS uuid), CAST(:scope AS text), CAST(:booking AS text), CAST(:effect AS text),
           CAST(:trigger AS text), coalesce(max(generation), 0) + 1, 'planned',
           CAST(:subject AS text), CAST(:now AS timestamptz), CAST(:now AS timestamptz)
    FROM reconciler.intent WHERE booking = :booking AND effect = :effect AND trigger = :trigger
    ON CONFLICT DO NOTHING
""")
_REFRESH = text("""
    UPDATE reconciler.intent SET subject = :subject, updated_at = :now
    WHERE booking = :booking AND effect = :effect AND trigger = :trigger AND state = 'planned' AND subject <> :subject
""")
_DROP_PLANNED = text(f"""
    UPDATE reconciler.intent SET state = 'dropped', code = :code, updated_at = :now
    WHERE booking = :booking AND effect = :effect AND state = 'planned' AND {_FREE}
""")
# The claim token stays: the process that held the lease may still return with the provider's answer.
_ABANDON = text("""
    UPDATE reconciler.intent
    SET state = 'unknown', code = 'lease_ran_out', updated_at = :now, not_before = clock_timestamp() + :settle
    WHERE effect = :effect AND state = 'sending' AND leased_until < clock_timestamp()
      -- Another scope may have a longer settle time. After a day its process has changed scope or no longer runs.
      AND (scope = :scope OR leased_until < clock_timestamp() - interval '1 day')
""")
_CLAIM = text(f"""
    UPDATE reconciler.intent
    SET claim = CAST(:claim AS uuid), leased_until = clock_timestamp() + :lease, examined_at = clock_timestamp()
    WHERE id = (SELECT id FROM reconciler.intent
                WHERE effect = :effect AND state = 'planned' AND booking = ANY(:bookings) AND {_FREE}
                  AND (not_before IS NULL OR not_before <= :now OR not_before > :nonsense)
                  AND (examined_at IS NULL OR examined_at < :examined_before)
                ORDER BY coalesce(examined_at, created_at), id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING {_COLUMNS}
""")
# Only the database's clock counts here. With a wrong local clock, an absence proved too early would send a second text.
_CLAIM_UNSETTLED = text(f"""
    UPDATE reconciler.intent
    SET claim = CAST(:claim AS uuid), leased_until = clock_timestamp() + :lease, examined_at = clock_timestamp()
    WHERE id = (SELECT id FROM reconciler.intent
                WHERE scope = :scope AND effect = :effect AND state = 'unknown' AND {_FREE}
                  AND (not_before IS NULL OR not_before <= clock_timestamp())
                  AND (examined_at IS NULL OR examined_at < :examined_before)
                ORDER BY coalesce(examined_at, created_at), id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING {_COLUMNS}
""")
_RETRY_SETTLING = text("""
    UPDATE reconciler.intent
    SET leased_until = NULL, code = :code, updated_at = :now, settle_tries = settle_tries + 1,
        not_before = clock_timestamp() + :wait
    WHERE id = CAST(:id AS uuid) AND claim = CAST(:claim AS uuid) AND state = 'unknown'
""")
_USED_PROVIDER_IDS = text(
    "SELECT provider_id FROM reconciler.intent WHERE effect = :effect AND provider_id = ANY(:ids)"
)
_HISTORY = text(f"""
    SELECT {_COLUMNS} FROM reconciler.intent WHERE booking = :booking ORDER BY created_at DESC, generation DESC
""")
_UNSETTLED = text(f"""
    SELECT {_COLUMNS} FROM reconciler.intent
    WHERE state IN ('needs_human', 'unknown') ORDER BY state, created_at, id
""")
_BEGINNING_WITH = text(f"""
    SELECT {_COLUMNS} FROM reconciler.intent
    WHERE starts_with(id::text, :prefix) ORDER BY created_at, id LIMIT :limit
""")
_RESOLVE = text(f"""
    UPDATE reconciler.intent
    SET state = :to, code = :code, cause = NULL, updated_at = :now, provider_id = coalesce(:provider_id, provider_id),
        resolved_by_person = (:to <> 'planned'),
        attempts = CASE WHEN :to = 'planned' THEN 0 ELSE attempts END, settle_tries = 0,
        not_before = NULL, leased_until = NULL
    WHERE id = CAST(:id AS uuid) AND state IN ('needs_human', 'unknown') AND {_FREE}
    RETURNING {_COLUMNS}
""")
_MOVE = text(f"""
    UPDATE reconciler.intent
    SET state = :to, code = :code, cause = :cause, updated_at = :now,
        not_before = coalesce(:not_before, clock_timestamp() + CAST(:settle AS interval)),
        attempted_at = CASE WHEN :to = 'sending' THEN coalesce(attempted_at, :now)
                            WHEN attempts + :attempts > 0 THEN attempted_at END,
        account = coalesce(:account, account),
        handed_over = :handed_over,
        settle_tries = CASE WHEN :to = 'sending' THEN 0 ELSE settle_tries END,
        provider_id = coalesce(:provider_id, provider_id),
        subject = coalesce(:subject, subject),
        attempts = attempts + :attempts,
        leased_until = clock_timestamp() + CAST(:lease AS interval)  -- NULL without a lease
    WHERE id = CAST(:id AS uuid) AND claim = CAST(:claim AS uuid) AND state = ANY(:from)
    RETURNING {_COLUMNS}
""")
_NO_CHANGES: Mapping[str, object] = {
    **dict.fromkeys(("cause", "provider_id", "not_before", "settle", "lease", "subject", "account")),
    "attempts": 0,
    "handed_over": False,
}
"""What ``_MOVE`` binds beside the guard, the state and the code, unless a move changes it."""
_RELEASE = text("""
    UPDATE reconciler.intent SET leased_until = NULL, code = :code, updated_at = :now
    WHERE id = CAST(:id AS uuid) AND claim = CAST(:claim AS uuid) AND state IN ('planned', 'unknown')
""")
_LEASE_LEFT = text("""
    SELECT leased_until - clock_timestamp() FROM reconciler.intent
    WHERE id = CAST(:id AS uuid) AND claim = CAST(:claim AS uuid) AND state = 'sending'
""")


@dataclass(frozen=True, slots=True)
class PostgresIntents:
    """``ports.Intents`` over one connection in one transaction."""

    connection: Connection
    scope: str
    """Whose intents these are if several installations share the database; '' for all."""

    def latest(
        self, effect: Effect, bookings: Collection[BookingId], final: Collection[str] | None = ()
    ) -> Mapping[BookingId, Intent]:
        values = {"effect": effect, "bookings": sorted(bookings), "every": final is None, "final": list(final or ())}
        rows = self._rows(_LATEST, **values)
        return {intent.booking: intent for intent in map(_intent, rows)}

    def in_state(self, effect: Effect, state: State) -> Sequence[Intent]:
        return [_intent(row) for row in self._rows(_IN_STATE, scope=self.scope, effect=effect, state=state)]

    def done(self, effect: Effect, booking: BookingId) -> Intent | None:
        return self._one(_DONE, effect=effect, booking=booking)

    def done_since(self, effect: Effect, since: datetime) -> Sequence[Intent]:
        return [_intent(row) for row in self._rows(_DONE_SINCE, scope=self.scope, effect=effect, since=since)]

    def may_still_arrive(self, effect: Effect, since: datetime) -> Sequence[Intent]:
        return [_intent(row) for row in self._rows(_MAY_STILL_ARRIVE, scope=self.scope, effect=effect, since=since)]

    def confirm_never_arrived(self, intent: Intent, wait: timedelta, now: datetime) -> None:
        self.connection.execute(_NEVER_ARRIVED, {"id": intent.id, "wait": wait, "now": now})

    def mark_effect_gone(self, intent: Intent, code: str, now: datetime) -> None:
        self.connection.execute(_EFFECT_GONE, {"id": intent.id, "code": code, "now": now})

    def names_event(self, event_id: str, besides: BookingId) -> bool:
        return bool(self.connection.scalar(_NAMES_EVENT, {"event": event_id, "booking": besides}))

    def plan(self, intents: Sequence[NewIntent], now: datetime) -> None:
        many = [
            {
                "id": str(uuid.uuid4()),
                "scope": self.scope,
                "booking": new.booking,
                "effect": new.effect,
                "trigger": new.trigger,
                "subject": new.subject,
                "now": now,
            }
            for _, new in in_lock_order({new.booking: new for new in intents})
        ]
        if many:
            for statement in (_DROP_OTHER_TRIGGERS, _REFRESH, _PLAN):
                self.connection.execute(statement, many)

    def drop_planned(self, effect: Effect, bookings: Mapping[BookingId, str], now: datetime) -> None:
        many = [
            {"effect": effect, "booking": booking, "code": code, "now": now}
            for booking, code in in_lock_order(bookings)
        ]
        if many:
            self.connection.execute(_DROP_PLANNED, many)

    def abandon_expired(self, effect: Effect, settle: timedelta, now: datetime) -> None:
        self.connection.execute(_ABANDON, {"scope": self.scope, "effect": effect, "settle": settle, "now": now})

    def claim_unsettled(self, effect: Effect, examined_before: datetime, lease: timedelta) -> Intent | None:
        claim = str(uuid.uuid4())
        values = {"scope": self.scope, "effect": effect, "examined_before": examined_before, "lease": lease}
        return self._one(_CLAIM_UNSETTLED, claim=claim, **values)

    def retry_settling(self, intent: Intent, code: str, wait: timedelta, now: datetime) -> None:
        values = {"id": intent.id, "claim": intent.claim, "code": code, "wait": wait, "now": now}
        self.connection.execute(_RETRY_SETTLING, values)

    def used_provider_ids(self, effect: Effect, provider_ids: Collection[str]) -> frozenset[str]:
        values = {"effect": effect, "ids": sorted(provider_ids)}
        return frozenset(self.connection.scalars(_USED_PROVIDER_IDS, values)) if provider_ids else frozenset()

    def history(self, booking: BookingId) -> Sequence[Intent]:
        return [_intent(row) for row in self._rows(_HISTORY, booking=booking)]

    def unsettled(self) -> Sequence[Intent]:
        return [_intent(row) for row in self._rows(_UNSETTLED)]

    def beginning_with(self, prefix: str, limit: int) -> Sequence[Intent]:
        rows = self._rows(_BEGINNING_WITH, prefix=prefix.lower(), limit=limit)
        return [_intent(row) for row in rows]

    def resolve(self, intent: Intent, to: State, now: datetime, provider_id: str | None) -> Intent | None:
        return self._one(_RESOLVE, id=intent.id, to=to, code=BY_A_PERSON, now=now, provider_id=provider_id)

    def claim(
        self,
        effect: Effect,
        bookings: Collection[BookingId],
        examined_before: datetime,
        lease: timedelta,
        now: datetime,
    ) -> Intent | None:
        return self._one(
            _CLAIM,
            effect=effect,
            bookings=sorted(bookings),
            examined_before=examined_before,
            lease=lease,
            now=now,
            nonsense=now + LONGEST_PAUSE,
            claim=str(uuid.uuid4()),
        )

    def begin_sending(
        self, intent: Intent, lease: timedelta, now: datetime, *, subject: str | None = None, account: str | None = None
    ) -> Intent | None:
        changes = {"attempts": 1, "lease": lease, "subject": subject, "account": account}
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

    def plan_again(self, intent: Intent, code: str, not_before: datetime, now: datetime) -> Intent | None:
        return self._move(intent, State.PLANNED, code, now, {"not_before": not_before})

    def take_back_attempt(
        self, intent: Intent, code: str, cause: Cause | None, not_before: datetime | None, now: datetime
    ) -> Intent | None:
        changes = {"attempts": -1, "cause": cause, "not_before": not_before}
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
        guard = {
            "id": intent.id,
            "claim": intent.claim,
            "from": [was for was, moves in LEGAL_MOVES.items() if to in moves],
        }
        return self._one(_MOVE, **{**_NO_CHANGES, **changes, **guard, "to": to, "code": code, "now": now})

    def release(self, intent: Intent, code: str, now: datetime) -> None:
        self.connection.execute(_RELEASE, {"id": intent.id, "claim": intent.claim, "code": code, "now": now})

    def lease_left(self, intent: Intent) -> timedelta:
        left: timedelta | None = self.connection.scalar(_LEASE_LEFT, {"id": intent.id, "claim": intent.claim})
        return left if left is not None else timedelta(0)

    def _rows(self, statement: Any, **values: object) -> Sequence[RowMapping]:
        return self.connection.execute(statement, values).mappings().all()

    def _one(self, statement: Any, **values: object) -> Intent | None:
        row = self.connection.execute(statement, values).mappings().first()
        return _intent(row) if row else None


def _intent(row: RowMapping) -> Intent:
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
    )

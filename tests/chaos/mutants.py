"""Safeguards taken away, one at a time, in the child: whatever the harness does not notice, it does not prove.

Each mutant names the scenario that fits it and the kind of problem it must lead to. They replace functions of the
product by name; a name that is gone is an error.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from reconciler.domain.beacon import BeaconStatus
from reconciler.domain.bookings import BookingId
from reconciler.domain.decide import calendar_event as event_words
from reconciler.domain.decide import removals
from reconciler.domain.decide.breaker import Demand, check_breaker
from reconciler.domain.decide.calendar_decision_table import Seen
from reconciler.domain.decide.calendar_decision_table import Step as EventStep
from reconciler.domain.decide.plan import BreakerTrip, Plan
from reconciler.domain.decide.policies import Breaker
from reconciler.domain.decide.sms_first_send import EarlierText, EarlierTexts
from reconciler.domain.intents import Intent, Outcome, Result
from reconciler.domain.place import Caution, PlaceStatus
from reconciler.engine.reconcile import planning, run_pass
from reconciler.engine.repair.beacon import Meeting
from reconciler.engine.repair.calendar import create as event_create
from reconciler.engine.repair.calendar.calendar_repairer import CalendarRepairer
from reconciler.engine.repair.calendar.create import EventCreation
from reconciler.engine.repair.calendar.write_back import WriteBack
from reconciler.engine.repair.results import AttemptResult
from reconciler.engine.repair.sms import send as sms_send
from reconciler.engine.repair.sms.evidence import Control
from reconciler.engine.repair.sms.first_send import FirstSend
from reconciler.engine.repair.sms.send import SmsSend
from reconciler.engine.repair.sms.sms_repairer import SmsRepairer
from reconciler.ports import OutgoingSms, ProviderFailure
from reconciler.providers.google.calendar import GoogleCalendar
from reconciler.providers.twilio import http as twilio_http
from reconciler.providers.twilio.gateway import TwilioGateway
from reconciler.settings.model.rules import SmsMissing
from reconciler.store.app import writes
from reconciler.store.app.evidence.stored_events import PostgresStoredEvents
from reconciler.store.ledger import intent_sql
from reconciler.store.ledger.gaps import PostgresGaps
from reconciler.store.ledger.installation import place
from reconciler.store.ledger.intents import PostgresIntents
from reconciler.wiring import assembly
from tests.chaos.scenarios import (
    FAIR,
    LEASE,
    LONG_SETTLE,
    LOST,
    NO_EVENTS,
    NO_SUCH_EVENT,
    SILENT,
    TRICKLED_FASTER,
    TWILIO_ODD,
    UNWELL,
    Act,
    Deed,
    Loss,
    Scenario,
    Start,
    Step,
    Weather,
)

VARIABLE = "CHAOS_MUTANT"
"""The variable that names the mutant a child is to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    take_away: Callable[[], None]
    scenario: Scenario
    leads_to: str


MUTANTS: dict[str, Mutant] = {}


def attach(name: str) -> None:
    """Become the mutant; '' for none."""
    if name:
        MUTANTS[name].take_away()


def mutant(leads_to: str, **scenario: Any) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def register(take_away: Callable[[], None]) -> Callable[[], None]:
        MUTANTS[take_away.__name__] = Mutant(take_away=take_away, scenario=Scenario(**scenario), leads_to=leads_to)
        return take_away

    return register


def _put(owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
    """Replace what is there; nothing is added that the product does not have."""
    setattr(owner, name, wrap(getattr(owner, name)))


def _in_sql(name: str, *changes: tuple[str, str]) -> None:
    """The same for a statement of the ledger."""
    statement = str(getattr(intent_sql, name))
    for old, new in changes:
        if old not in statement:
            raise LookupError(f"{name} has no {old}")
        statement = statement.replace(old, new)
    setattr(intent_sql, name, intent_sql.text(statement))


def _killed(point: str, **more: Any) -> tuple[Step, ...]:
    return (Step(order=f"kill {point}", **more),)


def _stopped(point: str, *deeds: Act, **more: Any) -> tuple[Step, ...]:
    return (Step(order=f"stop {point}", deeds=tuple(Deed(act=act) for act in deeds), **more),)


@mutant("duplicate", steps=(Step(), Step(loss=Loss.RESTORED)))
def send_without_asking() -> None:
    """Twilio is not asked what it has sent already."""
    _put(FirstSend, "obstacle", lambda _: lambda *_: None)


@mutant(
    "duplicate",
    starts=(Start.TEXTED,) * 6,
    days_old=2,
    texts_a_day=1,
    steps=(Step(loss=Loss.QUEUE),),
)
def divide_by_everything_checked() -> None:
    """The breaker measures by all bookings that were checked, and by this pass alone: many are always fine."""
    send_without_asking()

    def check(plan: Plan, breaker: Breaker, _: Demand, __: int, ___: int | None) -> BreakerTrip | None:
        return check_breaker(plan, breaker, Demand(due=plan.checked, busiest_day=plan.checked), 0, None)

    _put(planning, "check_breaker", lambda _: check)


@mutant(
    "duplicate",
    next_twilio=(("messages.list", FAIR), ("messages.list", UNWELL)),
    steps=(Step(), Step(loss=Loss.RESTORED)),
)
def take_no_answer_for_none() -> None:
    """A question that is not answered counts as answered: nothing was sent."""

    def hope(original: Any) -> Any:
        def earlier(self: FirstSend, *rest: Any) -> EarlierTexts:
            try:
                found: EarlierTexts = original(self, *rest)
            except ProviderFailure:
                return EarlierTexts(found=EarlierText.NONE)
            return found

        return earlier

    _put(FirstSend, "_earlier", hope)


@mutant(
    "duplicate",
    settle=LONG_SETTLE,
    lag=LONG_SETTLE * 0.8,
    next_twilio=(("messages.create", LOST),),
    steps=(Step(), Step(loss=Loss.LEDGER)),
)
def forget_rows_without_an_intent() -> None:
    """Our row says that a text may have left, and nobody asks which intent that was."""
    _put(FirstSend, "_treat_as_unknown", lambda _: lambda *_: None)


@mutant("duplicate", steps=_stopped("after sms.row#1", beside=1, beside_order="kill after twilio.create#1"))
def skip_the_claim() -> None:
    """Whoever read an intent has it: no lease and no token guards it, and nobody looks again before the call."""
    _in_sql("CLAIM", (f"AND {intent_sql.FREE}", ""), ("FOR UPDATE SKIP LOCKED", ""))
    _in_sql("MOVE", ("AND claim = CAST(:claim AS uuid) AND state = ANY(:from)", "AND :claim <> '' AND :from <> '{}'"))
    search_once()
    send_without_asking()


@mutant("duplicate", steps=_killed("after twilio.create#1"))
def call_before_the_intent() -> None:
    """The text leaves before the ledger says *sending*."""
    send_without_asking()

    def run(self: SmsSend) -> AttemptResult:
        prepared = self._put_row(self.intent, is_asked=True)
        if isinstance(prepared, AttemptResult) or prepared is None:
            raise AssertionError("the scenario has nothing to hold it")
        put, _ = prepared
        now = self.services.clock.now()
        with self.services.store.writing() as tx:
            decision = sms_send.recheck(self.repairer, tx, put, self.scope, now)
        if isinstance(decision, AttemptResult) or decision.draft is None:
            raise AssertionError("the scenario has nothing that could change in between")
        draft = decision.draft
        outcome = self._gateway.send(OutgoingSms(number=draft.number, body=draft.body, validity=timedelta(hours=1)))
        sending = self._begin_sending(put)
        return sending if isinstance(sending, AttemptResult) else self._record_answer(sending[0], outcome)

    _put(SmsSend, "run", lambda _: run)


@mutant(
    "duplicate",
    google=Weather(rate=1, faults=(NO_EVENTS,), operations=frozenset({"events.list"})),
    next_google=(("events.get", NO_SUCH_EVENT),),
    steps=(
        Step(order="kill after google.insert#1", then_wait=LEASE * 1.1),
        Step(then_wait=LEASE),
        Step(),
    ),
)
def ignore_the_conflict() -> None:
    """An id that is taken: then under another one."""

    def write_with_retry(original: Any) -> Any:
        def insert(self: GoogleCalendar, event: Any) -> Outcome:
            outcome: Outcome = original(self, event)
            if outcome.result is not Result.REFUSED:
                return outcome
            again: Outcome = original(self, replace(event, id=f"{event.id}2"))
            return again

        return insert

    _put(GoogleCalendar, "insert", write_with_retry)


@mutant("duplicate", next_twilio=(("messages.create", LOST),), steps=(Step(),))
def resend_on_timeout() -> None:
    """No answer is taken for a no."""
    send_without_asking()

    def plan_again(self: PostgresIntents, intent: Intent, code: str, settle: timedelta, now: datetime) -> Intent | None:
        return self.plan_again(intent, code, now + settle, now, counts=True)

    _put(PostgresIntents, "mark_unknown", lambda _: plan_again)


@mutant("duplicate", steps=_stopped("after sms.row#1", Act.QUEUE))
def search_once() -> None:
    """One re-check instead of two."""
    seen: dict[str, Any] = {}

    def once(original: Any) -> Any:
        def recheck(repairer: Any, tx: Any, intent: Intent, *rest: Any) -> Any:
            if intent.id not in seen:
                seen[intent.id] = original(repairer, tx, intent, *rest)
            return seen[intent.id]

        return recheck

    _put(sms_send, "recheck", once)


@mutant("duplicate", redacted=True, next_twilio=(("messages.create", LOST),), steps=(Step(),))
def trust_any_list() -> None:
    """What a list does not show is not there, whether or not it would show it."""
    _put(Control, "is_shown", lambda _: lambda _: True)


@mutant(
    "duplicate", settle=LONG_SETTLE, lag=LONG_SETTLE * 0.8, next_twilio=(("messages.create", LOST),), steps=(Step(),)
)
def settle_at_once() -> None:
    """Not waiting until lists have caught up."""
    _put(SmsRepairer, "settle_after", lambda _: timedelta(0))


@mutant("duplicate", steps=_stopped("after sms.sending#1", frozen=LEASE * 1.1, beside=12))
def ignore_the_lease() -> None:
    """The call goes out however long ago the intent was claimed."""
    _put(PostgresIntents, "lease_left", lambda _: lambda *_: timedelta(hours=1))


@mutant("duplicate", steps=_stopped("after calendar.done#1", Act.EVENT))
def write_back_unguarded() -> None:
    """The event's id is written, whatever stands there by now; nobody looks for what became needless."""

    def write(original: Any) -> Any:
        def store(self: PostgresStoredEvents, booking: BookingId, _: str | None, event_id: str, starts_at: Any) -> bool:
            stored = self.stored_events([booking])[booking].event_id
            stores: bool = original(self, booking, stored, event_id, starts_at)
            return stores

        return store

    _put(PostgresStoredEvents, "store_event_id", write)
    _put(WriteBack, "_step_for_stored", lambda _: lambda *_: EventStep.TAKE_ITS_PLACE)


@mutant("duplicate", steps=_killed("after google.insert#1"))
def another_id_each_time() -> None:
    """Ids by chance: a repeat does not collide, and nobody can ask for the first."""
    _put(event_words, "event_id", lambda _: lambda *_: f"rcl{secrets.token_hex(12)}")
    _put(EventCreation, "_adoptable", lambda _: lambda *_: (Seen.NOTHING, None))


@mutant("duplicate", steps=_killed("after twilio.create#1"))
def take_the_dead_for_idle() -> None:
    """What was under way when a process died is simply planned again."""
    send_without_asking()
    _in_sql("ABANDON", ("state = 'unknown'", "state = 'planned'"))


@mutant("duplicate", starts=(Start.LOST_ID,))
def adopt_nothing() -> None:
    """Events that the application made and lost are not looked for."""
    _put(EventCreation, "_adoptable", lambda _: lambda *_: (Seen.NOTHING, None))


@mutant("lost", next_twilio=(("messages.create", SILENT),), steps=(Step(),))
def take_silence_for_yes() -> None:
    """No answer is taken for a yes."""

    def hope(original: Any) -> Any:
        def send(self: TwilioGateway, text: Any) -> Outcome:
            outcome: Outcome = original(self, text)
            if outcome.result is not Result.UNKNOWN:
                return outcome
            return Outcome(result=Result.DONE, code="queued", provider_id=f"SM{secrets.token_hex(16)}")

        return send

    _put(TwilioGateway, "send", hope)


@mutant("lost", starts=(Start.NO_NUMBER,))
def refuse_in_silence() -> None:
    """What may not be mended is nobody's business."""
    _put(PostgresGaps, "record_all", lambda _: lambda *_: None)


@mutant("wrong", steps=_killed("after sms.done#1"))
def forget_the_row() -> None:
    """Our row in the queue is not brought up to date after a death."""
    _put(SmsRepairer, "record_in_application", lambda _: lambda *_: None)


@mutant("wrong", steps=_killed("after sms.sending#1"))
def leave_the_dead_alone() -> None:
    """What was under way when a process died stays so for ever."""
    _put(PostgresIntents, "abandon_expired", lambda _: lambda *_: None)


@mutant("wrong", steps=_killed("after calendar.done#1") + _stopped("before calendar.abandoned#1", Act.CANCEL))
def leave_orphans() -> None:
    """An event for which the booking has no use any more stays where it is."""
    _put(CalendarRepairer, "plan_removals", lambda _: lambda *_: None)


@mutant(
    "wrong",
    starts=(Start.NO_NUMBER, Start.BARE),
    steps=(Step(), *_stopped("before calendar.abandoned#1", Act.DELETE), Step()),
)
def remove_at_once() -> None:
    """A row that is missing is believed to be gone for good."""
    _put(removals, "ABSENT_FOR", lambda _: timedelta(0))


@mutant("duplicate", steps=(Step(loss=Loss.COPIED),))
def believe_any_place() -> None:
    """A copy of the database is taken for the database."""
    send_without_asking()
    _put(place, "judge_place", lambda _: lambda *_, **__: PlaceStatus.SAME)
    _put(run_pass, "meet_beacon", lambda _: lambda _: Meeting(status=BeaconStatus.OFF))


@mutant("duplicate", settle=LONG_SETTLE, lag=LONG_SETTLE * 0.8, steps=(Step(), Step(loss=Loss.PROMOTED)))
def begin_no_caution() -> None:
    """After a failover the ledger counts as complete, and the first answer of a list that lags as true."""
    _put(Caution, "concerns", lambda _: lambda *_: False)


@mutant(
    "lost",
    starts=(Start.ANNOUNCED,),
    days_old=2,
    steps=(Step(), *_stopped("before run.changed#1", Act.CONFIRM)),
)
def take_any_text_for_the_confirmation() -> None:
    """Whatever text a booking has had satisfies the rule."""
    _put(SmsMissing, "satisfying", lambda _: lambda *_: None)


@mutant("duplicate", failed_resent=True, starts=(Start.FAILED,), steps=(Step(), Step(deeds=(Deed(act=Act.RESEND),))))
def text_beside_the_retry() -> None:
    """A failed row counts as no text, although the application sends it again."""

    def unaware(original: Any) -> Any:
        return lambda settings: replace(original(settings), failed_resent=False)

    _put(assembly, "application", unaware)


@mutant(
    "wrong",
    starts=(Start.NO_NUMBER, Start.BARE),
    steps=(Step(), *_stopped("before run.changed#1", Act.DELETE), Step(), Step(loss=Loss.A_DAY)),
)
def wait_for_the_row_for_ever() -> None:
    """A row that is missing is believed to come back, however long it is."""
    _put(removals, "ABSENT_FOR", lambda _: timedelta(days=1000))


@mutant("lost", steps=(Step(), *_stopped("before run.changed#1", Act.TEXT)))
def overlook_texts_of_others() -> None:
    """Nobody compares the application's texts with ours once ours are sent."""
    _put(SmsRepairer, "report_second_effects", lambda _: lambda *_: None)


@mutant("duplicate", settle=LONG_SETTLE, lag=LONG_SETTLE * 0.8, steps=(Step(), Step(loss=Loss.IN_PLACE)))
def ignore_the_beacon() -> None:
    """What the calendar shows of the last pass is not compared with the ledger."""
    _put(run_pass, "meet_beacon", lambda _: lambda _: Meeting(status=BeaconStatus.OFF))


@mutant("wrong", next_twilio=(("messages.create", TRICKLED_FASTER),), steps=(Step(),))
def limit_each_wait_only() -> None:
    """The deadline of a call is left to the HTTP library, which counts each of its waits anew."""
    _put(twilio_http, "with_deadline", lambda _: lambda _limit, call: call())


@mutant(
    "wrong",
    starts=(Start.BARE, Start.BARE),
    next_twilio=(("messages.create", TWILIO_ODD),),
    steps=(Step(),),
)
def blame_the_booking() -> None:
    """A code that nobody has listed is about the booking that got it."""

    def blame(_: Any, __: Intent, outcome: Outcome) -> Outcome:
        is_odd = outcome.result is Result.BROKEN and outcome.by_provider
        return replace(outcome, result=Result.REFUSED, stops_pass=False) if is_odd else outcome

    for module in (sms_send, event_create):
        _put(module, "about_this_one", lambda _: blame)


@mutant("wrong", starts=(Start.BARE, Start.BARE), odd_number=True, steps=(Step(),))
def blame_the_account_for_ever() -> None:
    """A code that nobody has listed is about everybody, however often one booking alone gets it."""
    for module in (sms_send, event_create):
        _put(module, "about_this_one", lambda _: lambda _services, _claimed, outcome: outcome)


@mutant("wrong", steps=(Step(loss=Loss.NEW_IDS),))
def believe_what_was_written() -> None:
    """A row of ours is not read back, and a trigger has given it another id."""
    _put(writes, "require_kept", lambda _: lambda *_: None)

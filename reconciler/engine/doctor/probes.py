"""Probes: a canary in the calendar and a test text to the operator. Both leave the machine, so only on request."""

import uuid
from datetime import UTC, datetime, timedelta

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide import calendar_event
from reconciler.domain.decide.calendar_event import CalendarEvent, EventBody
from reconciler.domain.doctor import CheckResult, Note
from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.domain.intents import Outcome, Result
from reconciler.ports import DUPLICATE, Calendar, Clock, OutgoingSms, ProviderFailure, SmsDelivery, SmsGateway

FAR_OFF = datetime(2090, 1, 2, 12, tzinfo=UTC)
"""No booking is near this day, and nobody looks at it in the calendar."""
LENGTH = timedelta(minutes=30)
CANARIES = "doctor"
"""Event ids of canaries are derived from this word instead of an installation's id. So no other event has such an id.

A canary's id can be recomputed from its marker.
"""
TITLE = "reconciler doctor: a canary, to be deleted"
TEXT = "reconciler doctor: a test text that the operator requested. Nothing to do."
PATIENCE = timedelta(seconds=60)
STEP = timedelta(seconds=1)
VALID = timedelta(minutes=10)
"""A test text that arrives later would only confuse its reader."""


def canary(calendar: Calendar, zone: str) -> CheckResult:
    """Insert, read and delete one private event. Also delete the event of an earlier canary that was killed.

    Raises:
        ProviderFailure: the provider could not be asked.
    """
    for event in calendar.around(FAR_OFF, LENGTH):
        if event.live and _is_canary(event):
            calendar.delete(event.id)
    body = _canary(zone)
    try:
        fault = _written(calendar, body)
    finally:
        ended = calendar.delete(body.id)
    if fault is None and ended.result is not Result.DONE:
        seen = f"the calendar does not delete a canary ({ended.code}): the event stays on {FAR_OFF:%d %B %Y}"
        fault = _fault(ended.code, seen)
    return CheckResult(faults=[fault] if fault else [], notes=[Note(message="canary written, read, deleted")])


def _canary(zone: str) -> EventBody:
    token = BookingId(uuid.uuid4().hex)
    return EventBody(
        id=_id(token),
        title=TITLE,
        description="",
        starts_at=FAR_OFF,
        ends_at=FAR_OFF + LENGTH,
        zone=zone,
        booking=token,
        generation=1,
        is_canary=True,
    )


def _written(calendar: Calendar, body: EventBody) -> IntegrationFault | None:
    inserted = calendar.insert(body)
    # The id is new. So *duplicate* means that the client repeated our request, and both arrived.
    if inserted.result is not Result.DONE and inserted.code != DUPLICATE:
        if inserted.result in (Result.REFUSED, Result.BROKEN):
            return calendar.check() or _fault(inserted.code, f"the calendar refuses a canary ({inserted.code})")
        raise ProviderFailure(inserted)
    found = calendar.get(body.id)
    if found is None or not found.live:
        return _fault("canary_vanished", "the calendar accepted a canary, but does not show it")
    return None


def text_to(number: str, sms: SmsGateway, clock: Clock) -> CheckResult:
    """Send one test text to ``number`` (E.164). Follow it until it is delivered or has failed, one minute at most.

    Raises:
        ProviderFailure: the provider could not be asked whether the text was delivered.
    """
    sent = sms.send(OutgoingSms(number=number, body=TEXT, validity=VALID))
    if sent.result is not Result.DONE or not sent.provider_id:
        return CheckResult(faults=[_not_sent(sent)])
    began = clock.now()
    delivery = sms.delivery(sent.provider_id)
    while not delivery.is_final and clock.now() - began < PATIENCE:
        clock.pause(STEP)
        delivery = sms.delivery(sent.provider_id)
    return _followed(sent.provider_id, delivery, clock.now() - began)


def _followed(sid: str, delivery: SmsDelivery, took: timedelta) -> CheckResult:
    name, seconds = f"{sid[:6]}..", round(took.total_seconds())
    if delivery.arrived:
        return CheckResult(notes=[Note(message=f"{name} delivered to your phone after {seconds} s")])
    if delivery.is_final:
        remedy = "look the code up in Twilio's error dictionary; customers' texts may fail the same way"
        seen = f"{name} {delivery.status} (error {delivery.error or 'none given'})"
        return CheckResult(faults=[_twilio(f"twilio:{delivery.error or delivery.status}", seen, remedy)])
    remedy = "look at your phone; some carriers do not confirm delivery"
    return CheckResult(notes=[Note(message=f"{name} is still {delivery.status} after {seconds} s", remedy=remedy)])


def _not_sent(sent: Outcome) -> IntegrationFault:
    if sent.result is Result.UNKNOWN:
        seen = f"it is unknown whether the test text was sent ({sent.code}); it is not sent again"
        return _twilio(sent.code, seen, "look at your phone, then try again", transient=True)
    seen = f"Twilio does not accept the test text ({sent.code})"
    return _twilio(sent.code, seen, "look the code up in Twilio's error dictionary; correct the number or the sender")


def _twilio(code: str, seen: str, remedy: str, *, transient: bool = False) -> IntegrationFault:
    return IntegrationFault(kind=GapKind.INTEGRATION_TWILIO, code=code, seen=seen, remedy=remedy, transient=transient)


def _id(token: str) -> str:
    return calendar_event.event_id(CANARIES, BookingId(token), 1)


def _is_canary(event: CalendarEvent) -> bool:
    return event.marker is not None and event.id == _id(event.marker)


def _fault(code: str, seen: str) -> IntegrationFault:
    return IntegrationFault(
        kind=GapKind.INTEGRATION_GOOGLE,
        code=code,
        seen=seen,
        remedy='check that the calendar is still shared with us, with "Make changes to events"',
    )

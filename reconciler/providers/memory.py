"""A gateway and a calendar in this process's memory, for a fire drill: nothing leaves it.

They implement the contracts of the ports and nothing more; the suites in tests/contract run against them and the real
ones.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.domain.decide.calendar_event import CalendarEvent, EventBody
from reconciler.domain.decide.sms_settlement import SentMessages, SentSms
from reconciler.domain.doctor import Note
from reconciler.domain.gaps import IntegrationFault
from reconciler.domain.intents import Outcome, Result
from reconciler.ports import DUPLICATE, CalendarFacts, Clock, OutgoingSms, ProviderFailure, SmsDelivery


@dataclass(frozen=True, slots=True)
class MemoryGateway:
    """``ports.SmsGateway``: accepts every text; none is delivered."""

    clock: Clock
    texts: list[SentSms] = field(default_factory=list, repr=False)

    def check(self) -> IntegrationFault | None:
        return None

    def send(self, text: OutgoingSms) -> Outcome:
        sent = SentSms(
            sid=f"SM{uuid.uuid4().hex}",
            number=text.number,
            body=text.body,
            by_api=True,
            made_at=self.clock.now(),
            status="queued",
            leaves=True,
            arrived=False,
        )
        self.texts.append(sent)
        return Outcome(result=Result.DONE, code=sent.status, provider_id=sent.sid)

    def notes(self) -> Sequence[Note]:
        return ()

    def delivery(self, provider_id: str) -> SmsDelivery:
        sent = next((text for text in self.texts if text.sid == provider_id), None)
        if sent is None:
            raise ProviderFailure(Outcome(result=Result.REFUSED, code="no_such_text"))
        return SmsDelivery(status=sent.status, error="", is_final=False, arrived=False)

    @property
    def account(self) -> str:
        return "memory"

    def sent_to(self, number: str, since: datetime | None = None) -> SentMessages:
        return SentMessages(texts=[text for text in self.texts if text.number == number], complete=True)

    def recent(self) -> Sequence[SentSms]:
        return self.texts[::-1]


@dataclass(frozen=True, slots=True)
class MemoryCalendar:
    """``ports.Calendar``: a deleted event leaves a tombstone that keeps its id."""

    events: dict[str, EventBody] = field(default_factory=dict, repr=False)
    deleted: set[str] = field(default_factory=set)
    zone: str = "UTC"

    def check(self) -> IntegrationFault | None:
        return None

    def about(self) -> CalendarFacts:
        return CalendarFacts(role="owner", zone=self.zone)

    def get(self, event_id: str) -> CalendarEvent | None:
        event = self.events.get(event_id)
        return self._as_calendar_event(event) if event else None

    def around(self, starts_at: datetime, window: timedelta) -> Sequence[CalendarEvent]:
        since, until = starts_at - window, starts_at + window
        return [
            self._as_calendar_event(event)
            for event in self.events.values()
            if event.ends_at > since and event.starts_at < until
        ]

    def insert(self, event: EventBody) -> Outcome:
        if event.id in self.events:
            return Outcome(result=Result.REFUSED, code=DUPLICATE)
        self.events[event.id] = event
        return Outcome(result=Result.DONE, code="created", provider_id=event.id)

    def delete(self, event_id: str) -> Outcome:
        gone = event_id not in self.events or event_id in self.deleted
        self.deleted.add(event_id)
        return Outcome(result=Result.DONE, code="already_gone" if gone else "deleted")

    def _as_calendar_event(self, event: EventBody) -> CalendarEvent:
        return CalendarEvent(
            id=event.id,
            live=event.id not in self.deleted,
            title=event.title,
            starts_at=event.starts_at,
            recurring=False,
            marker=event.booking,
        )

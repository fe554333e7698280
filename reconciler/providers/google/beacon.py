"""The beacons in Google Calendar: events that say nothing to a reader, and everything in private properties."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.domain.beacon import Beacon, beacon_id
from reconciler.domain.decide.calendar_decision_table import Whose
from reconciler.domain.intents import Outcome, Result
from reconciler.domain.place import Place
from reconciler.ports import ProviderFailure, ShownBeacon
from reconciler.providers.google.calendar import (
    DELETED,
    HIDDEN_EVENT,
    PAGE,
    PAGE_KIND,
    GoogleCalendar,
    UnreadableError,
    calendar_outcome,
)

BEACON = "reconciler_beacon"
"""The property by which beacons are listed."""
_VERSION = "1"
_TEXT: Mapping[str, Any] = {
    "summary": "reconciler beacon",
    "description": "Made by reconciler; please leave it here. It shows when a second copy of the booking system's "
    "database acts, or when the database was restored.",
    "start": {"dateTime": "2099-01-01T03:00:00+00:00", "timeZone": "UTC"},
    "end": {"dateTime": "2099-01-01T04:00:00+00:00", "timeZone": "UTC"},
    **HIDDEN_EVENT,
}


@dataclass(frozen=True, slots=True)
class GoogleBeacons:
    """``ports.Beacons`` in one calendar."""

    calendar: GoogleCalendar

    def get(self, event_id: str) -> ShownBeacon | None:
        found: list[ShownBeacon] = []

        def call() -> Outcome:
            item = self.calendar.events.get(calendarId=self.calendar.calendar_id, eventId=event_id).execute()
            if item["id"] != event_id:
                raise UnreadableError
            live = item.get("status") != "cancelled"
            found.append(ShownBeacon(etag=str(item["etag"]), live=live, beacon=_beacon(item) if live else None))
            return Outcome(result=Result.DONE, code="found")

        seen = self.calendar.event_or_calendar(calendar_outcome(call, Whose.ASKED))
        if seen.code == DELETED:
            return ShownBeacon(etag="", live=False, beacon=None)
        if seen.result is Result.REFUSED:
            return None
        if seen.result is not Result.DONE:
            raise ProviderFailure(seen)
        return found[0]

    def others(self) -> Sequence[Beacon]:
        found: list[Beacon | None] = []

        def call() -> Outcome:
            request = self.calendar.events.list(
                calendarId=self.calendar.calendar_id,
                privateExtendedProperty=f"{BEACON}={_VERSION}",
                maxResults=PAGE,
            )
            while request is not None:
                page = request.execute()
                if page["kind"] != PAGE_KIND:
                    raise UnreadableError
                found.extend(_beacon(item) for item in page.get("items", ()))
                request = self.calendar.events.list_next(request, page)
            return Outcome(result=Result.DONE, code="read")

        seen = calendar_outcome(call, Whose.CANDIDATE)
        if seen.result is not Result.DONE:
            raise ProviderFailure(seen)
        return [beacon for beacon in found if beacon]

    def insert(self, beacon: Beacon) -> Outcome:
        body = {"id": beacon_id(beacon.installation, beacon.generation), **_TEXT, **_properties(beacon)}
        return self._write(
            lambda: self.calendar.events.insert(calendarId=self.calendar.calendar_id, body=body, sendUpdates="none"),
            body["id"],
        )

    def renew(self, beacon: Beacon, etag: str) -> Outcome:
        event_id = beacon_id(beacon.installation, beacon.generation)

        def request() -> Any:
            asked = self.calendar.events.patch(
                calendarId=self.calendar.calendar_id, eventId=event_id, body=_properties(beacon), sendUpdates="none"
            )
            # Of two copies that renew at once, the second is refused, and sees the first.
            asked.headers["If-Match"] = etag
            return asked

        return self._write(request, event_id)

    def _write(self, request: Any, event_id: str) -> Outcome:
        def call() -> Outcome:
            if request().execute()["id"] != event_id:
                raise UnreadableError
            return Outcome(result=Result.DONE, code="written", provider_id=event_id)

        return calendar_outcome(call, Whose.INSERTED)


def _properties(beacon: Beacon) -> dict[str, Any]:
    values = {
        BEACON: _VERSION,
        "installation": beacon.installation,
        "generation": str(beacon.generation),
        "system": beacon.place.system,
        "database": str(beacon.place.database),
        "timeline": "" if beacon.place.timeline is None else str(beacon.place.timeline),
        "server": beacon.server,
        "nonce": beacon.nonce,
        "mark": str(beacon.mark),
        "tables": ",".join(beacon.tables),
        "since": beacon.since.isoformat(),
    }
    return {"extendedProperties": {"private": values}}


def _beacon(item: Mapping[str, Any]) -> Beacon | None:
    """What the event says; ``None`` if somebody has changed it so that it says nothing."""
    said = item.get("extendedProperties", {}).get("private", {})
    try:
        timeline = said["timeline"]
        return Beacon(
            installation=said["installation"],
            generation=int(said["generation"]),
            place=Place(
                system=said["system"], database=int(said["database"]), timeline=int(timeline) if timeline else None
            ),
            server=said["server"],
            nonce=said["nonce"],
            mark=int(said["mark"]),
            tables=tuple(filter(None, said["tables"].split(","))),
            since=datetime.fromisoformat(said["since"]),
        )
    except (KeyError, ValueError):
        return None

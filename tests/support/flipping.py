"""A person, or time, does what ``explain`` names: each lever applied to the world, and to nothing else."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from psycopg import Connection, sql

from reconciler.domain.bookings import BookingId
from reconciler.domain.explain.remediation import Lever, Place, Wanted
from reconciler.ports import Services
from reconciler.settings import Settings
from tests.support.venue import LONDON

FILLED = {
    "guests": 12,
    "occasion": "Birthday",
    "start_time": "18:00",
    "provider_id": "SM" + "2" * 32,
    "phone": "+447700900999",
}
WRITTEN = {Wanted.EMPTY: None, Wanted.WITHOUT: "call first", Wanted.RESOLVED: "planned", Wanted.ENDED: "planned"}
_spare = count(1)
_SETTINGS: dict[str, Callable[[Services, Any], Services]] = {
    "rules.sms.missing.stale_after": lambda s, v: replace(s, texts=replace(s.texts, stale_after=v)),
    "rules.sms.missing.min_notice": lambda s, v: replace(s, texts=replace(s.texts, min_notice=v)),
    "rules.calendar.missing.deleted_by_hand": lambda s, v: replace(s, events=replace(s.events, deleted_by_hand=v[0])),
    "limits.generations": lambda s, v: replace(
        s,
        text_limits=replace(s.text_limits, generations=v),
        event_limits=replace(s.event_limits, generations=v),
    ),
}


def with_setting(services: Services, lever: Lever) -> Services:
    """The services as they would be with the key of cron.yaml as the lever wants it."""
    return _SETTINGS[lever.name](services, lever.value)


@dataclass(frozen=True)
class Hand:
    """Writes what levers name into the tables of the application and of the ledger."""

    settings: Settings
    connection: Connection[Any]
    now: datetime

    def move(self, booking: BookingId, levers: Iterable[Lever]) -> None:
        for lever in levers:
            match lever.place:
                case Place.BOOKING:
                    self._set("private_bookings", self._own(lever), [booking])
                case Place.CUSTOMER:
                    columns = self.settings.file.bookings.customers.columns.model_dump()
                    self._set("customers", {columns[lever.name]: self._value(lever)}, lever.rows)
                case Place.QUEUE:
                    columns = self.settings.file.rules.sms_missing.queue.columns.model_dump()
                    self._set("private_booking_sms_queue", {columns[lever.name]: self._value(lever)}, lever.rows)
                    self._put_back(booking, lever)
                case Place.LEDGER:
                    self._set("reconciler.intent", {"state": self._value(lever), "not_before": None}, lever.rows)
                case _:
                    raise AssertionError(f"no hand can move {lever}")

    def _own(self, lever: Lever) -> Mapping[str, Any]:
        columns = self.settings.file.bookings.columns.model_dump()
        name = columns.get(lever.name, lever.name)
        value = self._value(lever)
        if lever.name == "end_time" and isinstance(value, datetime):
            return {name: value.astimezone(LONDON).time(), columns["end_next_day"]: True}
        if lever.name == "date" and isinstance(value, datetime):
            return {name: value.astimezone(LONDON).date()}
        return {name: value}

    def _value(self, lever: Lever) -> Any:
        match lever.wanted, lever.value:
            case Wanted.ONE_OF, tuple() as values:
                return values[0]
            case Wanted.AFTER, datetime() as at:
                return at + (timedelta(hours=1) if lever.name == "end_time" else timedelta(days=2))
            case Wanted.FROM, at:
                return at
            case Wanted.OTHER, _ if lever.name == "date":
                return self.now + timedelta(days=300)
            case ((Wanted.USABLE | Wanted.OTHER), _):
                return f"+33639980{next(_spare) % 100:02d}1"  # the crowd's end with 9
            case Wanted.FILLED, _:
                return FILLED[lever.name]
            case wanted, _:
                return WRITTEN[wanted]

    def _set(self, table: str, values: Mapping[str, Any], rows: Iterable[str]) -> None:
        changes = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in values)
        statement = sql.SQL("UPDATE {} SET {} WHERE id = ANY(%s::uuid[])")
        target = sql.Identifier(*table.split("."))
        self.connection.execute(statement.format(target, changes), [*values.values(), list(rows)])

    def _put_back(self, booking: BookingId, lever: Lever) -> None:
        """A row that was handed over may be gone altogether."""
        if lever.value != ("approved",):
            return
        self.connection.execute(
            "INSERT INTO private_booking_sms_queue (id, booking_id, trigger_type, template_key, scheduled_for, "
            "message_body, customer_phone, customer_name, status, created_at) "
            "VALUES (%s, %s, 'booking_confirmed', 'x', %s, 'x', '', 'x', 'approved', %s) ON CONFLICT DO NOTHING",
            [lever.rows[0], booking, self.now, self.now],
        )

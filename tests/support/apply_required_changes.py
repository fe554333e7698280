"""Apply the changes that ``explain`` names, and no others: to the application, to the ledger, or to the settings."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from psycopg import Connection, sql

from reconciler.domain.bookings import BookingId
from reconciler.domain.explain.remediation import Constraint, Location, RequiredChange
from reconciler.ports import Services
from reconciler.settings import Settings
from tests.support.application_db import LONDON

FILLED = {
    "guests": 12,
    "occasion": "Birthday",
    "start_time": "18:00",
    "provider_id": "SM" + "2" * 32,
    "phone": "+447700900999",
}
WRITTEN = {
    Constraint.EMPTY: None,
    Constraint.WITHOUT: "call first",
    Constraint.RESOLVED: "planned",
    Constraint.ENDED: "planned",
}
_spare = count(1)
_SETTINGS: dict[str, Callable[[Services, Any], Services]] = {
    "rules.sms.missing.stale_after": lambda s, v: replace(s, sms_policy=replace(s.sms_policy, stale_after=v)),
    "rules.sms.missing.min_notice": lambda s, v: replace(s, sms_policy=replace(s.sms_policy, min_notice=v)),
    "rules.sms.missing.countries": lambda s, v: replace(
        s, sms_policy=replace(s.sms_policy, countries=s.sms_policy.countries | {v})
    ),
    "limits.segments": lambda s, v: replace(s, sms_policy=replace(s.sms_policy, segments=v)),
    "rules.calendar.missing.deleted_by_hand": lambda s, v: replace(
        s, calendar_policy=replace(s.calendar_policy, deleted_by_hand=v[0])
    ),
    "limits.generations": lambda s, v: replace(
        s,
        sms_limits=replace(s.sms_limits, generations=v),
        calendar_limits=replace(s.calendar_limits, generations=v),
    ),
}


def with_setting(services: Services, change: RequiredChange) -> Services:
    """The services as they would be with the key of cron.yaml as the change wants it."""
    return _SETTINGS[change.name](services, change.value)


@dataclass(frozen=True)
class RequiredChangeWriter:
    """Writes required changes into the tables of the application and of the ledger."""

    settings: Settings
    connection: Connection[Any]
    now: datetime

    def write(self, booking: BookingId, required_changes: Iterable[RequiredChange]) -> None:
        for change in required_changes:
            match change.place:
                case Location.BOOKING:
                    self._set("private_bookings", self._own(change), [booking])
                case Location.CUSTOMER:
                    columns = self.settings.file.bookings.customers.columns.model_dump()
                    self._set("customers", {columns[change.name]: self._value(change)}, change.rows)
                case Location.QUEUE:
                    columns = self.settings.file.rules.sms_missing.queue.columns.model_dump()
                    self._set("private_booking_sms_queue", {columns[change.name]: self._value(change)}, change.rows)
                    self._put_back(booking, change)
                case Location.LEDGER:
                    self._set("reconciler.intent", {"state": self._value(change), "not_before": None}, change.rows)
                case _:
                    raise AssertionError(f"no test can write {change}")

    def _own(self, change: RequiredChange) -> Mapping[str, Any]:
        columns = self.settings.file.bookings.columns.model_dump()
        name = columns.get(change.name, change.name)
        value = self._value(change)
        if change.name == "end_time" and isinstance(value, datetime):
            return {name: value.astimezone(LONDON).time(), columns["end_next_day"]: True}
        if change.name == "date" and isinstance(value, datetime):
            return {name: value.astimezone(LONDON).date()}
        return {name: value}

    def _value(self, change: RequiredChange) -> Any:
        match change.wanted, change.value:
            case Constraint.ONE_OF, tuple() as values:
                return values[0]
            case Constraint.AFTER, datetime() as at:
                return at + (timedelta(hours=1) if change.name == "end_time" else timedelta(days=2))
            case Constraint.FROM, at:
                return at
            case Constraint.OTHER, _ if change.name == "date":
                return self.now + timedelta(days=300)
            case ((Constraint.USABLE | Constraint.OTHER), _):
                return f"+33639980{next(_spare) % 100:02d}1"  # `random_bookings` draws French numbers that end with 9
            case Constraint.FILLED, _:
                return FILLED[change.name]
            case wanted, _:
                return WRITTEN[wanted]

    def _set(self, table: str, values: Mapping[str, Any], rows: Iterable[str]) -> None:
        changes = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in values)
        statement = sql.SQL("UPDATE {} SET {} WHERE id = ANY(%s::uuid[])")
        target = sql.Identifier(*table.split("."))
        self.connection.execute(statement.format(target, changes), [*values.values(), list(rows)])

    def _put_back(self, booking: BookingId, change: RequiredChange) -> None:
        """A row that was handed over may be gone altogether."""
        if change.value != ("approved",):
            return
        self.connection.execute(
            "INSERT INTO private_booking_sms_queue (id, booking_id, trigger_type, template_key, scheduled_for, "
            "message_body, customer_phone, customer_name, status, created_at) "
            "VALUES (%s, %s, 'booking_confirmed', 'x', %s, 'x', '', 'x', 'approved', %s) ON CONFLICT DO NOTHING",
            [change.rows[0], booking, self.now, self.now],
        )

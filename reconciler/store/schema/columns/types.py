"""The types that our statements rely on, and what to write in cron.yaml where a column has another one.

No remedy changes a type: what a column's values mean, only its owner knows, and the mapping can say it.
"""

from collections.abc import Iterator

from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.store.app.mapping import TEXTED
from reconciler.store.schema.catalog import CatalogColumn, CatalogTable
from reconciler.store.schema.requirements import TableRequirements

INSTANT, CIVIL = "timestamp with time zone", "timestamp without time zone"
_CLOCK = ("time without time zone",)
_NUMBER = ("integer", "smallint", "bigint", "numeric", "real", "double precision")
EXPECTED_TYPES: dict[str, tuple[str, ...]] = {
    "created_at": (INSTANT,),
    "created_utc": (CIVIL,),
    "created_local": (CIVIL,),
    "created_date": ("date",),
    "created_time": _CLOCK,
    "due": (INSTANT,),
    "due_utc": (CIVIL,),
    "due_local": (CIVIL,),
    "due_date": ("date",),
    "due_time": _CLOCK,
    "starts_at": (INSTANT,),
    "starts_utc": (CIVIL,),
    "starts_local": (CIVIL,),
    "date": ("date",),
    "start_time": _CLOCK,
    "ends_at": (INSTANT,),
    "ends_utc": (CIVIL,),
    "ends_local": (CIVIL,),
    "end_date": ("date",),
    "end_time": _CLOCK,
    "length_minutes": _NUMBER,
    "length_hours": _NUMBER,
    "length": ("interval",),
    "end_next_day": ("boolean",),
    "date_tbd": ("boolean",),
    "opt_in": ("boolean",),
    "sent_at": (INSTANT,),
    "sent_utc": (CIVIL,),
    "sent_local": (CIVIL,),
    "sent_date": ("date",),
    "sent_time": _CLOCK,
    "scheduled_for": (INSTANT,),
}
"""By our names; any text-like type will do for other columns. A column that is added gets the first."""
_KEYS = {f"{key}_{form}": key for key in ("starts", "ends", "created", "due") for form in ("at", "utc", "local")} | {
    "due": "due", "date": "starts", "start_time": "starts", "end_time": "ends",
}  # fmt: skip
"""Our name of a column that holds a time -> the key of ``bookings`` that takes it in any form."""
_COUNTED_BY = dict.fromkeys(_NUMBER, "minutes") | {"interval": "length"}


def type_faults(table: CatalogTable, need: TableRequirements) -> Iterator[IntegrationFault]:
    """A fault for each column of a type that our statements cannot use."""
    mapped = need.mapped
    for ours, expected in EXPECTED_TYPES.items():
        seen = table.columns.get(mapped.columns.get(ours, ""))
        if seen and seen.type not in expected:
            yield _fault(need, seen, f"{expected[0]} is needed", _remedy(ours, seen))
    for name in need.instants:
        seen = table.columns.get(name)
        if seen and seen.type != INSTANT:
            yield _fault(need, seen, f"{INSTANT} is needed", _OTHER)
    marked = table.columns.get(mapped.columns.get(TEXTED, ""))
    if marked and not marked.is_text and marked.type not in (INSTANT, "boolean", *_NUMBER[:4]):
        yield _fault(need, marked, f"it is to say that a text was sent: {INSTANT}, boolean or text is needed", _LEDGER)
    called = table.columns.get(mapped.columns.get("reference", ""))
    if called and not called.is_text and called.type not in _CODES:
        yield _fault(need, called, "cannot hold a booking's code", _NO_CODE)
    stored = table.columns.get(mapped.columns.get("event_id", ""))
    if stored and not stored.is_text:
        yield _fault(need, stored, "cannot hold an event's id", "map the text column that holds the event's id")


_OTHER = "map a column of that type in cron.yaml"
_LEDGER = "write record: {sms: ledger} in cron.yaml; the column still shows what the application has sent"
_CODES = ("integer", "smallint", "bigint", "uuid")
_NO_CODE = "map the column of the code that customers see as bookings.reference in cron.yaml, or leave the key out"


def _remedy(ours: str, seen: CatalogColumn) -> str:
    key, kind = _KEYS.get(ours), seen.type
    if key and kind == INSTANT:
        return f"if it is the right column, write bookings: {{{key}: {seen.name}}} in cron.yaml"
    if key and kind == CIVIL:
        ways = [f"{key}: {{{zone}: {seen.name}}}" for zone in ("utc", "local")]
        return f"say in cron.yaml whether its times are UTC or the venue's: bookings: {{{ways[0]}}} or {{{ways[1]}}}"
    if key == "ends" and kind in _COUNTED_BY:
        return f"say in cron.yaml that it is a duration: bookings: {{ends: {{{_COUNTED_BY[kind]}: {seen.name}}}}}"
    return _OTHER


def _fault(need: TableRequirements, seen: CatalogColumn, wanted: str, remedy: str) -> IntegrationFault:
    return IntegrationFault(
        kind=GapKind.INTEGRATION_SCHEMA,
        code="column_type",
        seen=f"{need.mapped.label}.{seen.name} is {seen.type}, and {wanted}",
        remedy=remedy,
        blinds=True,
    )

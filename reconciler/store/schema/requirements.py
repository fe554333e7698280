"""What scans and repairs need of the application's tables, by our names; ``checks`` compares it with the tables."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from reconciler.domain.decide.policies import Deliver, Record
from reconciler.domain.gaps import Effect, GapKind
from reconciler.domain.rules.registry import report_of
from reconciler.store.app.mapping import (
    TEXTED,
    AppMapping,
    EvidenceColumn,
    EvidenceLog,
    EvidenceRows,
    MappedJoin,
    MappedTable,
)

UPDATED_IN_QUEUE = {Deliver.RECONCILER: ("status", "provider_id", "sent_at", "error"), Deliver.APPLICATION: ()}
"""Of our own rows; one that was handed over is the application's."""
NEVER_READ = frozenset({"template", "customer_name", "scheduled_for"})
"""Columns of the queue that repairs fill and never read."""
FILLED_LATER = frozenset({"sent_at", "provider_id"})
"""Columns that a new row of ours leaves empty; ``doctor`` tries out a row in its last state, and fills them."""
PLACE = ("tableoid", "ctid")
"""PostgreSQL's own columns by which a locked row is found again; a right per column does not include them."""


def written_statuses(application: AppMapping) -> tuple[str, ...]:
    """The statuses of the rows that we write into the queue."""
    if application.deliver is Deliver.APPLICATION:
        return ("approved",)
    return tuple(dict.fromkeys((application.in_flight, "sent", "cancelled")))


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRead:
    """A column that a key of cron.yaml names for a name, a number or a fact, or for a join."""

    key: str
    column: str
    in_json: bool | None = None
    """Whether a place inside JSON is read. ``None``: the column is only compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRequirement:
    name: str
    mapped: MappedJoin
    base: MappedTable
    """The table of the rows that it is joined to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRequirements:
    """What is needed of one table."""

    mapped: MappedTable
    never_read: frozenset[str] = frozenset()
    inserts: frozenset[str] = frozenset()
    tried_out: frozenset[str] = frozenset()
    """What a trial row fills besides; no pass does, so no pass asks for the right."""
    updates: frozenset[str] = frozenset()
    locks: bool = False
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Values that must be legal in a column."""
    one_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """At least one of these values must be legal in the column: else nothing could ever be found."""
    selects_by: tuple[str, ...] = ()
    """Their names of further columns that the statements compare."""
    compared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Their names of columns -> the values that ``where`` compares them with."""
    instants: tuple[str, ...] = ()
    """Their names of those among them that must hold a point in time."""
    refers: Mapping[str, MappedTable] = field(default_factory=dict)
    """Columns that hold another table's id, and that table."""
    reads: tuple[ColumnRead, ...] = ()
    shows: bool = False
    """Its rows show an effect: they are only read, also by a repair."""
    join: JoinRequirement | None = None
    """By what its rows belong to bookings, if it is there for names, numbers or facts."""

    @property
    def where_key(self) -> str:
        """The key of cron.yaml that says which rows of the table count."""
        if self.join is not None:
            return f"bookings.join.{self.join.name}.where"
        return f"the `where` of {self.mapped.label} under evidence" if self.shows else "bookings.where"

    @property
    def selects(self) -> list[str]:
        """Their names of the columns that are read; of a row that is locked also where it is."""
        read = [theirs for ours, theirs in self.mapped.columns.items() if ours not in self.never_read]
        more = (*self.selects_by, *(one.column for one in self.reads))
        return list(dict.fromkeys([*read, *more, *(PLACE if self.locks else ())]))

    @property
    def updated(self) -> list[str]:
        """Their names of the columns that we must be able to update: one at least, where rows are locked."""
        if self.locks and not self.updates:
            # PostgreSQL wants UPDATE on any one column for SELECT .. FOR UPDATE.
            return [self.mapped.columns.get("event_id", self.mapped.columns["status"])]
        return self.theirs(self.updates)

    @property
    def privileges(self) -> dict[str, list[str]]:
        """Each privilege, and the columns it is needed for."""
        return {"SELECT": self.selects, "INSERT": self.theirs(self.inserts), "UPDATE": self.updated}

    def read_only(self) -> "TableRequirements":
        """The same without the right to write."""
        nothing: frozenset[str] = frozenset()
        return replace(self, inserts=nothing, tried_out=nothing, updates=nothing, locks=False)

    def theirs(self, ours: Iterable[str]) -> list[str]:
        """Their names, in our order."""
        wanted = set(ours)
        return [theirs for name, theirs in self.mapped.columns.items() if name in wanted]


def of_effect(application: AppMapping, effect: Effect) -> list[TableRequirements]:
    """For the scan and the repairs of one effect. Evidence comes first: hidden queue rows make every booking a gap."""
    record = application.records[effect]
    written = {TEXTED if effect is Effect.SMS else "event_id"} if record is Record.COLUMN else ()
    bookings = replace(_bookings(application), locks=record is not Record.LEDGER, updates=frozenset(written))
    if effect is Effect.SMS:
        lapsing = application.lapsing
        bookings = replace(bookings, selects_by=(*bookings.selects_by, *lapsing), instants=lapsing)
    shown_by = application.evidence.get(effect, ())
    own = {one.column for one in shown_by if isinstance(one, EvidenceColumn)}
    own |= {one.booking_column for one in shown_by if isinstance(one, EvidenceRows)}
    bookings = replace(bookings, selects_by=tuple(dict.fromkeys((*bookings.selects_by, *sorted(own)))))
    needs = [
        *_joined(application),
        *(_shown_by(application, one) for one in shown_by if not isinstance(one, EvidenceColumn)),
        bookings,
    ]
    if application.customers:
        needs.insert(0, TableRequirements(mapped=application.customers))
    if effect is Effect.SMS and application.queue:
        writes = record is Record.QUEUE
        queue = TableRequirements(
            mapped=application.queue,
            never_read=NEVER_READ,
            inserts=frozenset(application.queue.columns) - {"approved_by"} - FILLED_LATER,
            tried_out=FILLED_LATER,
            updates=frozenset(UPDATED_IN_QUEUE[application.deliver]) & frozenset(application.queue.columns),
            values={"status": written_statuses(application), "trigger": application.triggers},
            refers={"booking_id": application.bookings},
        )
        needs.insert(0, queue if writes else replace(queue.read_only(), values={}))
    return needs


def _shown_by(application: AppMapping, one: EvidenceRows | EvidenceLog) -> TableRequirements:
    """The rows of another table that show an effect: they are only read."""
    need = TableRequirements(
        mapped=one.table,
        shows=True,
        selects_by=tuple(sorted(one.where)),
        compared={name: wanted.any_of for name, wanted in one.where.items() if wanted.any_of},
    )
    if isinstance(one, EvidenceLog):
        return need
    return replace(need, refers={"link": replace(application.bookings, columns={"id": one.booking_column})})


def of_report_only(application: AppMapping, kind: GapKind) -> list[TableRequirements]:
    """For the scan of a report-only rule: few columns of the queue, and no right to write."""
    needs = [*_joined(application), _bookings(application)]
    if application.customers:
        needs.insert(0, TableRequirements(mapped=application.customers))
    if application.queue:
        read = ("id", "booking_id", "status", "provider_id", *report_of(kind).times)
        columns = {ours: theirs for ours, theirs in application.queue.columns.items() if ours in read}
        queue = replace(application.queue, columns=columns)
        refers = {"booking_id": application.bookings}
        needs.insert(0, TableRequirements(mapped=queue, one_of={"status": report_of(kind).statuses}, refers=refers))
    return needs


def of_dates(application: AppMapping) -> TableRequirements:
    """For deciding whether a booking is over; no right to write."""
    read = ("id", "date", "start_time", "starts_at", "starts_utc", "starts_local", "date_tbd", "notes")
    columns = {ours: theirs for ours, theirs in application.bookings.columns.items() if ours in read}
    return TableRequirements(mapped=replace(application.bookings, columns=columns))


def _bookings(application: AppMapping) -> TableRequirements:
    customers = application.customers if "customer_id" in application.bookings.columns else None
    filters = (application.only, application.where, *application.rule_filters.values())
    return TableRequirements(
        mapped=application.bookings,
        values={"status": application.statuses},
        compared={name: one.any_of for name, one in application.where.items() if one.any_of},
        selects_by=tuple(sorted({name for names in filters for name in names})),
        refers={"customer_id": customers} if customers else {},
        reads=(*_fields(application, None), *_keys(application)),
    )


def _joined(application: AppMapping) -> list[TableRequirements]:
    """The tables of ``bookings.join``, in every statement that reads bookings in full."""
    return [
        TableRequirements(
            # Without our names: one of the application's that is spelled like one of ours has another meaning here.
            mapped=replace(join.table, columns={}),
            reads=(
                *(ColumnRead(key=f"bookings.join.{name}.on", column=theirs) for theirs in join.on),
                *([ColumnRead(key=f"bookings.join.{name}.first_by", column=join.first_by)] if join.first_by else []),
                *_keys_of(application, name),
                *_fields(application, name),
            ),
            join=JoinRequirement(name=name, mapped=join, base=_base(application, join)),
            selects_by=tuple(sorted(join.where)),
            compared={column: wanted.any_of for column, wanted in join.where.items() if wanted.any_of},
        )
        for name, join in application.joins.items()
    ]


def _fields(application: AppMapping, join: str | None) -> Iterator[ColumnRead]:
    """Names, numbers and facts that are read through the join; what ``columns`` names is among the table's columns."""
    named = set(application.bookings.columns.values()) if join is None else set()
    for one in application.fields:
        if one.join == join and not (one.column in named and one.key.startswith("bookings.columns.")):
            yield ColumnRead(key=one.key, column=one.column, in_json=bool(one.path))


def _keys(application: AppMapping) -> Iterator[ColumnRead]:
    """The bookings' own columns that joins go by."""
    yield from _keys_of(application, None)


def _keys_of(application: AppMapping, through: str | None) -> Iterator[ColumnRead]:
    """The columns that joins go by: the bookings' own, or those of the rows that are joined as ``through``."""
    for name, join in application.joins.items():
        for own in join.on.values() if join.through == through else ():
            yield ColumnRead(key=f"bookings.join.{name}.on", column=own)


def _base(application: AppMapping, join: MappedJoin) -> MappedTable:
    base = application.joins.get(join.through) if join.through else None
    return replace(base.table, columns={}) if base else application.bookings

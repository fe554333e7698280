"""The database: the application's bookings and our ledger.

A transaction is short; a provider is never called inside one. Every method may raise ``DatabaseUnreachable`` (no
connection, or it went away) and ``DatabaseDisagrees`` (it answers, but not in the way the mapping needs).
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from reconciler.ports.alerting import Incidents, Outbox
from reconciler.ports.bookings import Bookings
from reconciler.ports.coverage import BacklogBookings, CoverageCounts
from reconciler.ports.doctor import ServerInfo
from reconciler.ports.evidence import SentTexts, StoredEvents, TextRecords
from reconciler.ports.intents import Intents
from reconciler.ports.ledger import DueMoments, Gaps, Ledger, Rates, RepairLocks, Runs, StoredClocks
from reconciler.ports.place import BeaconLedger, Places
from reconciler.ports.removals import Removals
from reconciler.ports.retention import Retention


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    bookings: Bookings
    texts: SentTexts
    text_records: TextRecords
    events: StoredEvents
    ledger: Ledger
    places: Places
    beacon: BeaconLedger
    clocks: StoredClocks
    intents: Intents
    removals: Removals
    moments: DueMoments
    backlog: BacklogBookings
    coverage: CoverageCounts
    repair_locks: RepairLocks
    gaps: Gaps
    runs: Runs
    rates: Rates
    incidents: Incidents
    outbox: Outbox
    retention: Retention


class Store(Protocol):
    def server(self) -> ServerInfo:
        """Facts about the server and the connection to it.

        Raises:
            DatabaseRefuses: it is a read-only standby.
        """
        ...

    def clock_skew(self) -> timedelta:
        """How far the database's clock is ahead of this machine's real clock, whatever clock a pass uses."""
        ...

    def reading(self) -> AbstractContextManager[Transaction]:
        """One consistent, read-only transaction: every statement sees the same snapshot."""
        ...

    def writing(self) -> AbstractContextManager[Transaction]:
        """One short transaction, committed at the end: every statement sees what other transactions have committed."""
        ...

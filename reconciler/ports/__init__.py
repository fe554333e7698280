"""What the engine needs from outside, as Protocols; ``wiring.assembly`` chooses the implementations.

Reads that fail raise (``ReconcilerError`` for the database, ``ProviderFailure`` for a provider); provider writes
*return* an ``Outcome``, because the outcome of a write is data to record, not an exception to lose.
"""

from reconciler.domain.bookings import StoredEvent
from reconciler.ports.alerting import Incidents, Outbox
from reconciler.ports.bookings import Bookings, Lock
from reconciler.ports.coverage import BacklogBookings, CountedDays, CoverageCounts
from reconciler.ports.doctor import CalendarFacts, Pooler, ServerInfo, SmsDelivery
from reconciler.ports.drill import DrillEnvironment, DrillStage
from reconciler.ports.evidence import SentTexts, StoredEvents, StoredRecord, TextRecord, TextRecords, TextState
from reconciler.ports.intents import Intents, NewIntent
from reconciler.ports.ledger import (
    SCAN_MS,
    SCAN_PARTS,
    DueMoments,
    Gaps,
    Installation,
    Ledger,
    NewGap,
    Rates,
    RepairLocks,
    Runner,
    Runs,
    StoredClocks,
)
from reconciler.ports.place import CHANGED, BeaconLedger, Beacons, Places, ShownBeacon
from reconciler.ports.providers import (
    DUPLICATE,
    Calendar,
    CredentialsRejected,
    MessageWriter,
    OutgoingSms,
    PhoneNumbers,
    ProviderFailure,
    SmsGateway,
    TemplateTrial,
    Unwritable,
)
from reconciler.ports.removals import Removals
from reconciler.ports.reporting import HeartbeatTrials, Notifier, Route
from reconciler.ports.retention import Cursor, IntentPage, Prunable, Retention
from reconciler.ports.services import AlertingServices, Clock, Mandate, PassServices, RepairServices, Services, Window
from reconciler.ports.store import Store, Transaction

__all__ = [
    "CHANGED",
    "DUPLICATE",
    "SCAN_MS",
    "SCAN_PARTS",
    "AlertingServices",
    "BacklogBookings",
    "BeaconLedger",
    "Beacons",
    "Bookings",
    "Calendar",
    "CalendarFacts",
    "Clock",
    "CountedDays",
    "CoverageCounts",
    "CredentialsRejected",
    "Cursor",
    "DrillEnvironment",
    "DrillStage",
    "DueMoments",
    "Gaps",
    "HeartbeatTrials",
    "Incidents",
    "Installation",
    "IntentPage",
    "Intents",
    "Ledger",
    "Lock",
    "Mandate",
    "MessageWriter",
    "NewGap",
    "NewIntent",
    "Notifier",
    "Outbox",
    "OutgoingSms",
    "PassServices",
    "PhoneNumbers",
    "Places",
    "Pooler",
    "ProviderFailure",
    "Prunable",
    "Rates",
    "Removals",
    "RepairLocks",
    "RepairServices",
    "Retention",
    "Route",
    "Runner",
    "Runs",
    "SentTexts",
    "ServerInfo",
    "Services",
    "ShownBeacon",
    "SmsDelivery",
    "SmsGateway",
    "Store",
    "StoredClocks",
    "StoredEvent",
    "StoredEvents",
    "StoredRecord",
    "TemplateTrial",
    "TextRecord",
    "TextRecords",
    "TextState",
    "Transaction",
    "Unwritable",
    "Window",
]

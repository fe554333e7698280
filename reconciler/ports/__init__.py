"""What the engine needs from outside, as Protocols; ``wiring.assembly`` chooses the implementations.

Reads that fail raise (``ReconcilerError`` for the database, ``ProviderFailure`` for a provider); provider writes
*return* an ``Outcome``, because the outcome of a write is data to record, not an exception to lose.
"""

from reconciler.domain.bookings import StoredEvent
from reconciler.ports.alerting import Incidents, Outbox
from reconciler.ports.bookings import Bookings, Lock, OwnQueueRow, QueueRow
from reconciler.ports.coverage import Backlog, CountedDays, CoverageCounts
from reconciler.ports.doctor import CalendarFacts, Pooler, ServerInfo, SmsDelivery
from reconciler.ports.drill import DrillEnvironment, DrillStage
from reconciler.ports.intents import Intents, NewIntent
from reconciler.ports.ledger import Gaps, Installation, Ledger, NewGap, Rates, Runner, Runs
from reconciler.ports.providers import (
    DUPLICATE,
    Calendar,
    MessageWriter,
    OutgoingSms,
    PhoneNumbers,
    ProviderFailure,
    SmsGateway,
    Unwritable,
)
from reconciler.ports.removals import Removals
from reconciler.ports.reporting import Notifier, Route
from reconciler.ports.retention import Cursor, IntentPage, Prunable, Retention
from reconciler.ports.services import AlertingServices, Clock, Mandate, PassServices, RepairServices, Services, Window
from reconciler.ports.store import Store, Transaction

__all__ = [
    "DUPLICATE",
    "AlertingServices",
    "Backlog",
    "Bookings",
    "Calendar",
    "CalendarFacts",
    "Clock",
    "CountedDays",
    "CoverageCounts",
    "Cursor",
    "DrillEnvironment",
    "DrillStage",
    "Gaps",
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
    "OwnQueueRow",
    "PassServices",
    "PhoneNumbers",
    "Pooler",
    "ProviderFailure",
    "Prunable",
    "QueueRow",
    "Rates",
    "Removals",
    "RepairServices",
    "Retention",
    "Route",
    "Runner",
    "Runs",
    "ServerInfo",
    "Services",
    "SmsDelivery",
    "SmsGateway",
    "Store",
    "StoredEvent",
    "Transaction",
    "Unwritable",
    "Window",
]

"""What the engine needs of the world, as Protocols; ``bootstrap`` decides who answers.

Reads that fail raise (``ReconcilerError`` for the database, ``ProviderFailure`` for a provider); provider writes
*return* an ``Outcome``, because what became of a write is data to be recorded, not an exception to be lost.
"""

from reconciler.ports.alerting import Episodes, Outbox
from reconciler.ports.bookings import Bookings, Lock, OurRow, QueueRow, StoredEvent
from reconciler.ports.doctor import CalendarFacts, Delivery, Pooler, Server
from reconciler.ports.drill import Rehearsal, Stage
from reconciler.ports.ledger import Installation, Ledger, NewIntent, Runner
from reconciler.ports.providers import (
    DUPLICATE,
    Calendar,
    OutgoingText,
    PhoneNumbers,
    ProviderFailure,
    SmsGateway,
    Unwritable,
    Wording,
)
from reconciler.ports.reporting import Reporter, Route
from reconciler.ports.retention import Kept, Page, Place, Retention
from reconciler.ports.services import Clock, Mandate, Services, Window
from reconciler.ports.store import Store, Transaction

__all__ = [
    "DUPLICATE",
    "Bookings",
    "Calendar",
    "CalendarFacts",
    "Clock",
    "Delivery",
    "Episodes",
    "Installation",
    "Kept",
    "Ledger",
    "Lock",
    "Mandate",
    "NewIntent",
    "OurRow",
    "Outbox",
    "OutgoingText",
    "Page",
    "PhoneNumbers",
    "Place",
    "Pooler",
    "ProviderFailure",
    "QueueRow",
    "Rehearsal",
    "Reporter",
    "Retention",
    "Route",
    "Runner",
    "Server",
    "Services",
    "SmsGateway",
    "Stage",
    "Store",
    "StoredEvent",
    "Transaction",
    "Unwritable",
    "Window",
    "Wording",
]

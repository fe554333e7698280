"""Facts that only the doctor asks for: the database server, the delivery of a text, the calendar."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Pooler(StrEnum):
    """What the connection to the database passes through."""

    NONE = "direct"
    SESSION = "session pooler"
    TRANSACTION = "transaction pooler"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    version: str
    """As PostgreSQL writes it, such as 15.20."""
    major: int
    role: str
    is_superuser: bool
    bypasses_policies: bool
    ahead: timedelta
    """How far its clock is ahead of this machine's; negative if it is behind."""
    pooler: Pooler = Pooler.NONE
    plaintext_to: str = ""
    """The address that the connection goes to without TLS; '' with TLS, and where nothing leaves this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsDelivery:
    """The delivery of a message."""

    status: str
    """As the provider names it."""
    error: str
    """The provider's error code, '' without one."""
    is_final: bool
    arrived: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarFacts:
    role: str
    """Our access role, as the provider names it."""
    zone: str
    """The time zone that the calendar is shown in."""
    is_the_accounts_own: bool = False
    """Whether it is the service account's own calendar. Only Google's API can share that one with a person."""

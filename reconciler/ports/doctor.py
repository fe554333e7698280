"""What only an spec asks: facts about the database's server, and how a text that was sent fared."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Pooler(StrEnum):
    """What stands between us and the database."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsDelivery:
    """How a message fares."""

    status: str
    """The provider's word."""
    error: str
    """The provider's error code, '' without one."""
    is_final: bool
    arrived: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarFacts:
    role: str
    """What we may do in it, in the provider's word."""
    zone: str
    """The zone it is shown in."""

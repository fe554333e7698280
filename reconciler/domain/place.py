"""Where an installation may act: its place is one PostgreSQL cluster and one database in it.

A copy of the database has another place, and production's keys must not let it act unnoticed. A failover keeps the
place and begins a new timeline: it is alerted, and texts that were due earlier are sent with caution only.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from reconciler.domain.gaps import GapKind, IntegrationFault

SAME_COMMAND = "reconciler migrate --same-installation"
NEW_COMMAND = "reconciler migrate --new-installation"
UNBIND = "UPDATE reconciler.installation SET database_oid = NULL"
DECIDE = (
    f"if this database replaces the old one (upgrade, restore, move): `{SAME_COMMAND}`; "
    f"if it is a copy and the original lives on: `{NEW_COMMAND}`, with keys of its own"
)
"""The remedy wherever a person has to say which database this is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One database. Neither id is a secret, and neither survives a copy."""

    system: str
    """The cluster's system identifier; '' if our role may not read it."""
    database: int
    """The database's oid."""
    timeline: int | None = None
    """The cluster's timeline, which each promotion raises; ``None`` if it cannot be read."""

    def __str__(self) -> str:
        return f"cluster {self.system or 'not readable'}, database oid {self.database}"


class PlaceStatus(StrEnum):
    """How the database compares with the place that the ledger is bound to."""

    SAME = "same"
    UNBOUND = "unbound"
    """The ledger is bound to no database, and has nothing in it that acting could harm."""
    NEVER_BOUND = "never_bound"
    """The ledger holds repairs of a time when it did not keep its place. It may be a copy of the original."""
    OTHER = "another_place"
    NEW_TIMELINE = "new_timeline"

    @property
    def forbids(self) -> bool:
        """Whether nothing may act until a person decides."""
        return self in (PlaceStatus.OTHER, PlaceStatus.NEVER_BOUND)

    @property
    def is_home(self) -> bool:
        """Whether the ledger is bound to this very database."""
        return self in (PlaceStatus.SAME, PlaceStatus.NEW_TIMELINE)


class CautionReason(StrEnum):
    """Why the ledger may know less than the world."""

    NONE = ""
    NEW_TIMELINE = "new_timeline"
    """A failover, or a restore to a point in time. The last transactions may be lost."""
    ANOTHER_PLACE = "another_place"
    """A person said that the database was moved or restored."""
    NEW_INSTALLATION = "new_installation"
    """A person said that this is a copy with a life of its own."""
    LOST_LEDGER = "lost_ledger"
    """The ledger is new, and the application's tables or the calendar show that there was one before."""
    RESTORED = "restored"
    """The beacon in the calendar is ahead of the ledger: the ledger was put back to an earlier state."""
    BEACON_SETTLED = "beacon_settled"
    """A person said that this is the installation, after another copy had acted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caution:
    """Since when, and why. Texts that were due before ``since`` are affected, and no others."""

    since: datetime
    reason: CautionReason

    def concerns(self, due_at: datetime) -> bool:
        """Whether a text that is due since then may have been sent and forgotten."""
        return due_at < self.since


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceView:
    """The place as the ledger and the server show it."""

    here: Place
    bound: Place | None
    status: PlaceStatus
    caution: Caution | None = None

    @property
    def is_readable(self) -> bool:
        return bool(self.here.system)

    @property
    def known(self) -> Place:
        """What is known of this database: what cannot be read now is as it was bound, if it was bound here."""
        if self.bound is None or not self.status.is_home:
            return self.here
        timeline = self.bound.timeline if self.here.timeline is None else self.here.timeline
        return replace(self.here, system=self.here.system or self.bound.system, timeline=timeline)

    @property
    def is_settled(self) -> bool:
        """Whether entering would change nothing: acting is refused, or all that is known is bound."""
        return self.status.forbids or self.known == self.bound


def judge_place(bound: Place | None, here: Place, *, has_repairs: bool) -> PlaceStatus:
    """How this database compares with the bound one. What cannot be read is shown, and counts as the same.

    ``has_repairs``: whether the ledger holds any. A copy would act on them with the ids of the original.
    """
    if bound is None:
        return PlaceStatus.NEVER_BOUND if has_repairs else PlaceStatus.UNBOUND
    other_cluster = bool(bound.system and here.system) and bound.system != here.system
    if other_cluster or bound.database != here.database:
        return PlaceStatus.OTHER
    known = bound.timeline is not None and here.timeline is not None
    return PlaceStatus.NEW_TIMELINE if known and bound.timeline != here.timeline else PlaceStatus.SAME


def refusal_seen(view: PlaceView) -> str:
    """Why nothing may act, in one sentence."""
    if view.status is PlaceStatus.NEVER_BOUND:
        return f"the ledger holds repairs and is bound to no database: whether {view.here} is a copy cannot be told"
    return f"this database is not the one that the installation is bound to: it is {view.here}, bound is {view.bound}"


def bound_unseen(here: Place) -> str:
    """What a person has to know who bound a ledger with repairs in it without a word about the place."""
    return (
        f"bound to {here}, the first place that this ledger keeps. If it is a copy and the original lives on, let "
        f"nothing act here: `{UNBIND}`, then `{NEW_COMMAND}`"
    )


_CAUTION_SEEN = {
    CautionReason.NEW_TIMELINE: "the database has a new timeline (a failover or a restore): "
    "the ledger's last transactions may be lost",
    CautionReason.ANOTHER_PLACE: "the installation has moved to another place",
    CautionReason.NEW_INSTALLATION: "this database has become an installation of its own",
    CautionReason.LOST_LEDGER: "the ledger is new, and the application's tables hold what an earlier one made",
    CautionReason.RESTORED: "the beacon in the calendar is ahead of the ledger: the ledger was restored",
    CautionReason.BEACON_SETTLED: "another copy has acted with the same keys",
}
CAUTION_MEANS = (
    "nothing to do: a text for a booking made before that is sent only once limits.settle has passed and the provider "
    "proves, under the control, that it has not sent it; later bookings are repaired as usual"
)


def caution_seen(reason: CautionReason) -> str:
    """What started the caution, in one sentence."""
    return _CAUTION_SEEN.get(reason, "the ledger may have been restored")


def caution_fault(reason: CautionReason) -> IntegrationFault:
    """What is alerted once when caution starts. It stops nothing."""
    return IntegrationFault(
        kind=GapKind.INTEGRATION_PLACE, code=reason, seen=caution_seen(reason), remedy=CAUTION_MEANS
    )


def place_fault(view: PlaceView) -> IntegrationFault | None:
    """Why nothing may act here, ``None`` if everything may."""
    if not view.status.forbids:
        return None
    return IntegrationFault(kind=GapKind.INTEGRATION_PLACE, code=view.status, seen=refusal_seen(view), remedy=DECIDE)


UNREADABLE = "the cluster's system identifier cannot be read: a copy on another server is noticed by its oid only"
UNREADABLE_REMEDY = "GRANT EXECUTE ON FUNCTION pg_control_system() TO the role of DATABASE_URL"
NO_TIMELINE = "the cluster's timeline cannot be read: a failover is not noticed, and begins no caution"

"""The beacon: one private event per installation, which says in the calendar which ledger acts.

A snapshot of the disks that is started as a copy, and a dump that is restored in place, keep every id of the original.
The calendar is outside of both. A ledger stores each nonce before it is written there. A nonce that the ledger does not
know is therefore either of another ledger with the same keys, or of a time that this ledger has lost.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.domain.place import DECIDE, Place, PlaceView, place_fault

BEACON_PREFIX = "rclbeacon"
"""How the id of each beacon begins; no id of a booking's event does."""
MOST_NONCES = 100
"""How many of its newest nonces a ledger keeps, besides the one that was seen last in the calendar."""


def beacon_id(installation: str, generation: int) -> str:
    """The event's id. A deleted event keeps its id, so that the next beacon has the next generation."""
    hashed = hashlib.sha256(f"{installation}:beacon:{generation}".encode()).digest()
    return BEACON_PREFIX + base64.b32hexencode(hashed).decode().rstrip("=").lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Beacon:
    """What a beacon says. Nothing in it is a secret, and nothing is personal."""

    installation: str
    generation: int
    place: Place
    server: str
    """When the database server's process began: a copy that runs beside the original has another one."""
    nonce: str
    mark: int
    """How often the beacon was renewed, that is how many passes were about to act."""
    tables: tuple[str, ...]
    """Digests of the tables and the scope of each process that has renewed it."""
    since: datetime
    """Since when the installation applies its rules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerView:
    """What the ledger and the server say about the beacon."""

    installation: str
    generation: int
    since: datetime
    here: Place
    server: str
    tables: str
    """The digest of our tables and our scope."""
    nonces: frozenset[str]
    """Every nonce that may be in the calendar, stored before it was written there."""
    mark: int
    made: bool
    """Whether the calendar has had our beacon."""
    accepts: bool
    """A person has said which of two is the installation: the next unknown nonce is accepted."""
    accepted: frozenset[str]
    """Other installations that were reported, or that a person has accepted."""
    has_repairs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BeaconView:
    """The beacon in the calendar beside the ledger that wants to act."""

    ledger: LedgerView
    shown: Beacon | None
    """``None``: the calendar has no live event under our id."""
    others: Sequence[Beacon] = ()
    """The beacons of other installations; read only if ours is not there."""

    @property
    def strangers(self) -> Sequence[Beacon]:
        known = {self.ledger.installation, *self.ledger.accepted}
        return [beacon for beacon in self.others if beacon.installation not in known]

    @property
    def rivals(self) -> Sequence[Beacon]:
        """Other installations in other databases that look after the same tables and scope."""
        return [
            beacon
            for beacon in self.strangers
            if self.ledger.tables in beacon.tables and not is_same_place(beacon, self.ledger)
        ]

    @property
    def lost(self) -> Beacon | None:
        """The beacon of an earlier ledger of this database, which this one may continue: it has done nothing yet."""
        if self.ledger.has_repairs or self.ledger.made:
            return None
        same = [
            beacon
            for beacon in self.strangers
            if self.ledger.tables in beacon.tables and (self.ledger.accepts or is_same_place(beacon, self.ledger))
        ]
        return max(same, key=lambda beacon: beacon.mark, default=None)


class BeaconStatus(StrEnum):
    """What the beacon says about this ledger."""

    OFF = "off"
    """There is no calendar that we may write to, or the settings switch it off."""
    UNKNOWN = "unknown"
    """The calendar did not answer. Repairs go on as if there were no beacon."""
    NEW = "new"
    """There has never been one."""
    OURS = "ours"
    MISSING = "missing"
    """Somebody deleted it. It is made anew, and reported."""
    RESTORED = "restored"
    """This ledger was put back to an earlier state: caution."""
    COPY = "another_copy"
    """Another ledger of the same installation has acted with the same keys."""
    RIVAL = "another_installation"
    """Another installation looks after the same tables and scope in this calendar."""

    @property
    def forbids(self) -> bool:
        """Whether nothing may act until a person decides."""
        return self in (BeaconStatus.COPY, BeaconStatus.RIVAL)


_SAYS: Mapping[BeaconStatus, str] = {
    BeaconStatus.UNKNOWN: "not known, the calendar did not answer",
    BeaconStatus.NEW: "made",
    BeaconStatus.OURS: "ours",
    BeaconStatus.MISSING: "made anew, somebody had deleted it",
    BeaconStatus.RESTORED: "it was ahead of the ledger, which was restored",
    BeaconStatus.COPY: "another copy of this database acts",
    BeaconStatus.RIVAL: "another installation looks after the same tables",
}


def beacon_says(status: BeaconStatus | None, code: str = "") -> str:
    """The state of the beacon in a few words, as the last pass that was about to act has found it."""
    said = _SAYS.get(status, "no pass was about to act yet") if status else "no pass was about to act yet"
    return f"{said} ({code})" if code else said


class Nonce(StrEnum):
    """The shown nonce, as the ledger knows it."""

    NONE = "none"
    KNOWN = "known"
    UNKNOWN = "unknown"


class Origin(StrEnum):
    """Where the shown nonce was written, compared with this server."""

    HERE = "this server's process, and this database"
    BEFORE = "an earlier timeline of this cluster"
    ELSEWHERE = "elsewhere, or nobody can say"


JUDGEMENTS: Mapping[tuple[Nonce, Origin], BeaconStatus] = {
    (Nonce.KNOWN, Origin.HERE): BeaconStatus.OURS,
    (Nonce.KNOWN, Origin.BEFORE): BeaconStatus.OURS,
    # The original has not acted since, or a person said that this database replaces it.
    (Nonce.KNOWN, Origin.ELSEWHERE): BeaconStatus.OURS,
    # One process of a server has one ledger in one database: it is the ledger that went back.
    (Nonce.UNKNOWN, Origin.HERE): BeaconStatus.RESTORED,
    # A promoted standby that lost the last transactions. If the old primary acts again, the beacon stops it.
    (Nonce.UNKNOWN, Origin.BEFORE): BeaconStatus.RESTORED,
    (Nonce.UNKNOWN, Origin.ELSEWHERE): BeaconStatus.COPY,
}
"""What follows if the calendar shows our beacon."""


def judge_beacon(view: BeaconView) -> BeaconStatus:
    """What the beacon says about this ledger."""
    nonce = nonce_of(view)
    if nonce is not Nonce.NONE and view.shown:
        return JUDGEMENTS[nonce, origin_of(view.shown, view.ledger)]
    if view.rivals and not view.ledger.accepts:
        return BeaconStatus.RIVAL
    return BeaconStatus.MISSING if view.ledger.made else BeaconStatus.NEW


def nonce_of(view: BeaconView) -> Nonce:
    if view.shown is None:
        return Nonce.NONE
    return Nonce.KNOWN if view.ledger.accepts or view.shown.nonce in view.ledger.nonces else Nonce.UNKNOWN


def origin_of(shown: Beacon, ledger: LedgerView) -> Origin:
    if not is_same_place(shown, ledger):
        return Origin.ELSEWHERE
    if shown.server == ledger.server:
        return Origin.HERE
    then, now = shown.place.timeline, ledger.here.timeline
    return Origin.BEFORE if then is not None and now is not None and then < now else Origin.ELSEWHERE


def is_same_place(shown: Beacon, ledger: LedgerView) -> bool:
    """Whether the beacon names this database. An identifier that cannot be read counts as the same."""
    there, here = shown.place, ledger.here
    other_cluster = bool(there.system and here.system) and there.system != here.system
    return not other_cluster and there.database == here.database


_REFUSED: Mapping[BeaconStatus, tuple[str, str]] = {
    BeaconStatus.COPY: (
        "another copy of this database acts with the same keys: not this ledger has renewed the beacon in the calendar",
        f"stop the other one first; {DECIDE}",
    ),
    BeaconStatus.RIVAL: (
        "another installation looks after the same tables in this calendar, from another database",
        f"if both are meant, give each a calendar of its own; {DECIDE}",
    ),
}


def beacon_fault(status: BeaconStatus) -> IntegrationFault | None:
    """Why nothing may act, ``None`` if everything may. The words do not change while it lasts: it is one incident."""
    if not status.forbids:
        return None
    seen, remedy = _REFUSED[status]
    return IntegrationFault(kind=GapKind.INTEGRATION_PLACE, code=f"beacon_{status}", seen=seen, remedy=remedy)


def acting_fault(place: PlaceView, beacon: BeaconStatus | None) -> IntegrationFault | None:
    """Why nothing may act here: the place, or what the beacon said to the last pass that was about to act."""
    return place_fault(place) or (beacon_fault(beacon) if beacon else None)


def missing_fault() -> IntegrationFault:
    """What is alerted once when the beacon is made anew. It stops nothing."""
    return IntegrationFault(
        kind=GapKind.INTEGRATION_PLACE,
        code="beacon_missing",
        seen="the beacon in the calendar was deleted, and made anew",
        remedy="nothing to do; leave the event `reconciler beacon` in the calendar: it shows a copy and a restore",
    )


def stranger_fault(strangers: Sequence[Beacon]) -> IntegrationFault:
    """What is alerted once about other installations in the calendar. It stops nothing."""
    names = ", ".join(sorted(beacon.installation[:8] for beacon in strangers))
    return IntegrationFault(
        kind=GapKind.INTEGRATION_PLACE,
        code="beacon_of_another_installation",
        seen=f"another installation writes to this calendar ({names}), for other tables or before this ledger",
        remedy="nothing to do if that is meant; otherwise give it a calendar of its own",
    )

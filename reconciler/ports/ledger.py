"""Our ledger: schema, gaps, runs and rates; ``ports.intents`` has the intents.

Every method may raise ``DatabaseUnreachable`` and ``DatabaseDisagrees`` (``ports.store``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.gaps import Cause, Effect, Gap, GapKind, IntegrationFault


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    id: str
    since: datetime
    """When the first ``migrate`` ran."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """The process that runs a job. Several may share one database."""

    scope: str = ""
    """Which bookings it handles (``bookings.only``); '' for all."""
    settings: str = ""
    """A digest of its settings; '' for a run by hand."""
    scan_settings: str = ""
    """A digest of those settings that decide which bookings a scan asks about."""
    occasions: str = ""
    """A digest of those settings that decide what a booking calls for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGap:
    cause: Cause
    reason: str
    booking_status: str | None = None


class Ledger(Protocol):
    """Our schema ``reconciler`` as a whole. Until it exists, only ``exists`` may be called."""

    def exists(self) -> bool: ...

    def is_ours_to_write(self) -> bool:
        """Whether our role may write it. A role for read-only use may not, and reports no repairs."""
        ...

    def installation(self) -> Installation:
        """Raises:
        DatabaseDisagrees: our schema is at another revision than this version needs.
        """
        ...

    def now(self) -> datetime:
        """Return the database's clock, not the transaction's start. Leases use this clock."""
        ...


class Gaps(Protocol):
    """Gaps: open, record, close, list. A gap closes only when something is known about its booking."""

    def open(self, kind: GapKind) -> Sequence[Gap]: ...

    def open_about(self, about: str, *kinds: GapKind) -> Sequence[Gap]:
        """Return the open gaps of these kinds about this booking, or about this part of an installation."""
        ...

    def named(self) -> Sequence[BookingId]:
        """Return the bookings that have or had a gap, each once."""
        ...

    def adopt(self, kind: GapKind) -> None:
        """Make the open gaps of a scope that was left behind ours: they are shown and alerted with our own."""
        ...

    def record(self, kind: GapKind, about: str, cause: Cause, reason: str, now: datetime) -> None:
        """Open the gap, or record that it still exists and why."""
        ...

    def record_all(self, kind: GapKind, gaps: Mapping[BookingId, NewGap], now: datetime) -> None:
        """Open or refresh many gaps."""
        ...

    def record_faults(self, kind: GapKind, about: str, faults: Sequence[IntegrationFault], now: datetime) -> None:
        """Open the gap of a broken integration, or record that it still exists and what is wrong now."""
        ...

    def record_aggregate(
        self, kind: GapKind, about: str, cause: Cause, key: str, detail: Mapping[str, str], now: datetime
    ) -> None:
        """Open the gap of an aggregate rule, or record that it still exists. ``detail``: *seen* and *remedy*."""
        ...

    def last_ended(self, kind: GapKind, about: str, since: datetime) -> datetime | None:
        """When the last such gap was closed; ``None`` if none was since then."""
        ...

    def close(self, kind: GapKind, about: str, by: str, now: datetime) -> None:
        """Close the gap. ``by`` says why: a condition, ``repaired`` or ``gone``."""
        ...

    def close_all(self, kind: GapKind, closed: Mapping[BookingId, str], now: datetime) -> None:
        """Close many gaps: booking -> why."""
        ...

    def close_kind(self, kind: GapKind, by: str, now: datetime) -> None:
        """Close every gap of this kind: its rule is not enabled any more."""
        ...


SCAN_MS = "scan_ms"
"""The name of the count of milliseconds that a full scan took, in the row of its run."""


SCAN_PARTS = "scan_parts"
"""The name of the count of parts that a full scan was read in; absent if one statement was enough."""


class Runs(Protocol):
    """Runs of jobs."""

    def had_full_scan(self, job: str, runner: Runner, since: datetime, now: datetime) -> bool:
        """Whether the job has completed a full scan since then, with the same settings, and another would cost much.

        A full scan that took a second is repeated after a hundred seconds, one that took a minute after the interval
        of cron.yaml: at most a hundredth of the time is spent on them.
        """
        ...

    def scan_parts(self, job: str, runner: Runner) -> int:
        """In how many parts the last full scan of the job was read; 1 if there was none."""
        ...

    def start(self, job: str, runner: Runner, now: datetime, *, full: bool) -> int: ...

    def settings_since(self, runner: Runner) -> datetime | None:
        """The oldest run that had the runner's settings, as far as runs are kept; ``None`` if none had them."""
        ...

    def settings_differ(self, runner: Runner, since: datetime) -> bool:
        """Whether a process with the same scope has run a job since then with other settings."""
        ...

    def finish(self, run: int, now: datetime, result: str, counts: Mapping[str, int]) -> None: ...


class Rates(Protocol):
    """Rate limits for calls, shared by all processes."""

    def reserve(self, name: str, interval: timedelta, longest: timedelta) -> timedelta:
        """Reserve the next call slot of ``name`` among all processes and return how long to wait for it.

        If the wait is longer than ``longest``, nothing was reserved.
        """
        ...

    def pause(self, name: str, wait: timedelta) -> None:
        """Grant no process a slot of ``name`` before ``wait`` has passed."""
        ...


class DueMoments(Protocol):
    def is_watched(self, kind: GapKind) -> bool:
        """Whether a complete scan has looked for all bookings, here and under this mapping.

        Then a booking without a moment has become due since. Before, it may have been due for long. What was seen
        before caution began does not count: the moments of then may be lost.
        """
        ...

    def recent(self, kind: GapKind, since: datetime) -> Collection[BookingId]:
        """Return the bookings that became due since then by what scans saw."""
        ...

    def not_yet_due(self, kind: GapKind, booking: Booking) -> datetime:
        """Return the latest moment at which the booking certainly did not call for this yet.

        A stored moment is the first scan that saw it. The full scan before had looked at every booking.
        """
        ...

    def note(self, kind: GapKind, now: datetime, window: datetime | None, parts: int = 1) -> None:
        """Store the moment of every booking that calls for something and has none, whether it is satisfied or not.

        ``window``: only what a scan of this window selects; ``None``: of all bookings that are not over. ``parts``: in
        how many parts the scan has read them.
        """
        ...


class RepairLocks(Protocol):
    """Effects whose repairs wait for a person: the provider has shown what the application's tables do not show."""

    def is_locked(self, effect: Effect) -> bool:
        """Whether the repairs of this effect are locked, in any scope of our table."""
        ...

    def lock(self, effect: Effect, code: str, now: datetime) -> None:
        """Lock the repairs of this effect; one that is locked stays as it is."""
        ...

    def unlock(self, effect: Effect) -> None:
        """Let the repairs of this effect go on."""
        ...


class StoredClocks(Protocol):
    """Moments of the ledger that a wrong clock has stored: they lie in the future and cannot."""

    def has_futures(self, now: datetime) -> bool:
        """Whether a run or a pause of a provider says so. Each process that writes leaves a run."""
        ...

    def clamp(self, now: datetime, pause: timedelta, settle: timedelta) -> None:
        """Clamp every moment to now plus the longest span that its column may lie ahead.

        ``pause``: the longest pause of a provider, and wait before an attempt; one beyond it ends.
        ``settle``: the longest wait for an unknown outcome.
        """
        ...

    def lift_pauses(self) -> None:
        """End the pauses of all providers, and the waits before the next attempts."""
        ...

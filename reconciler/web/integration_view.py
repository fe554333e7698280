"""Integrations: well, broken and since when, or not checked."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.decide.policies import Deliver, Policy
from reconciler.domain.formatting import ago
from reconciler.domain.gaps import Effect, GapKind
from reconciler.domain.rules.registry import JOBS, rule_of_effect
from reconciler.settings.model.cron_file import CronFile
from reconciler.store.views.dashboard import DashboardSnapshot, FaultRow
from reconciler.web.health_mark import Mark

INTEGRATION_NAMES = {
    GapKind.INTEGRATION_DATABASE: "Database",
    GapKind.INTEGRATION_SCHEMA: "The application's tables",
    GapKind.INTEGRATION_TWILIO: "Twilio",
    GapKind.INTEGRATION_GOOGLE: "Google Calendar",
    GapKind.INTEGRATION_SENTRY: "Sentry",
    GapKind.INTEGRATION_ONCALL: "On-call routes",
    GapKind.INTEGRATION_HEARTBEAT: "Heartbeats",
    GapKind.INTEGRATION_SCHEDULER: "Schedule",
    GapKind.INTEGRATION_PLACE: "Place of the ledger",
}
CHECKED_BY = {
    GapKind.INTEGRATION_SCHEMA: ("integrations", *JOBS),
    GapKind.INTEGRATION_TWILIO: ("integrations", rule_of_effect(Effect.SMS).job),
    GapKind.INTEGRATION_GOOGLE: ("integrations", rule_of_effect(Effect.CALENDAR).job),
    GapKind.INTEGRATION_ONCALL: ("fire_drill",),
    GapKind.INTEGRATION_HEARTBEAT: ("fire_drill",),
}
"""The jobs that check an integration; ``integrations`` for one that is not listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationView:
    """One integration."""

    name: str
    mark: Mark
    says: str
    faults: Sequence[FaultRow] = ()


def name_of(kind: GapKind) -> str:
    return INTEGRATION_NAMES.get(kind, kind.rpartition(".")[2].capitalize())


def integration_view(
    kind: GapKind, snapshot: DashboardSnapshot, file: CronFile, behind: Collection[str], now: datetime, *, answers: bool
) -> IntegrationView:
    """One integration's state. ``behind``: late jobs; ``answers``: whether the database does."""
    faults = tuple(fault for fault in snapshot.faults if fault.kind == kind)
    name = name_of(kind)
    if faults:
        since = min(fault.since for fault in faults)
        return IntegrationView(name=name, mark=Mark.BROKEN, says=f"broken for {ago(now - since)}", faults=faults)
    if kind == GapKind.INTEGRATION_DATABASE:
        if not answers:
            return IntegrationView(name=name, mark=Mark.BROKEN, says="does not answer as it should")
        return IntegrationView(name=name, mark=Mark.WELL, says="well: it has just answered")
    if kind == GapKind.INTEGRATION_SCHEDULER:
        return _schedule_view(name, behind, snapshot)
    if not _is_used(kind, file):
        return IntegrationView(name=name, mark=Mark.OFF, says="not used: cron.yaml repairs nothing through it")
    checkers = CHECKED_BY.get(kind, ("integrations",))
    seen = [(snapshot.ended[job].at, job) for job in checkers if job in snapshot.ended]
    if not seen:
        return IntegrationView(name=name, mark=Mark.UNKNOWN, says="not checked yet")
    at, job = max(seen)
    if job in behind:
        return IntegrationView(name=name, mark=Mark.UNKNOWN, says=f"was well {ago(now - at)} ago, not checked since")
    return IntegrationView(name=name, mark=Mark.WELL, says=f"well {ago(now - at)} ago")


def _schedule_view(name: str, behind: Collection[str], snapshot: DashboardSnapshot) -> IntegrationView:
    if not snapshot.runs:
        return IntegrationView(name=name, mark=Mark.UNKNOWN, says="no job has run yet")
    if behind:
        return IntegrationView(name=name, mark=Mark.BROKEN, says=f"late: {', '.join(sorted(behind))}")
    return IntegrationView(name=name, mark=Mark.WELL, says="well: every job ran on time")


def is_shown(kind: GapKind, snapshot: DashboardSnapshot, file: CronFile) -> bool:
    """On-call routes and heartbeats are optional: without any there is nothing to say of them."""
    optional = {GapKind.INTEGRATION_ONCALL: file.reporting.oncall, GapKind.INTEGRATION_HEARTBEAT: file.switches()}
    return bool(optional.get(kind, True)) or any(fault.kind == kind for fault in snapshot.faults)


def _is_used(kind: GapKind, file: CronFile) -> bool:
    """Whether any repair uses it."""
    texts, events = file.rules.sms_missing, file.rules.calendar_missing
    repairs = file.repairs is Policy.REPAIR
    sends = texts.policy is Policy.REPAIR and texts.deliver is Deliver.RECONCILER
    wanted = {
        GapKind.INTEGRATION_TWILIO: repairs and sends,
        GapKind.INTEGRATION_GOOGLE: repairs and events.policy is Policy.REPAIR,
    }
    return wanted.get(kind, True)

"""The last links of the fire drill: those who hear of it when Sentry does not, and those who hear that jobs run."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

from reconciler.domain.alerting.alerts import DeliveryStatus
from reconciler.domain.drill import DrillAlert
from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.ports import HeartbeatTrials, Route


def oncall_fault(routes: Sequence[Route], planted: tuple[GapKind, ...], now: datetime) -> IntegrationFault | None:
    """Send one message through each route; the routes that did not take theirs. One dead route hides no other."""
    alert = DrillAlert(id=uuid.uuid4().hex, planted=planted, at=now)
    answers = {route.name: route.send_test(alert) for route in routes}
    dead = {name: answer.value for name, answer in answers.items() if answer is not DeliveryStatus.ACCEPTED}
    if not dead:
        return None
    return IntegrationFault(
        kind=GapKind.INTEGRATION_ONCALL,
        code="route_dead",
        seen=f"the drill's message was not taken by {_listed(dead)}",
        remedy="see that the service behind the variable is up and knows us; correct the variable",
    )


def heartbeat_fault(heartbeats: HeartbeatTrials) -> IntegrationFault | None:
    """Try each heartbeat; the jobs whose monitoring service does not answer, or does not know the URL."""
    codes = {job: heartbeats.try_out(job) for job in heartbeats.jobs}
    dead = {job: code for job, code in codes.items() if code}
    if not dead:
        return None
    return IntegrationFault(
        kind=GapKind.INTEGRATION_HEARTBEAT,
        code="heartbeat_dead",
        seen=f"no ping would be accepted for {_listed(dead)}",
        remedy="compare the variable that `alive` names with the URL that the monitoring service shows",
    )


def _listed(codes: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({code})" for name, code in sorted(codes.items()))

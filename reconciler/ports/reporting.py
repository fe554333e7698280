"""Where alerts are sent. Delivery is judged by the receiver's answer, never by having handed the alert over."""

from collections.abc import Sequence
from typing import Protocol

from reconciler.domain.alerting.alerts import Alert, CheckIn, DeliveryStatus
from reconciler.domain.drill import DrillAlert


class Notifier(Protocol):
    """The main receiver of alerts (Sentry). May be used by several threads."""

    @property
    def resolves(self) -> bool:
        """Whether *resolved* alerts are to be sent too: the notifier resolves the incident's issues with them."""
        ...

    def send(self, alert: Alert) -> DeliveryStatus:
        """The receiver's answer. Sending the same alert again creates no second event. Never raises for a dead sink."""
        ...

    def send_test_event(self, alert: DrillAlert) -> DeliveryStatus:
        """Send the one event of a fire drill, unmistakably marked as a drill. Never raises for a dead sink."""
        ...

    def check(self) -> str:
        """Why an alert would be rejected, as a code; '' if it would be accepted. Notifies no one."""
        ...

    def check_in(self, check_in: CheckIn) -> bool:
        """Send a check-in of the service. Whether it was accepted."""
        ...


class Route(Protocol):
    """One on-call destination. May be used by several threads."""

    @property
    def name(self) -> str:
        """The variable that holds its URL. The URL itself is a secret and never shown."""
        ...

    def send(self, alert: Alert) -> DeliveryStatus:
        """*accepted*, *unreachable* or *unknown*. Never raises for a dead route.

        Where the route supports it, all alerts of one incident are one alarm there, and *resolved* closes it.
        """
        ...

    def send_test(self, alert: DrillAlert) -> DeliveryStatus:
        """Send the message of a fire drill, which says that nothing is wrong. Never raises for a dead route."""
        ...


class HeartbeatTrials(Protocol):
    """The heartbeats of the jobs, to be tried out. A trial tells the monitoring service neither *well* nor *failed*."""

    @property
    def jobs(self) -> Sequence[str]:
        """The jobs that have a heartbeat."""
        ...

    def try_out(self, job: str) -> str:
        """Why a ping would not be accepted, as a code; '' if it would be. Never raises."""
        ...

    def is_proven_by_trial(self, job: str) -> bool:
        """Whether the trial shows that the service knows the URL, and not only that its host answers."""
        ...

"""A notifier that keeps alerts in memory: for a fire drill, whose alerts must not leave the process."""

from dataclasses import dataclass, field

from reconciler.domain.alerting.alerts import Alert, CheckIn, DeliveryStatus
from reconciler.domain.drill import DrillAlert


@dataclass(frozen=True, slots=True)
class MemoryNotifier:
    """``ports.Notifier`` that accepts everything."""

    alerts: list[Alert] = field(default_factory=list)

    @property
    def resolves(self) -> bool:
        return False

    def send(self, alert: Alert) -> DeliveryStatus:
        self.alerts.append(alert)
        return DeliveryStatus.ACCEPTED

    def check(self) -> str:
        return ""

    def send_test_event(self, alert: DrillAlert) -> DeliveryStatus:
        return DeliveryStatus.ACCEPTED

    def check_in(self, check_in: CheckIn) -> bool:
        return True

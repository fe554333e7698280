"""A notifier that keeps what it is told: for a fire drill, whose gaps are nobody's business."""

from dataclasses import dataclass, field

from reconciler.domain.alerting.alerts import Alert, CheckIn, DeliveryStatus
from reconciler.domain.drill import DrillAlert


@dataclass(frozen=True, slots=True)
class MemoryNotifier:
    """``ports.Reporter`` that accepts everything."""

    reports: list[Alert] = field(default_factory=list)

    @property
    def resolves(self) -> bool:
        return False

    def send(self, report: Alert) -> DeliveryStatus:
        self.reports.append(report)
        return DeliveryStatus.ACCEPTED

    def check(self) -> str:
        return ""

    def send_test_event(self, report: DrillAlert) -> DeliveryStatus:
        return DeliveryStatus.ACCEPTED

    def check_in(self, check_in: CheckIn) -> bool:
        return True

"""A reporter that keeps what it is told: for a fire drill, whose gaps are nobody's business."""

from dataclasses import dataclass, field

from reconciler.domain.alerting.alerts import CheckIn, Report, Told
from reconciler.domain.drill import DrillReport


@dataclass(frozen=True, slots=True)
class MemoryReporter:
    """``ports.Reporter`` that accepts everything."""

    reports: list[Report] = field(default_factory=list)

    @property
    def resolves(self) -> bool:
        return False

    def tell(self, report: Report) -> Told:
        self.reports.append(report)
        return Told.ACCEPTED

    def check(self) -> str:
        return ""

    def rehearse(self, report: DrillReport) -> Told:
        return Told.ACCEPTED

    def check_in(self, check_in: CheckIn) -> bool:
        return True

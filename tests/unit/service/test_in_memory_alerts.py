"""In-memory alerts: one when an incident opens, one per escalation, and *resolved* for on-call."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from reconciler.domain.alerting.alerts import Alert, CheckIn, DeliveryStatus
from reconciler.domain.alerting.incidents import Deadlines
from reconciler.domain.gaps import GapKind
from reconciler.service.in_memory_alerts import InMemoryAlerts

NOON = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
DEADLINES = Deadlines(
    deadline=HOUR,
    page_after=4 * HOUR,
    remind_every=24 * HOUR,
    settled_after=HOUR,
    fallback_after=15 * MINUTE,
)


@dataclass
class Listener:
    """A notifier or a route that keeps what it accepts."""

    name: str = "PAGER_URL"
    resolves: bool = False
    down: bool = False
    refuses: bool = False
    taken: list[Alert] = field(default_factory=list)

    def send(self, alert: Alert) -> DeliveryStatus:
        if self.down:
            return DeliveryStatus.UNREACHABLE
        if self.refuses:
            return DeliveryStatus.REFUSED
        self.taken.append(alert)
        return DeliveryStatus.ACCEPTED

    def check_in(self, check_in: CheckIn) -> bool:
        return not self.down

    @property
    def types(self) -> list[str]:
        return [alert.alert_type for alert in self.taken]


@dataclass
class Process:
    """A service whose database is up or down, with a pass and a check-in every ten minutes."""

    sentry: Listener = field(default_factory=Listener)
    pager: Listener = field(default_factory=Listener)
    announced: list[Alert] = field(default_factory=list)
    now: datetime = NOON

    def __post_init__(self) -> None:
        self.alerts = InMemoryAlerts(self.sentry, [self.pager], DEADLINES, self.announced.append)

    def spend(self, duration: timedelta, *, down: bool) -> None:
        for _ in range(duration // (10 * MINUTE)):
            if down:
                self.alerts.fault(
                    GapKind.INTEGRATION_DATABASE, "database", "unreachable", "no connection", "start it", self.now
                )
            else:
                self.alerts.clear(GapKind.INTEGRATION_DATABASE, "database")
                self.alerts.deliver(self.now)
            self.now += 10 * MINUTE


def test_one_alert_when_it_opens_one_per_escalation_one_when_it_is_resolved() -> None:
    process = Process()
    process.spend(30 * HOUR, down=True)
    process.spend(5 * HOUR, down=False)

    assert process.sentry.types == ["opened", "deadline", "paged", "reminder"]
    assert process.pager.types == ["paged", "resolved"]
    assert [alert.alert_type for alert in process.announced] == [
        "opened",
        "deadline",
        "paged",
        "reminder",
        "resolved",
    ]
    assert len({alert.incident for alert in process.announced}) == 1
    assert {alert.kind for alert in process.announced} == {GapKind.INTEGRATION_DATABASE}
    assert process.sentry.taken[0].title == "integration.database: no connection"


def test_a_hiccup_is_alerted_once_and_on_call_never_hears_of_it() -> None:
    process = Process()
    process.spend(10 * MINUTE, down=True)
    process.spend(5 * HOUR, down=False)

    assert (process.sentry.types, process.pager.types) == (["opened"], [])
    assert [alert.alert_type for alert in process.announced] == ["opened", "resolved"]


def test_the_end_is_told_without_another_fault_or_check_in() -> None:
    process = Process()
    process.spend(5 * HOUR, down=True)
    process.alerts.clear(GapKind.INTEGRATION_DATABASE, "database")
    process.alerts.resolve(process.now)
    assert process.pager.types == ["paged"], "it may recur"
    process.now += 2 * HOUR
    process.alerts.resolve(process.now)
    assert process.pager.types == ["paged", "resolved"]


def test_where_nothing_has_ended_no_sink_is_asked_again() -> None:
    process = Process()
    process.sentry.down = True
    process.spend(10 * MINUTE, down=True)
    process.sentry.down = False
    process.alerts.resolve(process.now)
    assert process.sentry.types == []
    process.alerts.deliver(process.now)
    assert process.sentry.types == ["opened"]


def test_a_fault_that_comes_and_goes_is_one_incident() -> None:
    process = Process()
    for _ in range(9):
        process.spend(20 * MINUTE, down=True)
        process.spend(40 * MINUTE, down=False)

    assert process.sentry.types == ["opened"], "it never lasted an hour"


def test_after_a_quiet_while_a_new_incident_opens() -> None:
    process = Process()
    process.spend(10 * MINUTE, down=True)
    process.spend(2 * HOUR, down=False)
    process.spend(10 * MINUTE, down=True)

    assert process.sentry.types == ["opened", "opened"]
    assert process.sentry.taken[0].incident != process.sentry.taken[1].incident


def test_without_sentry_on_call_is_alerted_once_and_sentry_later() -> None:
    process = Process()
    process.sentry.down = True
    process.spend(2 * HOUR, down=True)
    process.spend(3 * HOUR, down=False)
    assert process.pager.types == ["opened", "deadline", "resolved"]
    process.sentry.down = False
    process.spend(HOUR, down=False)

    assert process.sentry.types == ["opened", "deadline"]
    assert process.pager.types == ["opened", "deadline", "resolved"]


def test_what_sentry_refuses_goes_to_on_call() -> None:
    process = Process()
    process.sentry.refuses = True
    process.spend(10 * MINUTE, down=True)

    assert (process.sentry.types, process.pager.types) == ([], ["opened"])


def test_a_pager_that_is_down_gets_its_alerts_later_in_order() -> None:
    process = Process()
    process.pager.down = True
    process.spend(5 * HOUR, down=True)
    process.spend(2 * HOUR, down=False)
    process.pager.down = False
    process.spend(HOUR, down=False)

    assert process.pager.types == ["paged", "resolved"]


def test_resolved_names_the_events_by_which_its_issues_are_found() -> None:
    process = Process()
    process.sentry.resolves = True
    process.spend(5 * HOUR, down=True)
    process.spend(2 * HOUR, down=False)

    *events, resolved = process.sentry.taken
    assert resolved.alert_type == "resolved"
    assert set(resolved.events) == {events[-2].id, events[-1].id}
    assert [event.alert_type for event in events] == ["opened", "deadline", "paged"]

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
    """A notifier, or a route: keeps what it takes."""

    name: str = "PAGER_URL"
    resolves: bool = False
    away: bool = False
    refuses: bool = False
    took: list[Alert] = field(default_factory=list)

    def send(self, alert: Alert) -> DeliveryStatus:
        if self.away:
            return DeliveryStatus.UNREACHABLE
        if self.refuses:
            return DeliveryStatus.REFUSED
        self.took.append(alert)
        return DeliveryStatus.ACCEPTED

    def check_in(self, check_in: CheckIn) -> bool:
        return not self.away

    @property
    def whats(self) -> list[str]:
        return [alert.alert_type for alert in self.took]


@dataclass
class Process:
    """A service whose database is up or down, with a pass and a check-in every ten minutes."""

    sentry: Listener = field(default_factory=Listener)
    pager: Listener = field(default_factory=Listener)
    announced: list[Alert] = field(default_factory=list)
    now: datetime = NOON

    def __post_init__(self) -> None:
        self.alerts = InMemoryAlerts(self.sentry, [self.pager], DEADLINES, self.announced.append)

    def spend(self, duration: timedelta, *, away: bool) -> None:
        for _ in range(duration // (10 * MINUTE)):
            if away:
                self.alerts.fault(
                    GapKind.INTEGRATION_DATABASE, "database", "unreachable", "no connection", "start it", self.now
                )
            else:
                self.alerts.clear(GapKind.INTEGRATION_DATABASE, "database")
                self.alerts.deliver(self.now)
            self.now += 10 * MINUTE


def test_one_when_it_starts_one_per_escalation_one_when_it_is_over() -> None:
    process = Process()
    process.spend(30 * HOUR, away=True)
    process.spend(5 * HOUR, away=False)

    assert process.sentry.whats == ["opened", "deadline", "paged", "reminder"]
    assert process.pager.whats == ["paged", "resolved"]
    assert [alert.alert_type for alert in process.announced] == [
        "opened",
        "deadline",
        "paged",
        "reminder",
        "resolved",
    ]
    assert len({alert.incident for alert in process.announced}) == 1
    assert {alert.kind for alert in process.announced} == {GapKind.INTEGRATION_DATABASE}
    assert process.sentry.took[0].title == "integration.database: no connection"


def test_a_hiccup_is_told_once_and_over_for_nobody() -> None:
    process = Process()
    process.spend(10 * MINUTE, away=True)
    process.spend(5 * HOUR, away=False)

    assert (process.sentry.whats, process.pager.whats) == (["opened"], [])
    assert [alert.alert_type for alert in process.announced] == ["opened", "resolved"]


def test_one_that_comes_and_goes_is_one() -> None:
    process = Process()
    for _ in range(9):
        process.spend(20 * MINUTE, away=True)
        process.spend(40 * MINUTE, away=False)

    assert process.sentry.whats == ["opened"], "it was never there for an hour"


def test_after_a_quiet_while_it_begins_anew() -> None:
    process = Process()
    process.spend(10 * MINUTE, away=True)
    process.spend(2 * HOUR, away=False)
    process.spend(10 * MINUTE, away=True)

    assert process.sentry.whats == ["opened", "opened"]
    assert process.sentry.took[0].incident != process.sentry.took[1].incident


def test_without_sentry_who_is_on_call_hears_of_it_once_and_sentry_later() -> None:
    process = Process()
    process.sentry.away = True
    process.spend(2 * HOUR, away=True)
    process.spend(3 * HOUR, away=False)
    assert process.pager.whats == ["opened", "deadline", "resolved"]
    process.sentry.away = False
    process.spend(HOUR, away=False)

    assert process.sentry.whats == ["opened", "deadline"]
    assert process.pager.whats == ["opened", "deadline", "resolved"]


def test_what_sentry_will_never_take_is_for_who_is_on_call() -> None:
    process = Process()
    process.sentry.refuses = True
    process.spend(10 * MINUTE, away=True)

    assert (process.sentry.whats, process.pager.whats) == ([], ["opened"])


def test_a_pager_that_is_away_hears_of_it_later_in_order() -> None:
    process = Process()
    process.pager.away = True
    process.spend(5 * HOUR, away=True)
    process.spend(2 * HOUR, away=False)
    process.pager.away = False
    process.spend(HOUR, away=False)

    assert process.pager.whats == ["paged", "resolved"]


def test_the_end_names_the_events_by_which_its_issues_are_found() -> None:
    process = Process()
    process.sentry.resolves = True
    process.spend(5 * HOUR, away=True)
    process.spend(2 * HOUR, away=False)

    *events, end = process.sentry.took
    assert end.alert_type == "resolved"
    assert set(end.events) == {events[-2].id, events[-1].id}
    assert [event.alert_type for event in events] == ["opened", "deadline", "paged"]

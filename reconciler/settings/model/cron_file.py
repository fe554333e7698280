"""cron.yaml as types. The only place with each key's meaning, unit and default, and the reason for it."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, Strict

from reconciler.domain.decide.policies import Policy, Record
from reconciler.settings.file.values import (
    Duration,
    LocaleName,
    NoneFor,
    OffWord,
    Per,
    PerPeriod,
    PositiveDuration,
    Zone,
    parse_zone,
)
from reconciler.settings.model.bookings import BookingSettings, minutes
from reconciler.settings.model.evidence import EvidenceSettings, RecordSettings
from reconciler.settings.model.jobs import DEFAULT_JOBS, KEEP, Job
from reconciler.settings.model.reporting import Reporting
from reconciler.settings.model.rules import Rules
from reconciler.settings.model.section import Section

Whole = Annotated[int, Strict(), Field(le=1_000_000_000)]
"""A strict integer that PostgreSQL can hold: ``true`` is refused, although pydantic otherwise reads it as 1."""


def _version(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value  # true is 1 in Python, and no version


class BreakerLimits(Section):
    """Repairs of a day beyond a floor and beyond the ratio are held: so many gaps are more likely our mistake."""

    sms: Whole = Field(25, ge=0, description="texts in a day; in a quiet venue the busiest of 28 days, at least 5")
    calendar: Whole = Field(200, ge=0, description="the same for events, which disturb no customer")
    removals: Whole = Field(
        10,
        ge=0,
        description="so many a day may be removed whatever their share, unless more bookings are missing than there",
    )
    removals_ratio: Annotated[float, Strict()] = Field(
        0.1,
        ge=0,
        le=1,
        description="share of our upcoming events; beyond floor and share nothing is removed until --max-removals",
    )
    ratio: Annotated[float, Strict()] = Field(
        0.5, ge=0, le=1, description="of the bookings that became due within the day; in a backfill, of those it checks"
    )
    ratio_from: Whole = Field(
        5,
        ge=1,
        description="with fewer bookings the floor decides, in a backfill too; from as many events to come, no more "
        "than half may end at once",
    )


class RateLimits(Section):
    """Calls per time, over all processes."""

    sms: PerPeriod = Field(Per(1, timedelta(seconds=1)), description="what an ordinary sender may send")
    calendar: PerPeriod = Field(Per(5, timedelta(seconds=1)), description="half of what Google grants a user")


class Timeouts(Section):
    """How long one call may take."""

    twilio: PositiveDuration = Field(
        timedelta(seconds=10), description="one whole call of Twilio, from the name to the last byte"
    )
    google: PositiveDuration = Field(
        timedelta(seconds=15), description="one whole call of Google Calendar, its token included"
    )
    sql: PositiveDuration = Field(
        timedelta(seconds=30), description="one statement; a scan that needs longer reads the bookings in parts"
    )
    lock: PositiveDuration = Field(timedelta(seconds=2), description="waiting for a row the application is writing")


class BackoffSettings(Section):
    """Between two tries of one repair: doubling, and jittered down to the half."""

    first: PositiveDuration = Field(
        minutes(1), description="after the first try; also where a provider asks for a pause"
    )
    longest: PositiveDuration = Field(timedelta(hours=1), description="no pause is longer")


class LimitSettings(Section):
    """What one pass may do."""

    per_pass: Whole = Field(
        50, ge=1, alias="pass", description="repairs per pass and effect; the rest are done in the next pass"
    )
    pass_budget: PositiveDuration = Field(minutes(4), description="less than the interval between two passes")
    breaker: BreakerLimits = Field(default_factory=BreakerLimits)
    rate: RateLimits = Field(default_factory=RateLimits)
    per_recipient: PerPeriod = Field(
        Per(3, timedelta(hours=24)), description="texts by E.164 number, the application's own counted"
    )
    segments: Whole = Field(
        3, ge=1, description="a text that would be billed as more parts than this is not sent and needs a human"
    )
    attempts: Whole = Field(
        6,
        ge=1,
        description="failures of one repair while others were accepted; then it needs a human. An outage uses up none",
    )
    backoff: BackoffSettings = Field(default_factory=BackoffSettings)
    timeouts: Timeouts = Field(default_factory=Timeouts)
    lease: Duration = Field(
        minutes(5), description="a claim lasts this long; longer than the calls of one repair and two statements"
    )
    settle: Duration = Field(
        minutes(5),
        description="an unknown outcome is settled after this long; at least `lease`, longer than lists lag",
    )
    settle_tries: Whole = Field(
        6, ge=1, description="attempts to settle without a certain answer, at doubling intervals; then it needs a human"
    )
    generations: Whole = Field(
        5, ge=1, description="how often a finished repair may be restarted; then it needs a human"
    )


class CronFile(Section):
    """The whole file. A key that is left out has the default shown."""

    version: Annotated[Literal[1], BeforeValidator(_version)] = Field(1, description="of this file's shape")
    timezone: Zone = Field(
        parse_zone("Europe/London"), description="the venue's civil time: quiet hours, days, times in texts"
    )
    locale: LocaleName = Field(
        "en_GB", description="the venue's language and country: days, months, times and numbers in texts"
    )
    repairs: Literal[Policy.REPAIR, Policy.REPORT] = Field(
        Policy.REPAIR, description="repair | report (scan and alert only: for a first day)"
    )
    bookings: BookingSettings = Field(default_factory=BookingSettings)
    rules: Rules = Field(default_factory=Rules)
    evidence: EvidenceSettings = Field(default_factory=EvidenceSettings)
    record: RecordSettings = Field(default_factory=RecordSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    reporting: Reporting = Field(default_factory=Reporting)
    jobs: dict[str, Annotated[Job | None, NoneFor("off"), OffWord]] = Field(
        default_factory=dict,
        description="job: {every: 10m}, {cron: ..} or off; a job that is left out runs too: "
        + ", ".join(f"{name} {job.when}" for name, job in DEFAULT_JOBS.items()),
    )

    def records_texts(self) -> Record:
        """Where our word about a text goes."""
        return self.record.sms or (Record.QUEUE if self.rules.sms_missing.queue else Record.LEDGER)

    def records_events(self) -> Record:
        """Where the id of an event of ours goes."""
        return self.record.calendar or (Record.COLUMN if self.bookings.columns.event_id else Record.LEDGER)

    def running(self) -> dict[str, Job]:
        """Job name -> its schedule, for the jobs that are not off."""
        wanted = {**DEFAULT_JOBS, **self.jobs}
        return {name: job for name, job in wanted.items() if job is not None}

    def switches(self) -> frozenset[str]:
        """The names of the environment variables that hold the dead man's switches."""
        return frozenset(job.alive for job in self.running().values() if job.alive)

    def keep(self) -> timedelta:
        """How long finished rows stay in the ledger."""
        job = self.running().get("ledger_retention")
        return (job and job.keep) or KEEP

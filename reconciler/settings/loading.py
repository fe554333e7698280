"""Builds ``Settings`` from cron.yaml and the environment, in the domain's terms: policies, limits, a window."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from reconciler.domain.alerting.incidents import Deadlines
from reconciler.domain.backoff import Backoff
from reconciler.domain.decide.policies import (
    Breaker,
    CalendarPolicy,
    Deliver,
    Limits,
    Occasion,
    Policy,
    QuietHours,
    RecipientLimit,
    SmsPolicy,
    answer_within,
)
from reconciler.domain.gaps import Effect, GapKind, IntegrationFault
from reconciler.domain.hashing import digest
from reconciler.domain.rules.registry import RULES, rule_of_effect
from reconciler.errors import ConfigurationError
from reconciler.ports import Runner, Window
from reconciler.settings.env import environment
from reconciler.settings.env.cleaning import cleaned
from reconciler.settings.env.providers import access_fault
from reconciler.settings.file.locate import locate
from reconciler.settings.file.source import Source
from reconciler.settings.file.text_patterns import parse_text_pattern
from reconciler.settings.file.values import Per
from reconciler.settings.file_check import check_file
from reconciler.settings.model.cron_file import CronFile
from reconciler.settings.model.rules import ReportOnlySection
from reconciler.settings.need import Need
from reconciler.settings.texts import text_style
from reconciler.text.phones import counted_as
from reconciler.text.templates import MessageTemplate, Style

SMS, CALENDAR = rule_of_effect(Effect.SMS).kind, rule_of_effect(Effect.CALENDAR).kind
ADVICE = "correct this and run it again; nothing was written. Every key and variable: docs/settings.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The validated settings of one installation, in the domain's terms. Other settings are read from ``file``."""

    file: CronFile
    environment: environment.Environment
    source: Source
    """The file as read, to give the place of a mistake that appears only in use."""

    def mistake(self, path: tuple[str | int, ...], what: str) -> str:
        """The message of a mistake, with its place in the file."""
        return str(self.source.mistake(path, what))

    def sms_policy(self) -> SmsPolicy:
        rule, limits = self.file.rules.sms_missing, self.file.limits
        quiet = rule.quiet_hours
        zone = self.file.timezone
        return SmsPolicy(
            policy=rule.policy,
            zone=zone,
            quiet_hours=QuietHours(starts=quiet.starts, ends=quiet.ends, zone=zone) if quiet else None,
            stale_after=rule.stale_after,
            min_notice=rule.min_notice,
            per_recipient=RecipientLimit(count=limits.per_recipient.count, period=limits.per_recipient.period),
            occasions=self.occasions(),
            deliver=rule.deliver,
            countries=frozenset(map(counted_as, rule.countries or (rule.region,))),
            segments=limits.segments,
            ignored_texts=tuple(map(parse_text_pattern, rule.ignore)),
            nothing_left_if=tuple(map(parse_text_pattern, rule.nothing_left_if)),
        )

    def occasions(self) -> dict[str, Occasion]:
        """Status of a booking -> the text it calls for."""
        rule = self.file.rules.sms_missing
        return {
            status: Occasion(
                trigger=message.trigger, satisfied_by=rule.satisfying(message), not_after=message.not_after
            )
            for status, message in rule.messages.items()
        }

    def calendar_policy(self) -> CalendarPolicy:
        rule = self.file.rules.calendar_missing
        return CalendarPolicy(
            policy=rule.policy,
            zone=self.file.timezone,
            deleted_by_hand=rule.deleted_by_hand,
            default_length=rule.default_length,
        )

    def report_only_rules(self) -> dict[GapKind, ReportOnlySection]:
        """The report-only rules that are not off."""
        return self.file.rules.report_only()

    def sms_limits(self) -> Limits:
        limits = self.file.limits
        return self._limits(
            limits.breaker.sms, limits.rate.sms, answer_within(Effect.SMS, limits.timeouts.twilio, limits.timeouts.sql)
        )

    def calendar_limits(self) -> Limits:
        limits = self.file.limits
        return self._limits(
            limits.breaker.calendar,
            limits.rate.calendar,
            answer_within(Effect.CALENDAR, limits.timeouts.google, limits.timeouts.sql),
        )

    def window(self) -> Window:
        bookings = self.file.bookings
        return Window(
            scan_window=bookings.scan_window,
            full_scan=bookings.full_scan,
            grace=bookings.grace,
            since=self.midnight(bookings.since) if bookings.since else None,
        )

    def deadlines(self) -> Deadlines:
        reporting = self.file.reporting
        return Deadlines(
            deadline=reporting.deadline,
            page_after=reporting.page_after,
            remind_every=reporting.remind_every,
            settled_after=reporting.settled_after,
            fallback_after=reporting.fallback_after,
        )

    def access_faults(self) -> dict[Effect, IntegrationFault]:
        """The effects whose provider cannot be used, because a variable is missing or wrong."""
        mistakes = self.environment.providers.mistakes
        return {effect: access_fault(effect, found) for effect, found in mistakes.items()}

    def rule_filters(self) -> dict[GapKind, dict[str, str | int]]:
        """The filters of rules that apply only to some of our bookings: kind -> column -> value."""
        only = {rule.kind: self.file.rules.of(rule).only for rule in RULES}
        return {kind: dict(columns) for kind, columns in only.items() if columns}

    def runner(self) -> Runner:
        """Our identity among the processes that share the database. Equal bookings and settings give equal runners."""
        scope = " ".join(f"{column}={value}" for column, value in sorted(self.file.bookings.only.items()))
        return Runner(
            scope=scope,
            settings=digest(self.file.model_dump_json(), *self._accounts()),
            scan_settings=digest(
                self.file.bookings.model_dump_json(), self.file.rules.model_dump_json(), self.file.timezone.key
            ),
            occasions=self._occasions_digest(),
        )

    def accounts_digest(self) -> str:
        """A digest of where texts come from and events go to."""
        return digest(*self._accounts())

    def _accounts(self) -> list[str]:
        twilio, google = self.environment.providers.twilio, self.environment.providers.google
        named = (twilio.account_sid, twilio.api_key, twilio.sender, twilio.messaging_service_sid) if twilio else ()
        return [*(name or "" for name in named), *((google.calendar_id,) if google else ())]

    def _occasions_digest(self) -> str:
        """Of what decides which bookings call for something: a booking is new only under the same mapping."""
        bookings = self.file.bookings
        columns = bookings.columns.model_dump(include={"id", "status", "due", "deleted"})
        triggers = sorted((status, occasion.trigger) for status, occasion in self.occasions().items())
        # A digest of before knows nothing of these: it stays as it was where they are not written.
        columns |= {"due": str(bookings.due)} if bookings.due else {}
        columns |= {"where": str(sorted(bookings.where.items()))} if bookings.where else {}
        of_bookings = (bookings.table, columns, bookings.statuses, bookings.made_as, sorted(bookings.only.items()))
        return digest(*map(str, of_bookings), str(triggers))

    def wordings(self) -> dict[str, MessageTemplate]:
        messages = self.file.rules.sms_missing.messages
        return {status: MessageTemplate(message.trigger, message.template) for status, message in messages.items()}

    def text_style(self) -> Style:
        return text_style(self.file)

    def midnight(self, day: date) -> datetime:
        """The start of that day at the venue."""
        return datetime.combine(day, time(), tzinfo=self.file.timezone)

    def _limits(self, floor: int, rate: Per, longest_answer: timedelta) -> Limits:
        limits = self.file.limits
        return Limits(
            repairs=limits.per_pass,
            budget=limits.pass_budget,
            breaker=Breaker(floor=floor, ratio=limits.breaker.ratio, ratio_from=limits.breaker.ratio_from),
            removal_breaker=Breaker(
                floor=limits.breaker.removals,
                ratio=limits.breaker.removals_ratio,
                ratio_from=limits.breaker.ratio_from,
            ),
            interval=rate.interval,
            generations=limits.generations,
            attempts=limits.attempts,
            backoff=Backoff(first=limits.backoff.first, longest=limits.backoff.longest),
            lease=limits.lease,
            settle=limits.settle,
            settle_tries=limits.settle_tries,
            answer_within=longest_answer,
        )


def load(
    path: Path | None,
    environ: Mapping[str, str],
    need: Need = Need.ACT,
    *,
    file_required: bool = False,
    defaults: bool = False,
) -> Settings:
    """Read cron.yaml (``path``, else RECONCILER_CONFIG, else ./cron.yaml, else all defaults) and the environment.

    ``file_required``: the command writes, so all defaults have to be wanted (``defaults``).

    Raises:
        ConfigurationError: with every mistake of both.
    """
    read, found = locate(path, environ, file_required=file_required, defaults=defaults)
    file = None
    if read.data is not None or not found:
        checked = check_file(read, before_texts=file_required and need is Need.ACT)
        file, found = checked.file, [*found, *checked.mistakes]
    mistakes = [str(mistake.to_show()) for mistake in found]
    parsed, missing = environment.read(
        environ,
        texts=need.reads_providers and _repairs(read, SMS) and (not _hands_over(read) or _may_ask(environ)),
        events=need.reads_providers and _repairs(read, CALENDAR),
        database=need is not Need.FILE,
        may_be_unset=need is Need.READ,
        oncall=file.reporting.oncall if file and need.reads_listeners else (),
        switches=file.switches() if file and need.reads_listeners else (),
    )
    refused = [*mistakes, *missing, *(parsed.mistakes if need.acts else ())]
    if refused or file is None:
        raise ConfigurationError(_every_mistake(mistakes, missing, parsed), ADVICE)
    return Settings(file=file, environment=parsed, source=read)


def _every_mistake(of_file: list[str], of_database: list[str], parsed: environment.Environment) -> list[str]:
    """Everything that is wrong, so that one correction is enough."""
    of_providers = [mistake for found in parsed.providers.mistakes.values() for mistake in found]
    return [*of_file, *of_database, *of_providers, *parsed.mistakes]


def _repairs(read: Source, rule: str) -> bool:
    """Whether the rule's provider is needed. This reads the raw file, so other mistakes in it do not matter."""
    return not any(
        word in (Policy.REPORT, Policy.OFF, False)
        for word in (_at(read.data, "repairs"), _at(read.data, "rules", rule, "policy"))
    )


def _hands_over(read: Source) -> bool:
    return bool(_at(read.data, "rules", SMS, "deliver") == Deliver.APPLICATION)


def _may_ask(environ: Mapping[str, str]) -> bool:
    """Whether Twilio can be asked although the application sends. Then every variable must be right."""
    return bool(cleaned(environ.get("TWILIO_ACCOUNT_SID", "")))


def _at(data: Any, *path: str) -> Any:
    for step in path:
        data = data.get(step) if isinstance(data, Mapping) else None
    return data

"""From file and environment to ``Settings``: what the domain calls policies, limits and a window."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from reconciler.domain.policies import Breaker, EventPolicy, Limits, Policy, QuietHours, RecipientLimit, TextPolicy
from reconciler.errors import ConfigurationError
from reconciler.ports import Window
from reconciler.settings import environment, source
from reconciler.settings.model import CronFile
from reconciler.settings.source import Source
from reconciler.settings.values import Per
from reconciler.text.templates import Wording, check_template

DEFAULT_FILE = Path("cron.yaml")
ADVICE = "correct this and run it again; nothing was written. Every key and variable: docs/settings.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one installation wants, checked. The domain's words for it are below; the rest is read from ``file``."""

    file: CronFile
    environment: environment.Environment

    def text_policy(self) -> TextPolicy:
        rule, limits = self.file.rules.sms_missing, self.file.limits
        quiet = rule.quiet_hours
        zone = self.file.timezone
        return TextPolicy(
            policy=rule.policy,
            zone=zone,
            quiet_hours=QuietHours(starts=quiet.starts, ends=quiet.ends, zone=zone) if quiet else None,
            stale_after=rule.stale_after,
            min_notice=rule.min_notice,
            per_recipient=RecipientLimit(count=limits.per_recipient.count, period=limits.per_recipient.period),
            triggers={status: message.trigger for status, message in rule.messages.items()},
        )

    def event_policy(self) -> EventPolicy:
        rule = self.file.rules.calendar_missing
        return EventPolicy(
            policy=rule.policy,
            zone=self.file.timezone,
            deleted_by_hand=rule.deleted_by_hand,
            default_length=rule.default_length,
        )

    def text_limits(self) -> Limits:
        limits = self.file.limits
        return self._limits(limits.breaker.texts, limits.rate.texts, limits.timeouts.twilio)

    def event_limits(self) -> Limits:
        limits = self.file.limits
        return self._limits(limits.breaker.events, limits.rate.events, limits.timeouts.google)

    def window(self) -> Window:
        since = self.file.bookings.since
        return Window(lookback=self.file.bookings.lookback, since=self._midnight(since) if since else None)

    def wordings(self) -> dict[str, Wording]:
        messages = self.file.rules.sms_missing.messages
        return {status: Wording(message.trigger, message.template) for status, message in messages.items()}

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), tzinfo=self.file.timezone)

    def _limits(self, floor: int, rate: Per, call_timeout: timedelta) -> Limits:
        limits = self.file.limits
        return Limits(
            repairs=limits.per_pass,
            budget=limits.pass_budget,
            breaker=Breaker(floor=floor, ratio=limits.breaker.ratio, ratio_from=limits.breaker.ratio_from),
            interval=rate.interval,
            generations=limits.generations,
            lease=limits.lease,
            call_timeout=call_timeout,
        )


def load(path: Path | None, environ: Mapping[str, str], *, database_only: bool = False) -> Settings:
    """Read cron.yaml (``path``, else RECONCILER_CONFIG, else ./cron.yaml, else all defaults) and the environment.

    ``database_only`` asks for DATABASE_URL alone: for commands that meet no provider.

    Raises:
        ConfigurationError: with every mistake of both.
    """
    read, mistakes = _read(path, environ)
    file, found = source.check(read) if not mistakes else (None, [])
    mistakes += found
    if file:
        mistakes += list(_contradictions(read, file))
    wanted = file or CronFile()
    repairing = wanted.repairs is Policy.REPAIR and not database_only
    parsed, missing = environment.read(
        environ,
        texts=repairing and wanted.rules.sms_missing.policy is Policy.REPAIR,
        events=repairing and wanted.rules.calendar_missing.policy is Policy.REPAIR,
    )
    mistakes += missing
    if mistakes or file is None or parsed is None:
        raise ConfigurationError(mistakes, ADVICE)
    return Settings(file=file, environment=parsed)


def _read(path: Path | None, environ: Mapping[str, str]) -> tuple[Source, list[str]]:
    named = path or (Path(environ["RECONCILER_CONFIG"]) if environ.get("RECONCILER_CONFIG") else None)
    if named is None and not DEFAULT_FILE.exists():
        return Source(DEFAULT_FILE.name, None), []
    return source.read(named or DEFAULT_FILE)


def _contradictions(read: Source, file: CronFile) -> Iterator[str]:
    """What each key allows and all of them together do not."""
    rule, limits = file.rules.sms_missing, file.limits
    at = ("rules", "sms.missing", "messages")
    if rule.policy is not Policy.OFF:
        for status in file.bookings.statuses:
            if status not in rule.messages:
                yield read.mistake(at, f"no message for status {status}, which bookings.statuses lists")
        for status, message in rule.messages.items():
            for problem in check_template(message.template):
                yield read.mistake((*at, status, "template"), problem)
    longest = max(limits.timeouts.twilio, limits.timeouts.google)
    if limits.lease <= 2 * longest:
        yield read.mistake(("limits", "lease"), "must be longer than twice the longest provider timeout")
    if limits.settle < limits.lease:
        yield read.mistake(("limits", "settle"), "must not be shorter than limits.lease")

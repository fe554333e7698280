"""One booking: its page, and the same facts as data for the application's own screens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.verdicts import LABELS, Check, Condition, Refusal, VerdictStatus
from reconciler.domain.explain.wording import ASKED_IN_FULL, CHECKED, COMMON
from reconciler.domain.gaps import Effect
from reconciler.engine.explain.blind import UnknownRule
from reconciler.engine.explain.explanation import Explanation, RuleExplanation
from reconciler.service.next_step import what_next, what_would_change
from reconciler.settings.model.cron_file import CronFile
from reconciler.store.views.status import LastRun
from reconciler.web.health_mark import Mark

VERDICT_WORDS = {
    VerdictStatus.OK: "ok",
    VerdictStatus.NOT_APPLICABLE: "not applicable",
    VerdictStatus.HELD: "held",
    VerdictStatus.NEEDS_HUMAN: "needs a human",
    VerdictStatus.REPAIRABLE: "repairable",
}
VERDICT_MARKS = {
    VerdictStatus.OK: Mark.WELL,
    VerdictStatus.NOT_APPLICABLE: Mark.OFF,
    VerdictStatus.HELD: Mark.WORKING,
    VerdictStatus.NEEDS_HUMAN: Mark.YOURS,
    VerdictStatus.REPAIRABLE: Mark.WORKING,
}
API_STANDINGS = {
    VerdictStatus.OK: "ok",
    VerdictStatus.NOT_APPLICABLE: "not_applicable",
    VerdictStatus.HELD: "held",
    VerdictStatus.NEEDS_HUMAN: "needs_human",
    VerdictStatus.REPAIRABLE: "repairable",
}
"""Values of ``standing`` for programs, which stay stable. ``API_UNKNOWN``: the rule cannot be judged."""
API_UNKNOWN = "unknown"
TEXT_PRIORITY = (VerdictStatus.NEEDS_HUMAN, VerdictStatus.REPAIRABLE, VerdictStatus.HELD)
"""Order in which one of several gaps of a booking's text is chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """The name of a condition or check, and its answer."""

    name: str
    says: str
    decides: bool
    """Whether it decided the verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One rule's verdict on the booking."""

    rule: RuleExplanation
    mark: Mark
    word: str
    why: str
    facts: Sequence[Fact]
    next: str
    change: str


@dataclass(frozen=True, slots=True)
class BookingView:
    """An explanation in words. ``runs``: the last run of each job, where the ledger has one."""

    explained: Explanation
    file: CronFile
    runs: Mapping[str, LastRun]
    at: datetime

    @property
    def booking(self) -> BookingId:
        return self.explained.booking.id

    def common(self) -> list[Fact]:
        """The conditions that every rule shares."""
        held = {name: holds for rule in self.explained.rules for name, holds in rule.conditions.items()}
        # The page shows the status itself, so this condition is only worth a line where it fails.
        said = [name for name in COMMON if name in held and (name is not Condition.STATUS or not held[name])]
        return [_condition(name, holds=held[name], decides=not held[name]) for name in said]

    def cards(self) -> list[Card]:
        return [self._card(rule) for rule in self.explained.rules]

    def status(self) -> dict[str, object]:
        """For programs: stable names; ``text`` and ``event`` are null where no rule covers them."""
        return {
            "booking": self.booking,
            "reference": self.explained.booking.reference,
            "at": self.at.isoformat(),
            "text": self._text(),
            "event": self._event(),
        }

    def _text(self) -> dict[str, object] | None:
        unknown = next((one for one in self.explained.unknown if one.effect is not Effect.CALENDAR), None)
        if unknown:
            return {**_unknown(unknown), "sent": None}
        texts = [rule for rule in self.explained.rules if rule.kind.startswith("sms.")]
        sent = any(row.status == "sent" for row in self.explained.texts)
        # Without a row in a queue, something else may show the text: a column, another table, or our ledger.
        shown = any(one.conditions.get(Condition.NO_TEXT) is False for one in texts)
        sent = sent or (shown and not self.explained.texts)
        return {**self._one(_most_urgent(texts)), "sent": sent} if texts else None

    def _event(self) -> dict[str, object] | None:
        unknown = next((one for one in self.explained.unknown if one.effect is Effect.CALENDAR), None)
        stored = self.explained.booking.event_id is not None
        if unknown:
            return {**_unknown(unknown), "stored": stored}
        events = [rule for rule in self.explained.rules if rule.effect is Effect.CALENDAR]
        return {**self._one(events[0]), "stored": stored} if events else None

    def _one(self, rule: RuleExplanation) -> dict[str, object]:
        verdict = rule.verdict
        return {
            "standing": API_STANDINGS[verdict.status],
            "rule": rule.kind.value,
            "cause": verdict.cause.value if verdict.cause else None,
            "reason": str(verdict.reason) or None,
            "says": _why(rule),
            "next": what_next(rule, self.file, self.runs, self.at),
            "open_since": rule.gap.opened_at.isoformat() if rule.gap else None,
        }

    def _card(self, rule: RuleExplanation) -> Card:
        verdict = rule.verdict
        own = [
            _condition(name, holds=holds, decides=name == verdict.reason)
            for name, holds in rule.conditions.items()
            if name not in COMMON
        ]
        checks = [
            Fact(name=CHECKED.get(check.name, check.name), says=_seen(check), decides=check.verdict is not None)
            for check in rule.checks
        ]
        return Card(
            rule=rule,
            mark=VERDICT_MARKS[verdict.status],
            word=VERDICT_WORDS[verdict.status],
            why=_why(rule),
            facts=[*own, *checks],
            next=what_next(rule, self.file, self.runs, self.at),
            change="; ".join(what_would_change(rule, self.file)) if verdict.cause else "",
        )


def _unknown(rule: UnknownRule) -> dict[str, object]:
    return {
        "standing": API_UNKNOWN,
        "rule": rule.kind.value,
        "cause": None,
        "reason": rule.fault.code,
        "says": rule.fault.seen,
        "next": rule.fault.remedy,
        "open_since": None,
    }


def _seen(check: Check) -> str:
    """What the check found, without the last digits of a phone number, which only `explain` shows."""
    if check.name == Refusal.PHONE_UNUSABLE:
        return "not usable" if check.verdict else "usable"
    return check.seen


def _why(rule: RuleExplanation) -> str:
    return LABELS.get(rule.verdict.reason, rule.verdict.reason) or "nothing prevents the repair"


def _most_urgent(texts: Sequence[RuleExplanation]) -> RuleExplanation:
    """The rule of the most urgent gap, else the first rule: whether there is a text at all."""
    gaps = [rule for rule in texts if rule.verdict.is_gap]
    return min(gaps, key=lambda rule: TEXT_PRIORITY.index(rule.verdict.status), default=texts[0])


def _condition(name: Condition, *, holds: bool, decides: bool) -> Fact:
    return Fact(name=ASKED_IN_FULL[name], says="yes" if holds else "no", decides=decides)

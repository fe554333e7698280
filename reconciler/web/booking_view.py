"""One booking: what its page shows, and the same for the application's own screens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.verdicts import LABELS, Check, Condition, Refusal, VerdictStatus
from reconciler.domain.explain.wording import ASKED, CHECKED, COMMON
from reconciler.domain.gaps import Effect
from reconciler.engine.explain.explanation import Explanation, RuleExplanation
from reconciler.service.next_step import what_next, what_would_change
from reconciler.settings.file.model import CronFile
from reconciler.store.views.status import LastRun
from reconciler.web.health_mark import Mark

WORDS = {
    VerdictStatus.OK: "fine",
    VerdictStatus.NOT_APPLICABLE: "not asked",
    VerdictStatus.HELD: "waiting",
    VerdictStatus.NEEDS_HUMAN: "needs a person",
    VerdictStatus.REPAIRABLE: "gap",
}
MARKS = {
    VerdictStatus.OK: Mark.WELL,
    VerdictStatus.NOT_APPLICABLE: Mark.OFF,
    VerdictStatus.HELD: Mark.WORKING,
    VerdictStatus.NEEDS_HUMAN: Mark.YOURS,
    VerdictStatus.REPAIRABLE: Mark.WORKING,
}
STABLE = {
    VerdictStatus.OK: "fine",
    VerdictStatus.NOT_APPLICABLE: "not_asked",
    VerdictStatus.HELD: "waiting",
    VerdictStatus.NEEDS_HUMAN: "refused",
    VerdictStatus.REPAIRABLE: "gap",
}
"""The same for programs."""
URGENCY = (VerdictStatus.NEEDS_HUMAN, VerdictStatus.REPAIRABLE, VerdictStatus.HELD)
"""Of several gaps of one text, the one that is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that was asked, and the answer."""

    name: str
    says: str
    decides: bool
    """It stands in the way, or keeps the rule from asking for anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One rule."""

    rule: RuleExplanation
    mark: Mark
    word: str
    why: str
    facts: Sequence[Fact]
    next: str
    change: str


@dataclass(frozen=True, slots=True)
class BookingView:
    """An explanation in words; ``runs``: the last run of each job, as far as the ledger knows it."""

    explained: Explanation
    file: CronFile
    runs: Mapping[str, LastRun]
    at: datetime

    @property
    def booking(self) -> BookingId:
        return self.explained.booking.id

    def common(self) -> list[Fact]:
        """What every rule asks."""
        held = {name: holds for rule in self.explained.rules for name, holds in rule.conditions.items()}
        # The status itself stands beside it: only one that asks for nothing needs a word more.
        said = [name for name in COMMON if name in held and (name is not Condition.STATUS or not held[name])]
        return [_condition(name, holds=held[name], decides=not held[name]) for name in said]

    def cards(self) -> list[Card]:
        return [self._card(rule) for rule in self.explained.rules]

    def status(self) -> dict[str, object]:
        """For programs: stable names; ``text`` and ``event`` are null where no rule asks for them."""
        texts = [rule for rule in self.explained.rules if rule.kind.startswith("sms.")]
        events = [rule for rule in self.explained.rules if rule.effect is Effect.CALENDAR]
        sent = any(row.status == "sent" for row in self.explained.texts)
        return {
            "booking": self.booking,
            "reference": self.explained.booking.reference,
            "at": self.at.isoformat(),
            "text": {**self._one(_telling(texts)), "sent": sent} if texts else None,
            "event": {**self._one(events[0]), "stored": self.explained.booking.event_id is not None}
            if events
            else None,
        }

    def _one(self, rule: RuleExplanation) -> dict[str, object]:
        verdict = rule.verdict
        return {
            "standing": STABLE[verdict.standing],
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
            mark=MARKS[verdict.standing],
            word=WORDS[verdict.standing],
            why=_why(rule),
            facts=[*own, *checks],
            next=what_next(rule, self.file, self.runs, self.at),
            change="; ".join(what_would_change(rule, self.file)) if verdict.cause else "",
        )


def _seen(check: Check) -> str:
    """What decided, but for the last digits of a number, which ``explain`` shows on a terminal."""
    if check.name == Refusal.PHONE_UNUSABLE:
        return "not usable" if check.verdict else "usable"
    return check.seen


def _why(rule: RuleExplanation) -> str:
    return LABELS.get(rule.verdict.reason, rule.verdict.reason) or "nothing stands in the way"


def _telling(texts: Sequence[RuleExplanation]) -> RuleExplanation:
    """Whether there is a text at all, unless something is wrong with the one there is."""
    gaps = [rule for rule in texts if rule.verdict.is_gap]
    return min(gaps, key=lambda rule: URGENCY.index(rule.verdict.standing), default=texts[0])


def _condition(name: Condition, *, holds: bool, decides: bool) -> Fact:
    return Fact(name=ASKED[name], says="yes" if holds else "no", decides=decides)

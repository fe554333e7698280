"""What ``reconciler backfill`` shows: the plan, what was done, what is left, and when to run it again."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from reconciler.cli.output import NOUN, attempted, console, counted, fault_lines, folded, refusal, texts_to
from reconciler.domain.decide.plan import Decision, PlanCounts
from reconciler.domain.decide.policies import Deliver
from reconciler.domain.decide.verdicts import BY_APPROVAL, LABELS, Hold, Refusal, VerdictStatus
from reconciler.domain.formatting import sanitize
from reconciler.domain.gaps import Effect
from reconciler.engine.backfill import StaleAfterSuggestion
from reconciler.engine.backfill_plan import Remaining, is_possible
from reconciler.engine.reconcile.results import PassResult
from reconciler.ports import Services
from reconciler.settings import Settings
from reconciler.settings.file.values import Per, write_duration

_INDENT = " " * 9
LONGEST_NAME = 100
_ENDED_BY_HAND = frozenset({Hold.POLICY, Hold.SUSPENDED, *BY_APPROVAL})
"""Holds that do not end by waiting. Other lines say what ends them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillPrinter:
    """Shows one backfill."""

    settings: Settings
    services: Services
    limit: int | None

    def show_plan(self, effect: Effect, seen: PassResult, wider: StaleAfterSuggestion | None) -> None:
        for fault in seen.faults:
            _print(fault_lines(fault))
        if seen.plan:
            _print(self._plan_lines(effect, seen, seen.plan, wider))
        elif not seen.faults:
            _print([f"{NOUN[effect]:<8} off"])

    def _plan_lines(
        self, effect: Effect, seen: PassResult, plan: PlanCounts, wider: StaleAfterSuggestion | None
    ) -> Iterable[str]:
        gaps = [decision for decision in seen.decisions if decision.verdict.is_gap]
        possible = [decision for decision in gaps if is_possible(decision)]
        said = [f"{plan.past} past"] if plan.past else []
        said += [*self._groups(gaps), f"{len(possible)} possible"]
        *whole, last = folded(f"{NOUN[effect]:<8} {counted(plan.past + len(gaps), 'gap')}: ", said, ", ")
        yield from whole
        if wider:
            last += f"   (--stale-after {wider.stale_after.days}d: {wider.more} more)"
        yield from self._with_cost(last, effect, possible)
        if self.services.booking_range and self.services.booking_range.bookings and not gaps:
            yield _INDENT + ", ".join(LABELS.get(reason) or sanitize(reason, 40) for _, reason in plan.tally())

    def _groups(self, decisions: Iterable[Decision]) -> list[str]:
        """Why gaps are not repaired, the most frequent reason first."""
        left_out = self.left_out(d for d in decisions if d.verdict.is_gap and not is_possible(d))
        return [f"{number} {label}" for label, number in left_out.items()]

    def left_out(self, decisions: Iterable[Decision]) -> dict[str, int]:
        """How many there are for each reason in words, the most frequent first."""
        reasons = Counter(decision.verdict.reason for decision in decisions)
        return {self._label(reason): number for reason, number in reasons.most_common()}

    def takes(self, effect: Effect, number: int) -> timedelta | None:
        """How long so many repairs take at the rate of cron.yaml; ``None`` if the application makes them."""
        # A handed-over text needs no call: the application sends it at its own pace.
        if effect is Effect.SMS and self.services.sms_policy.deliver is Deliver.APPLICATION:
            return None
        return number * self._rate(effect).interval

    def _rate(self, effect: Effect) -> Per:
        rates = self.settings.file.limits.rate
        return rates.sms if effect is Effect.SMS else rates.calendar

    def _label(self, reason: str) -> str:
        if reason == Refusal.OLD:
            stale_after = self.services.sms_policy.stale_after
            return f"due more than {write_duration(stale_after)} ago" if stale_after else LABELS[reason]
        return LABELS.get(reason, reason)

    def _with_cost(self, line: str, effect: Effect, possible: Sequence[Decision]) -> Iterable[str]:
        wanted = possible[: self.limit]
        duration = self.takes(effect, len(wanted))
        takes = "" if duration is None else f", {about_minutes(duration)} at {self._rate(effect)}"
        first = f"the oldest {len(wanted)} (--limit {self.limit}): " if len(wanted) < len(possible) else ""
        if not wanted:
            yield line
        elif effect is Effect.CALENDAR and not first:
            yield f"{line}{takes}"
        else:
            yield line
            yield f"{_INDENT}{first}{_amount(effect, wanted)}{takes}"

    def show_remaining(self, effect: Effect, left: Remaining, planned: int) -> None:
        """What a plan comes to now: what is in place, what is to do, and by name what is left out."""
        for fault in left.seen.faults:
            _print(fault_lines(fault))
        if not left.seen.plan:
            if not left.seen.faults:
                _print([f"{NOUN[effect]:<8} off"])
            return
        said = [f"{counted(planned, effect.noun)} in the plan"]
        said += [f"{left.in_place} in place"] if left.in_place else []
        said += [f"{planned - left.in_place - len(left.skipped)} to repair"]
        said += [f"{len(left.skipped)} skipped"] if left.skipped else []
        _print(folded(f"{NOUN[effect]:<8} ", said, ", "))
        _print(f"skipped  {sanitize(name, LONGEST_NAME)}: {why}" for name, why in left.skipped.items())

    def show_refusals(self, results: Mapping[Effect, PassResult], again: Callable[[Effect], str]) -> None:
        for effect, result in results.items():
            if result.breaker_trip:
                _print(refusal(result, result.breaker_trip, again(effect)))

    def show_end(
        self, done: Mapping[Effect, PassResult], left: Mapping[Effect, PassResult], *, interrupted: bool
    ) -> None:
        for result in done.values():
            _print(attempted(result))
            for fault in result.faults:
                _print(fault_lines(fault))
        again: list[str] = []
        for effect, result in left.items():
            if result.plan:
                _print(self._left(effect, result.decisions))
                again += self._again(effect, result.decisions, at_once=interrupted or self.limit is not None)
        _print(folded("run it again: ", again) if again else [])

    def _left(self, effect: Effect, decisions: Sequence[Decision]) -> Iterable[str]:
        possible = sum(map(is_possible, decisions))
        said = [*self._groups(decisions), *([f"{possible} possible"] if possible else [])]
        return folded(f"{NOUN[effect]} left: ", said or ["none"], ", ")

    def _again(self, effect: Effect, decisions: Sequence[Decision], *, at_once: bool) -> Iterable[str]:
        """How many gaps another run can repair, and when. ``at_once``: only --limit or a signal ended this run."""
        waiting = (VerdictStatus.REPAIRABLE, VerdictStatus.HELD)
        reasons = Counter(
            d.verdict.reason
            for d in decisions
            if d.verdict.status in waiting and d.verdict.reason not in _ENDED_BY_HAND
        )
        for reason, number in reasons.items():
            yield f"{counted(number, effect.noun)} {self._when(reason, at_once=at_once)}"

    def _when(self, reason: str, *, at_once: bool) -> str:
        texts = self.services.sms_policy
        match reason:
            case Hold.QUIET_HOURS if texts.quiet_hours:
                ends = texts.quiet_hours.next_end(self.services.clock.now())
                return f"after {ends.astimezone(texts.zone):%H:%M}, when quiet hours are over" if ends else "later"
            case Hold.PER_RECIPIENT:
                return f"in {write_duration(texts.per_recipient.period)} at the latest (recipient limit)"
            case Hold.INTEGRATION:
                return "when the integration works again"
            case "" if at_once:
                return "at once"
            case _:
                return f"in {write_duration(self.services.sms_limits.lease)} (another process may be repairing them)"


def _amount(effect: Effect, wanted: Sequence[Decision]) -> str:
    if effect is Effect.CALENDAR:
        return counted(len(wanted), "event")
    return texts_to(len(wanted), len({d.recipient for d in wanted}), sum(d.segments for d in wanted))


def about_minutes(duration: timedelta) -> str:
    """A duration in whole minutes, from two hours on in whole hours, rounded up."""
    minutes = max(1, -(-duration // timedelta(minutes=1)))
    return f"about {minutes} min" if minutes < 120 else f"about {-(-minutes // 60)} h"


def _print(lines: Iterable[str]) -> None:
    out = console()
    for line in lines:
        out.print(line, soft_wrap=True, markup=False)

"""The repairer of each effect: the only place that pairs the two."""

from collections.abc import Callable, Mapping, Sequence

from reconciler.domain.decide.policies import Policy
from reconciler.domain.gaps import Effect
from reconciler.domain.rules.registry import REPAIRED, REPORT_ONLY
from reconciler.domain.rules.rule import Rule
from reconciler.engine.repair.calendar.calendar_repairer import CalendarRepairer
from reconciler.engine.repair.repairer import Repairer
from reconciler.engine.repair.sms.sms_repairer import SmsRepairer
from reconciler.ports import Services

_REPAIRERS: Mapping[Effect, Callable[[Services], Repairer]] = {
    Effect.SMS: SmsRepairer,
    Effect.CALENDAR: CalendarRepairer,
}


def repairer_of(effect: Effect, services: Services) -> Repairer:
    return _REPAIRERS[effect](services)


def repairers(services: Services) -> Sequence[Repairer]:
    """The repairers of all rules that repair, in the rules' order."""
    return [repairer_of(rule.effect, services) for rule in REPAIRED if rule.effect]


def is_off(rule: Rule, services: Services) -> bool:
    """Whether the settings switch the rule off."""
    if rule.effect is None:
        return rule.kind not in services.report_only
    return repairer_of(rule.effect, services).policy is Policy.OFF


def rules_in_force(services: Services) -> Sequence[Rule]:
    """The rules that a single booking can break and that are not off, those that are repaired first."""
    return [rule for rule in (*REPAIRED, *REPORT_ONLY) if not is_off(rule, services)]

"""The rules in force whose number of gaps is unknown."""

from collections.abc import Mapping

from reconciler.domain.decide.policies import Policy
from reconciler.domain.gaps import GapKind
from reconciler.domain.rules.registry import any_rule_of
from reconciler.settings.model.cron_file import CronFile
from reconciler.store.views.scans import NEVER


def unknown_in_force(file: CronFile, unknown: Mapping[GapKind, str]) -> Mapping[GapKind, str]:
    """Those of the kinds that cron.yaml wants scanned, each with the reason. A job that is off scans by hand only."""
    return {
        kind: why
        for kind, why in unknown.items()
        if file.rules.policy_of(any_rule_of(kind)) is not Policy.OFF
        and (why != NEVER or any_rule_of(kind).job in file.running())
    }

"""Every rule has its conditions in the order that the scan's two statements rely on."""

import pytest

from reconciler.domain.decide.verdicts import Condition
from reconciler.domain.rules.registry import RULES
from reconciler.domain.rules.rule import Rule

EVIDENCE = {
    Condition.NO_TEXT,
    Condition.UNDECIDED,
    Condition.OVERDUE,
    Condition.UNPROVEN,
    Condition.NO_EVENT,
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
def test_conditions_about_evidence_come_last_and_are_two_at_most(rule: Rule) -> None:
    about_rows = [condition in EVIDENCE for condition in rule.conditions]
    assert about_rows == sorted(about_rows)
    assert sum(about_rows) <= 2

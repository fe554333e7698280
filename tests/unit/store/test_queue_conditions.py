"""Every rule has its conditions in the order that the scan's two statements rely on."""

import pytest

from reconciler.domain.rules.registry import RULES
from reconciler.domain.rules.rule import Rule
from reconciler.store.app.conditions import BY_QUEUE_ROWS


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
def test_conditions_about_the_queue_come_last_and_are_two_at_most(rule: Rule) -> None:
    about_rows = [condition in BY_QUEUE_ROWS for condition in rule.conditions]
    assert about_rows == sorted(about_rows)
    assert sum(about_rows) <= 2

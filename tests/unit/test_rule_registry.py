"""The registry of rules: what the files declare fits together, and the rest of the program follows it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.domain.alerting.alerts import REMEDIES, remedy_of
from reconciler.domain.decide.verdicts import CAUSE_OF_REFUSAL, LABELS, Condition, Refusal, VerdictStatus
from reconciler.domain.gaps import INTEGRATIONS, Cause, Effect, GapKind
from reconciler.domain.rules.registry import (
    JOBS,
    KINDS,
    REPAIRED,
    REPORT_ONLY,
    RULES,
    closes_with,
    find_rule,
    report_of,
    report_only_kinds,
    rule_of,
    rule_of_effect,
)
from reconciler.domain.rules.rule import Rule
from reconciler.engine.jobs import available
from reconciler.engine.repair.repairers import _REPAIRERS
from reconciler.settings.model.cron_file import CronFile

UNKNOWN = GapKind("sms.of_yesterday")


def test_the_files_are_found_in_their_order() -> None:
    assert [rule.kind for rule in RULES] == ["sms.missing", "sms.stuck", "sms.unproven", "calendar.missing"]
    assert [rule.kind for rule in REPAIRED] == ["sms.missing", "calendar.missing"]
    assert [rule.kind for rule in REPORT_ONLY] == ["sms.stuck", "sms.unproven"]
    assert report_only_kinds("sms_delivery") == ("sms.stuck", "sms.unproven")
    assert (
        "backlog", "sms.missing", "sms.duplicate", "sms.stuck", "sms.unproven", "calendar.missing",
        "calendar.duplicate", "calendar.orphan", "coverage.dropped", "coverage.no_bookings", *INTEGRATIONS,
    ) == KINDS  # fmt: skip


def test_each_effect_has_one_rule_and_one_repairer() -> None:
    assert {rule.effect for rule in REPAIRED} == set(Effect) == set(_REPAIRERS)
    for effect, repairer in _REPAIRERS.items():
        assert repairer.kind == rule_of_effect(effect).kind  # type: ignore[attr-defined]  # every repairer is a class


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
def test_a_rule_is_complete(rule: Rule) -> None:
    assert set(JOBS) <= set(available())
    assert rule.conditions[0] is Condition.STATUS
    assert {*rule.conditions, *rule.refusals} <= set(LABELS)
    assert rule.kind in {gap.kind for gap in rule.drill}
    assert {gap.kind for gap in rule.drill} <= set(rule.kinds)
    reachable = {CAUSE_OF_REFUSAL[refusal] for refusal in rule.refusals}
    assert set(rule.remedies) <= reachable, "a remedy for a cause that the rule never gives"
    assert CronFile().rules.of(rule).only == {}


def test_every_refusal_belongs_to_a_rule() -> None:
    assert {refusal for rule in RULES for refusal in rule.refusals} == set(Refusal)


def test_a_report_only_rule_gives_one_verdict() -> None:
    verdict = rule_of(GapKind.SMS_STUCK).verdict
    assert (verdict.status, verdict.reason, verdict.cause) == (
        VerdictStatus.NEEDS_HUMAN, Refusal.NOT_SENT, Cause.APP_FAILED,
    )  # fmt: skip
    with pytest.raises(ValueError, match="does not only report"):
        _ = rule_of(GapKind.SMS_MISSING).verdict


def test_a_rule_repairs_or_reports() -> None:
    with pytest.raises(ValueError, match="either has an effect or only reports"):
        replace(rule_of(GapKind.SMS_STUCK), effect=Effect.SMS)
    with pytest.raises(ValueError, match="either has an effect or only reports"):
        replace(rule_of(GapKind.SMS_MISSING), effect=None)


def test_duplicates_close_with_the_missing_event_and_never_the_other_way() -> None:
    assert closes_with(GapKind.CALENDAR_MISSING) == (GapKind.CALENDAR_MISSING, GapKind.CALENDAR_DUPLICATE)
    assert closes_with(GapKind.CALENDAR_DUPLICATE) == (GapKind.CALENDAR_DUPLICATE,)
    assert rule_of(GapKind.CALENDAR_DUPLICATE).kind == GapKind.CALENDAR_MISSING


def test_a_kind_that_a_repair_finds_has_a_remedy_of_its_own() -> None:
    assert "two messages for one text" in remedy_of(GapKind.SMS_DUPLICATE, Cause.UNKNOWN_OUTCOME)
    assert remedy_of(GapKind.SMS_MISSING, Cause.UNKNOWN_OUTCOME) == REMEDIES[Cause.UNKNOWN_OUTCOME]


def test_a_kind_of_a_rule_that_no_longer_exists_can_be_read() -> None:
    assert (find_rule(UNKNOWN), closes_with(UNKNOWN)) == (None, (UNKNOWN,))
    assert remedy_of(UNKNOWN, Cause.APP_FAILED) == REMEDIES[Cause.APP_FAILED]
    assert not UNKNOWN.is_integration
    with pytest.raises(KeyError):
        report_of(GapKind.SMS_MISSING)


def test_a_rule_says_its_own_remedy() -> None:
    assert "press Send" in remedy_of(GapKind.SMS_STUCK, Cause.APP_FAILED)
    assert remedy_of(GapKind.SMS_MISSING, Cause.APP_FAILED) == REMEDIES[Cause.APP_FAILED]


def test_sections_of_cron_yaml_have_the_defaults_of_the_rules() -> None:
    sections = CronFile().rules.report_only()
    assert {kind: section.after for kind, section in sections.items()} == {
        "sms.stuck": timedelta(hours=1), "sms.unproven": timedelta(hours=2),
    }  # fmt: skip
    off = CronFile.model_validate({"rules": {"sms.stuck": {"policy": "off"}}})
    assert set(off.rules.report_only()) == {"sms.unproven"}

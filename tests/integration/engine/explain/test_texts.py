"""``reconciler explain`` of a text that may not be sent to this number, or not be sent as it is."""

from datetime import timedelta

import pytest

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.verdicts import Refusal
from reconciler.domain.explain.remediation import Constraint
from reconciler.domain.gaps import GapKind
from reconciler.engine.explain.explanation import RuleExplanation, explain
from tests.support.apply_required_changes import RequiredChangeWriter, with_setting
from tests.support.sandbox_world import World

pytestmark = pytest.mark.one_server


def explained(world: World, booking: str, change: object = None) -> RuleExplanation:
    with world.services(act=False) as services:
        found = explain(BookingId(booking), with_setting(services, change) if change else services)  # type: ignore[arg-type]
    assert found is not None
    (rule,) = [rule for rule in found.rules if rule.kind is GapKind.SMS_MISSING]
    return rule


@pytest.mark.parametrize(
    ("number", "name", "wanted", "value"),
    [
        ("+252612345678", "rules.sms.missing.countries", Constraint.INCLUDING, "SO"),
        ("+33612345678", "rules.sms.missing.countries", Constraint.INCLUDING, "FR"),
        ("+1 876 234 5678", "rules.sms.missing.countries", Constraint.INCLUDING, "JM"),
        ("+39 06 698 12345", "phone", Constraint.USABLE, None),
        ("+881612345678", "phone", Constraint.USABLE, None),
        ("070 1234 5678", "phone", Constraint.USABLE, None),
        ("0909 879 0123", "phone", Constraint.USABLE, None),
    ],
)
def test_c11_the_change_that_would_let_a_number_be_texted(
    world: World, number: str, name: str, wanted: Constraint, value: str | None
) -> None:
    booking = world.venue.booking(contact_phone=number)
    found = explained(world, booking)
    (change,) = found.required_changes
    assert (change.name, change.wanted, change.value) == (name, wanted, value)
    if value:
        assert explained(world, booking, change).verdict.reason == ""


def test_c11_the_change_that_would_let_a_lapsed_hold_be_texted(world: World) -> None:
    booking = world.venue.booking(status="draft", hold_expiry=world.clock.now() - timedelta(hours=1))
    found = explained(world, booking)
    assert found.verdict.reason == Refusal.LAPSED
    (change,) = found.required_changes
    assert (change.name, change.wanted) == ("hold_expiry", Constraint.AFTER)
    with world.venue.postgres.connect(world.venue.name) as connection, connection.transaction():
        RequiredChangeWriter(world.settings(), connection, world.clock.now()).write(booking, [change])
    assert explained(world, booking).verdict.reason == ""


@pytest.mark.parametrize(("length", "segments"), [(480, 4), (800, 6), (1500, 10)])
def test_the_change_that_would_let_a_long_text_be_sent(world: World, length: int, segments: int) -> None:
    template = f"template: '{'x' * length} {{{{ ref }}}}'"
    world.configure(
        texts=f", messages: {{draft: {{trigger: booking_created, {template}}}, "
        f"confirmed: {{trigger: booking_confirmed, {template}}}}}"
    )
    booking = world.venue.booking()
    found = explained(world, booking)
    (change,) = found.required_changes
    assert (change.name, change.wanted, change.value) == ("limits.segments", Constraint.AT_LEAST, segments)
    assert explained(world, booking, change).verdict.reason == ""


@pytest.mark.parametrize(
    ("first_name", "name", "said"),
    [
        ("your account is locked http://evil.example/p", "", "written, first_name left out: not a name"),
        ("Guest", "Guest", "written, first_name left out: a placeholder"),
        ("", "Unknown", "written, first_name left out: a placeholder"),
        ("Ana", "", "written"),
        ("Guest", "Ana Lima", "written"),
    ],
)
def test_c11_what_was_replaced_is_shown_and_not_quoted(world: World, first_name: str, name: str, said: str) -> None:
    booking = world.venue.booking(customer_first_name=first_name, customer_name=name)
    assert {check.name: check.seen for check in explained(world, booking).checks}[Refusal.TEXT_UNWRITABLE] == said


def test_d6_a_value_that_is_printed_and_lacking_is_named(world: World) -> None:
    world.configure(
        texts=", messages: {draft: {trigger: booking_created, template: 'Hi {{ ref }}'}, confirmed: {trigger: "
        "booking_confirmed, template: '{% if occasion %}{{ occasion }}{% endif %} for {{ guests }} {{ ref }}'}}"
    )
    found = explained(world, world.venue.booking(guest_count=None, event_type=None))
    assert found.verdict.reason == Refusal.TEXT_UNWRITABLE
    assert [change.name for change in found.required_changes] == ["guests"]

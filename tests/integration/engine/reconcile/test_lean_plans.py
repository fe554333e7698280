"""What a plan keeps in memory: there may be a hundred thousand decisions of one pass."""

from reconciler.domain.gaps import Effect
from reconciler.engine.reconcile.run_pass import run_pass
from reconciler.engine.repair.repairers import repairer_of
from tests.support.sandbox_world import World


def test_a_gap_that_is_only_recorded_keeps_what_its_record_needs(world: World) -> None:
    world.configure(texts=", policy: report")
    booking = world.venue.booking()
    with world.services() as services:
        seen = run_pass("sms_missing", repairer_of(Effect.SMS, services), services, keep_decisions=True)
    (kept,) = seen.decisions
    assert (kept.booking.id, kept.booking.status) == (booking, "confirmed")
    assert (kept.booking.name, kept.booking.phones, kept.booking.starts_at, kept.booking.due) == ("", (), None, None)
    assert (kept.subject, kept.recipient) == ("", "")
    assert len(world.gaps()) == 1


def test_a_repair_keeps_what_its_intent_is_planned_from(world: World) -> None:
    world.venue.booking()
    with world.services(act=False) as services:
        seen = run_pass("sms_missing", repairer_of(Effect.SMS, services), services, keep_decisions=True)
    (kept,) = seen.decisions
    assert (kept.booking.name, kept.booking.phones, kept.draft) == ("", (), None)
    assert kept.booking.starts_at
    assert kept.booking.due
    assert kept.subject
    assert kept.recipient

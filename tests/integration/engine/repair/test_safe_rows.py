"""C3: an application that sends its failed rows again must not send ours. The status of our row is the mapping's."""

import threading
from dataclasses import dataclass, field

import pytest

from reconciler.domain.bookings import BookingId
from reconciler.domain.gaps import GapKind
from reconciler.errors import ConfigurationError, Exit
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.settings import load
from tests.support.sandbox_world import World

QUEUE = "private_booking_sms_queue"
SAFE = "record: {in_flight: cancelled}"


@dataclass
class Resender:
    """The application's job: every failed row is sent, and then says *sent*."""

    world: World
    sent: list[str] = field(default_factory=list)

    def run(self, table: str = QUEUE, statuses: tuple[str, ...] = ("failed",)) -> None:
        rows = self.world.venue.sql(
            f"SELECT id::text, booking_id::text, recipient_phone, message_body FROM {table} WHERE status = ANY(%s)",
            list(statuses),
        )
        for row, booking, number, body in rows:
            sid = self.world.sandbox.twilio.add_message(number, body, self.world.clock.now()).sid
            claimed = f"UPDATE {table} SET status = 'sent', twilio_message_sid = %s WHERE id = %s"
            self.world.venue.sql(claimed, sid, row)
            self.sent.append(booking)


def bookings(world: World, number: int) -> list[BookingId]:
    return [
        world.venue.booking(calendar_event_id=f"there{index}", contact_phone=f"+4477009001{index:02d}")
        for index in range(number)
    ]


def texts(world: World) -> dict[str, int]:
    counts: dict[str, int] = {}
    for message in world.sandbox.twilio.messages:
        counts[message.to] = counts.get(message.to, 0) + 1
    return counts


@pytest.fixture
def resending(world: World) -> World:
    world.configure(resent="yes", more=SAFE)
    return world


def test_c3_an_application_that_resends_failed_rows_sends_none_of_ours(resending: World) -> None:
    """It runs after each call of ours, when the call's row still says in flight, and after the pass."""
    bookings(resending, 10)
    application, stop = Resender(resending), threading.Event()

    def beside() -> None:
        while not stop.is_set():
            application.run()
            stop.wait(0.01)

    thread = threading.Thread(target=beside)
    thread.start()
    result = resending.texts()
    stop.set()
    thread.join()
    application.run()
    assert (result.repaired, application.sent) == (10, [])
    assert set(texts(resending).values()) == {1}
    assert len(texts(resending)) == 10


def test_a_text_of_unknown_outcome_stays_in_a_status_that_nothing_sends(resending: World) -> None:
    bookings(resending, 3)
    resending.sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.LOSE))
    resending.texts()
    application = Resender(resending)
    application.run()
    statuses = {status for (status,) in resending.venue.sql(f"SELECT status FROM {QUEUE}")}
    assert (application.sent, statuses) == ([], {"cancelled"})
    resending.settle_time_is_over()
    resending.texts()
    assert set(texts(resending).values()) == {1}


def test_a_refused_text_is_not_resent_either(resending: World) -> None:
    ((booking),) = bookings(resending, 1)
    resending.sandbox.twilio.refuse("+447700900100", 400, 21610)
    resending.texts()
    application = Resender(resending)
    application.run()
    assert (application.sent, texts(resending)) == ([], {}), booking


def test_a_failed_row_of_the_application_that_is_sent_again_is_a_queued_text(resending: World) -> None:
    """Otherwise we text, and then the application does."""
    ((booking),) = bookings(resending, 1)
    resending.venue.text(booking, status="failed", error_message="validation failed", recipient_phone="+447700900100")
    assert resending.texts().repaired == 0
    Resender(resending).run()
    assert texts(resending) == {"+447700900100": 1}


def test_a_failed_row_that_waits_to_be_sent_again_for_too_long_is_a_gap(resending: World) -> None:
    ((booking),) = bookings(resending, 1)
    resending.venue.text(booking, status="failed", error_message="validation failed")
    resending.later(hours=2)
    resending.once(jobs=("sms_delivery",))
    assert (GapKind.SMS_STUCK, booking) in resending.gaps()


def test_a_status_of_its_own_for_our_rows_is_no_text_and_is_tried_out(world: World) -> None:
    check = f"ALTER TABLE {QUEUE} DROP CONSTRAINT {QUEUE}_status_check"
    world.configure(resent="yes", more="record: {in_flight: by_reconciler}")
    bookings(world, 1)
    refused = world.texts()
    assert refused.exit_code == Exit.NEEDS_A_HUMAN
    assert "by_reconciler" in " ".join(fault.seen for fault in refused.faults)
    world.venue.alter(check)
    world.sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.LOSE))
    world.texts()
    assert world.venue.sql(f"SELECT status FROM {QUEUE}") == [("by_reconciler",)]
    assert len(world.gaps()) == 1, "our own row does not close its gap"
    world.settle_time_is_over()
    world.texts()
    assert world.gaps() == {}
    assert set(texts(world).values()) == {1}


@pytest.mark.parametrize(
    ("resent", "in_flight", "wrong"),
    [
        ("yes", "failed", True),
        ("no", "failed", False),
        ("yes", "cancelled", False),
        ("no", "approved", True),
        ("no", "pending", True),
        ("yes", "sent", True),
    ],
)
def test_a_status_that_the_application_sends_is_a_contradiction(
    world: World, resent: str, in_flight: str, *, wrong: bool
) -> None:
    world.configure(resent=resent, more=f"record: {{in_flight: {in_flight}}}")
    if not wrong:
        assert world.settings().file.record.in_flight == in_flight
        return
    with pytest.raises(ConfigurationError, match=rf"record.in_flight: .*status {in_flight}.*write one"):
        world.settings()


def test_the_question_is_answered_before_anything_is_sent(world: World) -> None:
    file, environ = world.sandbox.cron_yaml, world.sandbox.environment()
    question = r"rules.sms.missing.queue_failed_resent: .*failed again\? Write no or yes"
    for sends in ("{}", "{policy: repair}"):
        file.write_text(f"rules: {{sms.missing: {sends}}}\n")
        assert load(file, environ).file.rules.sms_missing.queue_failed_resent is None, "a look asks nothing"
        with pytest.raises(ConfigurationError, match=question):
            load(file, environ, file_required=True)
    for quiet in ("{queue_failed_resent: no}", "{deliver: application}", "{policy: report}", "{policy: off}"):
        file.write_text(f"rules: {{sms.missing: {quiet}}}\n")
        load(file, environ, file_required=True)

"""The bookings that a venue had before: complete, each with its texts and its event."""

from datetime import timedelta

from tests.year.drawing import CONFIRMED
from tests.year.life import TRIGGERS, Life


def had_before(life: Life) -> None:
    begins = life.size.begins
    day = (begins - life.size.history).date()
    while day < begins.date():
        for made_at in life.draw.moments(day):
            booking = life.draw.booking(made_at)
            booking.status = CONFIRMED
            is_over = booking.starts_at < begins
            event_id = f"app{booking.reference}0" if is_over else life.put_event(booking)
            life.insert(booking, status="completed" if is_over else CONFIRMED, calendar_event_id=event_id)
            if booking.number:
                for trigger in TRIGGERS.values():
                    life.note_text(booking, trigger, made_at)
        day += timedelta(days=1)
    life.flush()

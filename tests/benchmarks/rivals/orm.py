"""SQLAlchemy's ORM with two mapped classes and ``~any()``, as its tutorial teaches it."""

import sys
from datetime import date, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ForeignKey, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Base(DeclarativeBase):
    """The mapped tables."""


class Text(Base):
    __tablename__ = "private_booking_sms_queue"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    booking_id: Mapped[UUID] = mapped_column(ForeignKey("private_bookings.id"))
    status: Mapped[str | None]


class Booking(Base):
    __tablename__ = "private_bookings"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    status: Mapped[str | None]
    event_date: Mapped[date]
    start_time: Mapped[time]
    calendar_event_id: Mapped[str | None]
    texts: Mapped[list[Text]] = relationship()


def main(url: str) -> None:
    now = datetime.now(ZoneInfo("Europe/London")).replace(tzinfo=None)
    ahead = (Booking.status.in_(("draft", "confirmed")), Booking.event_date + Booking.start_time > now)
    with Session(create_engine(url)) as session:
        untexted = select(Booking).where(*ahead, ~Booking.texts.any(Text.status.not_in(("failed", "cancelled"))))
        unentered = select(Booking).where(*ahead, Booking.calendar_event_id.is_(None))
        found = [len(session.scalars(statement).all()) for statement in (untexted, unentered)]
    sys.stdout.write(f"{found[0]} {found[1]}\n")


if __name__ == "__main__":
    main(sys.argv[1])

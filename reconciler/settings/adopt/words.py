"""The words by which tables and columns are recognised, each with its weight. Plain data; a name is cut into words.

``"start_at"`` matches ``startAt``, ``booking_start_at`` and ``StartAt``: words that only repeat what the table is about
(``NOUNS``) are left out first. A higher weight wins.
"""

NOUNS = frozenset({
    "booking", "bookings", "appointment", "appointments", "reservation", "reservations", "event", "events", "visit",
    "private", "session", "meeting", "party", "order",
})  # fmt: skip
PEOPLE_NOUNS = frozenset({
    "customer", "client", "guest", "contact", "patient", "person", "booker", "attendee", "member", "user", "visitor",
})  # fmt: skip

BOOKINGS_TABLES = {
    "booking": 50, "bookings": 50, "appointment": 50, "appointments": 50, "reservation": 50, "reservations": 50,
    "calendar event": 35, "calendar events": 35, "event": 25, "events": 25, "visit": 25, "visits": 25,
    "session": 15, "sessions": 15, "meeting": 20, "meetings": 20, "order": 10, "orders": 10, "viewing": 20,
    "viewings": 20, "party": 15, "parties": 15, "lesson": 20, "lessons": 20, "schedule": 10, "slot": 5, "slots": 5,
}  # fmt: skip
"""Last words of a table's name -> weight. ``private_bookings`` ends with *bookings*."""
NOT_BOOKINGS = frozenset({
    "type", "types", "log", "logs", "history", "reference", "references", "status", "statuses", "item", "items", "note",
    "notes", "audit", "archive", "payment", "payments", "template", "templates", "setting", "settings", "attendee",
    "attendees", "reminder", "reminders", "audits", "version", "versions", "seat", "seats", "migrations",
})  # fmt: skip
"""A table whose name has one of these words beside the booking's is about bookings, and holds none."""

STARTS = {
    "starts at": 10, "start at": 10, "start": 10, "starts": 10, "start time": 10, "starts on": 8, "start datetime": 10,
    "start date time": 10, "start date": 9, "begin": 9, "begins": 9, "begins at": 9, "begin at": 9, "begin time": 9,
    "scheduled at": 9, "scheduled for": 9, "scheduled start": 10, "scheduled time": 9, "date time": 8, "datetime": 8,
    "at": 7, "time": 7, "when": 6, "from": 6, "from time": 7, "slot": 5, "slot start": 9, "date": 7, "arrival": 6,
    "arrives at": 7, "arrival time": 7, "check in": 6, "checkin": 6, "check in at": 6, "takes place at": 8,
}  # fmt: skip
"""Of a timestamp."""
DAYS = {
    "date": 10, "day": 10, "start date": 10, "starts on": 9, "on": 9, "start day": 9, "scheduled date": 8, "": 8,
    "scheduled on": 8, "scheduled day": 8, "for date": 7,
}  # fmt: skip
"""Of a date."""
CLOCKS = {
    "start time": 10, "starts": 9, "start": 9, "time": 9, "begins": 9, "begin": 9, "begin time": 9, "starts at": 9,
    "start at": 9, "from": 8, "from time": 8, "at": 8, "hour": 6, "slot": 6, "arrival time": 7, "begins at": 9,
}  # fmt: skip
"""Of a time of day."""
ENDS = {
    "ends at": 10, "end at": 10, "end": 10, "ends": 10, "end time": 10, "end date": 8, "end datetime": 10, "stop": 9,
    "stops at": 9, "stop at": 9, "until": 8, "finish": 8, "finishes at": 9, "finish time": 8, "to": 6, "to time": 7,
    "end date time": 10, "scheduled end": 9, "slot end": 8, "departure": 6, "check out": 6, "checkout": 6,
    "finishes": 8, "ends on": 6, "leaves at": 7,
}  # fmt: skip
NEXT_DAY = {"end next day": 9, "ends next day": 9, "end time next day": 9, "next day": 8, "overnight": 7}
MINUTES = {
    "duration minutes": 10, "duration mins": 10, "duration min": 10, "minutes": 9, "length minutes": 10,
    "length in minutes": 10, "duration in minutes": 10, "mins": 8, "duration": 6, "length": 5,
}  # fmt: skip
"""``duration`` alone is a guess."""
HOURS = {"duration hours": 10, "hours": 8, "length hours": 9, "duration in hours": 10}
LENGTHS = {"duration": 10, "length": 9, "takes": 7, "lasts": 7}
CREATED = {
    "created at": 10, "created": 10, "created on": 9, "create date": 10, "creation date": 9, "date created": 9,
    "inserted at": 10, "booked at": 9, "booked on": 8, "made at": 8, "placed at": 8, "created time": 8, "added at": 8,
    "requested at": 7, "creation time": 9, "made": 7, "entered at": 7, "booked": 6, "inserted": 7, "received at": 6,
    "create time": 9,
}  # fmt: skip
CONFIRMED_AT = {"confirmed at": 10, "accepted at": 8, "approved at": 8, "confirmed on": 7}

STATUS = {"status": 10, "state": 9, "stage": 5, "status id": 6, "state id": 5, "status code": 8, "state code": 7}
ACTIVE = {"active": 6, "is active": 6}
DELETED_AT = {"deleted at": 10, "deleted on": 8, "removed at": 6, "trashed at": 6, "deleted": 9}
DELETED = {"is deleted": 10, "deleted": 9, "is removed": 7}

GOOD_STATUSES = {
    "confirmed": 10, "accepted": 10, "booked": 10, "approved": 9, "reserved": 8, "scheduled": 8, "active": 6,
    "confirm": 7, "sure": 5, "paid": 4, "deposit paid": 4, "open": 2,
}  # fmt: skip
"""Of these, a text and an event are expected."""
OFF_STATUSES = {
    "cancelled": 10, "canceled": 10, "declined": 9, "rejected": 9, "cancel": 9, "called off": 8, "void": 6,
    "refused": 7, "withdrawn": 7, "deleted": 5, "cancelled by customer": 9, "cancelled by venue": 9,
}  # fmt: skip
"""These say that the booking is off."""

WHOLE_NAMES = {
    "full name": 10, "name": 9, "display name": 7, "complete name": 6, "party name": 6, "booked by": 5,
    "company name": 2, "nickname": 1,
}  # fmt: skip
"""After a person's noun is left out: ``customer_name`` is ``name``."""
FIRST_NAMES = {"first name": 10, "given name": 9, "forename": 8, "firstname": 9, "givenname": 8, "fname": 7}
TITLES = {"title": 5, "subject": 4, "summary": 4}
"""What an event is called, where nothing names a person."""
PHONES = {
    "mobile e164": 14, "phone e164": 13, "mobile": 12, "mobile number": 12, "mobile phone": 12, "cell": 11,
    "cell phone": 11, "cellphone": 11, "sms number": 12, "sms phone": 12, "sms reminder number": 11, "phone": 10,
    "phone number": 10, "telephone": 9, "tel": 9, "phone mobile": 12, "phone no": 9, "telephone number": 9,
    "msisdn": 12, "number": 0, "recipient": 0, "recipient phone": 9, "contact number": 8, "handset": 8,
}  # fmt: skip
RECIPIENTS = PHONES | {"recipient": 10, "to": 9, "to number": 10, "number": 8, "destination": 7, "to phone": 10}
"""In a table of texts."""
PEOPLE_TABLES = {
    "customer": 10, "client": 10, "guest": 9, "patient": 9, "contact": 8, "person": 8, "people": 8, "member": 7,
    "partner": 7, "visitor": 7, "profile": 6, "user": 6, "account": 4, "student": 7, "booker": 8, "attendee": 7,
    "participant": 7,
}  # fmt: skip
"""The singular of the last word of a table's name."""
PEOPLE_LINKS = {
    "customer": 10, "client": 10, "guest": 9, "patient": 9, "contact": 8, "person": 8, "attendee": 8, "booker": 9,
    "member": 7, "partner": 7, "visitor": 7, "user": 4, "student": 7, "profile": 6, "booked by": 6, "participant": 7,
}  # fmt: skip
"""Words of the column that leads to a person -> weight."""
STAFF = frozenset({
    "staff", "employee", "barber", "stylist", "therapist", "doctor", "practitioner", "provider", "host", "owner",
    "created", "updated", "deleted", "approved", "cancelled", "organizer", "organiser", "assigned", "agent", "write",
    "create", "manager", "admin", "teacher", "instructor", "trainer",
})  # fmt: skip
"""A column with one of these leads to somebody else."""
CONSENT = {
    "sms opt in": 10, "sms consent": 10, "sms opted in": 10, "accepts sms": 9, "receive sms": 9, "allow sms": 9,
    "sms enabled": 7, "sms notifications": 7, "sms allowed": 9, "text opt in": 9, "wants sms": 8,
}  # fmt: skip
"""Booleans: texts only where they are true."""
CODES = {
    "reference": 10, "ref": 9, "code": 8, "confirmation code": 10, "confirmation number": 9, "number": 7,
    "reference number": 10, "reference code": 10, "ref no": 8, "no": 6, "locator": 8, "reference no": 8, "public id": 4,
    "confirmation": 4,
}  # fmt: skip
"""Of a unique column."""
GUESTS = {"guests": 10, "guest count": 10, "size": 8, "party size": 10, "covers": 9, "pax": 9, "number of guests": 10,
          "num guests": 9, "people": 6, "head count": 7, "guest number": 7}  # fmt: skip
DATE_TBD = {"date tbd": 10, "date tbc": 10, "tbd": 8, "date unconfirmed": 8}

EVENT_IDS = {
    "google event id": 12, "gcal event id": 12, "calendar event id": 11, "google calendar event id": 12, "gcal id": 9,
    "google id": 9, "gcal event": 8, "google event": 8, "external event id": 8, "cal event id": 9, "event id": 6,
    "google calendar event": 8, "external calendar event id": 10, "gcal uid": 7,
}  # fmt: skip
"""Nouns stay here: they are what the name says. ``calendar_id`` names a calendar, and is none of these."""
LINKED_IDS = EVENT_IDS | {
    "external id": 8,
    "uid": 6,
    "external uid": 7,
    "provider id": 5,
    "remote id": 7,
    "foreign id": 6,
}
CALENDAR_WORDS = ("google_calendar", "google calendar", "google", "gcal", "calendar")
"""In the labels of a column that says what kind of link a row is; the first that is met counts."""
KINDS = {"type": 10, "kind": 10, "provider": 9, "service": 8, "integration": 8, "source": 4, "system": 7, "category": 5}
SENT = {"texted", "sent", "sid"}
SMS = {"sms", "text", "texted", "txt", "twilio"}
NOT_SMS = {"email", "mail", "reminder", "review", "invoice", "feedback", "receipt", "push", "followup", "survey"}
MESSAGES_TABLES = {
    "sms": 10, "text": 9, "texts": 9, "message": 7, "messages": 7, "notification": 5, "notifications": 5,
    "reminder": 5, "reminders": 5, "twilio": 10, "communication": 5, "communications": 5, "outbox": 5, "queue": 3,
    "log": 1, "logs": 1,
}  # fmt: skip
SIDS = {
    "twilio sid": 10, "sid": 9, "message sid": 10, "provider sid": 9, "twilio message sid": 10, "sms sid": 10,
    "provider id": 7, "provider message id": 9, "external id": 6, "reference id": 5, "twilio id": 9, "message id": 6,
}  # fmt: skip
SENT_AT = {"sent at": 10, "sent": 9, "sent on": 8, "created at": 4, "sent time": 8, "created": 3, "inserted at": 3,
           "scheduled date": 3, "delivered at": 6, "at": 4, "logged at": 4}  # fmt: skip
CHANNELS = {"channel": 10, "method": 9, "medium": 8, "type": 6, "kind": 5, "via": 7, "transport": 7}
DIRECTIONS = {"direction": 10, "in out": 6}
OUTBOUND = {"outbound": 10, "out": 9, "outgoing": 10, "sent": 3, "outbound api": 8}
TEXT_KINDS = {"kind": 10, "trigger": 10, "trigger type": 10, "template": 8, "type": 8, "template key": 8, "purpose": 8,
              "template name": 8, "category": 6, "message type": 8}  # fmt: skip
GOOD_TEXTS = {
    "queued",
    "sent",
    "delivered",
    "accepted",
    "sending",
    "scheduled",
    "pending",
    "approved",
    "done",
    "success",
}
FAILED_TEXTS = {"failed", "undelivered", "cancelled", "canceled", "error", "bounced", "rejected", "skipped", "failure"}
CANCELLED_TEXT = {"cancelled": 9, "canceled": 9, "is cancelled": 9, "deleted": 8, "failed": 7}
"""Booleans of a row that does not count."""
QUEUE = {
    "trigger": {"trigger type": 10, "trigger": 9, "kind": 6, "message type": 7, "type": 5},
    "body": {"message body": 10, "body": 9, "message": 8, "content": 7, "text": 6},
    "status": {"status": 10, "state": 8},
    "provider_id": {"twilio message sid": 10, "twilio sid": 9, "message sid": 9, "sid": 8, "provider sid": 7},
    "error": {"error message": 10, "error": 9, "last error": 8, "failure reason": 7},
}
"""What a queue of the reference's shape has to have."""
QUEUE_STATUSES = frozenset({"pending", "sent", "failed"})
QUEUE_OPTIONAL = {
    "template": {"template key": 10, "template": 8},
    "scheduled_for": {"scheduled for": 10, "scheduled at": 9, "send at": 8},
    "customer_phone": {"customer phone": 10, "phone": 6},
    "customer_name": {"customer name": 10},
    "recipient_phone": {"recipient phone": 10, "recipient": 8, "to": 7},
    "approved_by": {"approved by": 10},
    "sent_at": {"sent at": 10},
    "created_at": {"created at": 10, "inserted at": 8},
}

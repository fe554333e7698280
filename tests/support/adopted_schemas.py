"""Databases of many habits, each with the mapping that ``reconciler adopt`` has to propose for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_SINGLE = """
    CREATE TABLE bookings (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_name text NOT NULL, customer_phone text,
        starts_at timestamptz NOT NULL, ends_at timestamptz, status text NOT NULL DEFAULT 'pending'
            CHECK (status IN ('pending', 'confirmed', 'cancelled')),
        google_event_id text, sms_sent_at timestamptz, code text UNIQUE, created_at timestamptz NOT NULL);
    CREATE TABLE booking_notes (id int PRIMARY KEY, booking_id bigint REFERENCES bookings, created_at timestamptz);
"""
_QUOTED = """
    CREATE TYPE "BookingStatus" AS ENUM ('accepted', 'pending', 'cancelled', 'rejected');
    CREATE TABLE users (id int PRIMARY KEY, name text, email text);
    CREATE TABLE "Booking" (
        id serial PRIMARY KEY, uid text NOT NULL UNIQUE, "userId" int REFERENCES users, title text NOT NULL,
        "startTime" timestamp(3) NOT NULL, "endTime" timestamp(3) NOT NULL, "createdAt" timestamp(3) NOT NULL,
        status "BookingStatus" NOT NULL DEFAULT 'accepted', "smsReminderNumber" text);
    CREATE TABLE "Attendee" (
        id serial PRIMARY KEY, email text NOT NULL, name text NOT NULL, "phoneNumber" text,
        "bookingId" int REFERENCES "Booking");
    CREATE TABLE "BookingReference" (
        id serial PRIMARY KEY, type text NOT NULL, uid text NOT NULL, "bookingId" int REFERENCES "Booking",
        deleted boolean);
    CREATE TABLE "WorkflowReminder" (
        id serial PRIMARY KEY, "bookingUid" text REFERENCES "Booking" (uid), method text NOT NULL,
        "referenceId" text, scheduled boolean NOT NULL, "scheduledDate" timestamp(3) NOT NULL, cancelled boolean);
    CREATE TABLE _prisma_migrations (id text PRIMARY KEY);
    INSERT INTO "Booking" (uid, title, "startTime", "endTime", "createdAt") VALUES ('u', 't', now(), now(), now());
    INSERT INTO "BookingReference" (type, uid, "bookingId") VALUES ('google_calendar', 'x', 1), ('daily_video', 'y', 1);
    INSERT INTO "WorkflowReminder" ("bookingUid", method, scheduled, "scheduledDate")
        VALUES ('u', 'SMS', true, now()), ('u', 'EMAIL', true, now());
"""
_PARTNERS = """
    CREATE TABLE res_partner (id serial PRIMARY KEY, name varchar, mobile varchar, phone varchar, active boolean);
    CREATE TABLE calendar_event (
        id serial PRIMARY KEY, name varchar NOT NULL, start timestamp, stop timestamp, active boolean,
        duration double precision, partner_id int REFERENCES res_partner, create_uid int REFERENCES res_partner,
        google_id varchar, need_sync boolean, create_date timestamp, write_date timestamp);
    CREATE TABLE calendar_event_res_partner_rel (
        calendar_event_id int REFERENCES calendar_event, res_partner_id int REFERENCES res_partner,
        PRIMARY KEY (calendar_event_id, res_partner_id));
    CREATE TABLE ir_module_module (id serial PRIMARY KEY, name varchar);
"""
_DAY_AND_CLOCK = """
    CREATE TYPE appointment_state AS ENUM ('requested', 'booked', 'cancelled');
    CREATE TABLE appointments (
        id serial PRIMARY KEY, client_name varchar(80), client_phone varchar(20), day date, begins time, ends time,
        state appointment_state NOT NULL, booked_at_utc timestamp NOT NULL, booked_at timestamptz NOT NULL);
    CREATE TABLE sms_log (id serial PRIMARY KEY, recipient text, body text, sent_at timestamptz, status text);
    INSERT INTO sms_log (recipient, sent_at, status)
        VALUES ('+447700900101', now(), 'delivered'), ('x', now(), 'failed');
"""
_DJANGO = """
    CREATE TABLE auth_user (
        id serial PRIMARY KEY, password varchar NOT NULL, username varchar UNIQUE, first_name varchar NOT NULL,
        last_name varchar NOT NULL, email varchar, is_staff boolean);
    CREATE TABLE accounts_profile (
        id serial PRIMARY KEY, user_id int NOT NULL UNIQUE REFERENCES auth_user, phone_number varchar(20));
    CREATE TABLE scheduling_appointment (
        id bigserial PRIMARY KEY, client_id int NOT NULL REFERENCES auth_user, staff_id int REFERENCES auth_user,
        start timestamptz NOT NULL, duration interval NOT NULL, status varchar(12) NOT NULL,
        created timestamptz NOT NULL, confirmed_at timestamptz);
    CREATE TABLE django_migrations (id serial PRIMARY KEY, app varchar, name varchar);
    INSERT INTO auth_user VALUES (1, '', 'a', 'A', 'B', '', false);
    INSERT INTO scheduling_appointment (client_id, start, duration, status, created)
        SELECT 1, now(), '1h', word, now() FROM unnest(ARRAY['approved', 'declined', 'done']) word;
"""
_RAILS = """
    CREATE TABLE schema_migrations (version varchar PRIMARY KEY);
    CREATE TABLE customers (
        id bigserial PRIMARY KEY, full_name varchar, mobile varchar, sms_opt_in boolean NOT NULL,
        created_at timestamp NOT NULL);
    CREATE TABLE reservations (
        id bigserial PRIMARY KEY, customer_id bigint NOT NULL, starts_at timestamp NOT NULL, duration_minutes int,
        status varchar NOT NULL DEFAULT 'booked', party_size int, confirmation_code varchar UNIQUE,
        deleted_at timestamp, created_at timestamp NOT NULL, updated_at timestamp NOT NULL);
    CREATE TABLE messages (
        id bigserial PRIMARY KEY, reservation_id bigint NOT NULL, kind varchar, status varchar, to_number varchar,
        twilio_sid varchar, created_at timestamp NOT NULL);
    INSERT INTO reservations (customer_id, starts_at, status, created_at, updated_at)
        SELECT 1, now(), word, now(), now() FROM unnest(ARRAY['booked', 'seated', 'cancelled', 'no_show']) word;
    INSERT INTO messages (reservation_id, kind, status, created_at) VALUES
        (1, 'confirmation', 'delivered', now()), (2, 'review_request', 'sent', now()),
        (3, 'confirmation', 'failed', now());
"""
_NUMBERS = """
    CREATE TABLE booking_status (id smallint PRIMARY KEY, name text NOT NULL);
    INSERT INTO booking_status VALUES (1, 'Requested'), (2, 'Confirmed'), (9, 'Cancelled');
    CREATE TABLE booking (
        booking_id uuid PRIMARY KEY, guest_name text NOT NULL, mobile_number text, start_at timestamptz NOT NULL,
        end_at timestamptz, status_id smallint NOT NULL DEFAULT 1 REFERENCES booking_status,
        created_on timestamptz NOT NULL, gcal_event_id text, is_deleted boolean NOT NULL DEFAULT false);
"""
_NUMBERS_ALONE = """
    CREATE TABLE appointments (
        id serial PRIMARY KEY, patient_name text, phone text, scheduled_at timestamptz, status int NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL);
    INSERT INTO appointments (scheduled_at, status, created_at) VALUES (now(), 0, now()), (now(), 3, now());
"""
_JSON = """
    CREATE TABLE bookings (
        id uuid PRIMARY KEY, starts_at timestamptz, status text, created_at timestamptz NOT NULL, contact jsonb);
    INSERT INTO bookings VALUES (gen_random_uuid(), now(), 'confirmed', now(),
        '{"name": "Ana", "details": {"mobile": "+447700900101"}, "diet": "none"}');
"""
_QUEUE = """
    CREATE TABLE bookings (
        id uuid PRIMARY KEY, customer_name text NOT NULL, contact_phone text, event_date date, start_time time,
        end_time time, end_time_next_day boolean, status text NOT NULL DEFAULT 'draft'
            CHECK (status IN ('draft', 'confirmed', 'cancelled')),
        calendar_event_id text, created_at timestamptz NOT NULL);
    CREATE TABLE booking_sms_queue (
        id uuid PRIMARY KEY, booking_id uuid NOT NULL REFERENCES bookings, trigger_type text NOT NULL,
        message_body text NOT NULL, status text NOT NULL CHECK (status IN ('pending', 'sent', 'cancelled', 'failed')),
        twilio_message_sid text, error_message text, scheduled_for timestamptz, sent_at timestamptz,
        created_at timestamptz NOT NULL, customer_phone text);
"""
_ATTRIBUTES = """
    CREATE TABLE wp_posts (
        id bigserial PRIMARY KEY, post_author bigint, post_date timestamp, post_title text, post_status varchar(20),
        post_type varchar(20), post_modified timestamp);
    CREATE TABLE wp_postmeta (meta_id bigserial PRIMARY KEY, post_id bigint, meta_key varchar, meta_value text);
    CREATE TABLE wp_users (
        id bigserial PRIMARY KEY, user_login varchar, display_name varchar, user_registered timestamp);
"""
CONFIRMED = "Hi {{ first_name }}, your booking on {{ date }} at {{ time }} is confirmed. Ref {{ ref }}"
_REPLACED = "DROP TABLE private_booking_sms_queue, private_bookings, customers CASCADE; "


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedSchema:
    """One database, what a person answers, and what has to come out."""

    tables: str
    answers: Mapping[str, Any]
    expected: Mapping[str, Any] = field(default_factory=dict)
    """Key of cron.yaml -> its value."""
    asked: tuple[str, ...] = ("statuses", "cancelled", "timezone")
    proposed: Mapping[str, Any] = field(default_factory=dict)
    """Answer -> its default, where that matters."""

    @property
    def script(self) -> str:
        """SQL that puts these tables in place of the reference application's."""
        return _REPLACED + self.tables


_USUAL = {"statuses": ["confirmed"], "cancelled": ["cancelled"], "timezone": "Europe/London"}
_NAIVE = ("statuses", "cancelled", "timezone", "times")
SCHEMAS = {
    "one table": AdoptedSchema(
        tables=_SINGLE,
        answers=_USUAL,
        proposed={"statuses": ["confirmed"], "cancelled": ["cancelled"]},
        expected={
            "bookings.table": "public.bookings",
            "bookings.starts": "starts_at",
            "bookings.ends": "ends_at",
            "bookings.created": "created_at",
            "bookings.reference": "code",
            "bookings.name": "customer_name",
            "bookings.phone": "customer_phone",
            "bookings.columns.event_id": "google_event_id",
            "bookings.made_as": [],
            "evidence.sms": [{"column": "sms_sent_at"}],
            "record.sms": "ledger",
        },
    ),
    "quoted names": AdoptedSchema(
        tables=_QUOTED,
        answers={
            "statuses": ["accepted"],
            "cancelled": ["cancelled", "rejected"],
            "timezone": "Europe/Berlin",
            "times": "utc",
        },
        asked=_NAIVE,
        proposed={"statuses": ["accepted"], "cancelled": ["cancelled", "rejected"], "times": "utc"},
        expected={
            "bookings.table": 'public."Booking"',
            "bookings.starts": {"utc": "startTime"},
            "bookings.ends": {"utc": "endTime"},
            "bookings.created": {"utc": "createdAt"},
            "bookings.join": {"attendee": {"table": 'public."Attendee"', "on": {"bookingId": "id"}, "first_by": "id"}},
            "bookings.name": "attendee.name",
            "bookings.phone": ["smsReminderNumber", "attendee.phoneNumber"],
            "bookings.columns.event_id": None,
            "bookings.made_as": ["accepted"],
            "evidence.calendar": [
                {
                    "rows": {
                        "table": 'public."BookingReference"',
                        "on": {"bookingId": "id"},
                        "event_id": "uid",
                        "where": {"type": "google_calendar", "deleted": {"not": True}},
                    }
                }
            ],
            "evidence.sms": [
                {
                    "rows": {
                        "table": 'public."WorkflowReminder"',
                        "on": {"bookingUid": "uid"},
                        "where": {"method": "SMS", "cancelled": {"not": True}},
                        "sid": "referenceId",
                    }
                }
            ],
        },
    ),
    "partners": AdoptedSchema(
        tables=_PARTNERS,
        answers={"timezone": "Europe/Brussels", "times": "utc"},
        asked=("timezone", "times"),
        proposed={"times": "utc"},
        expected={
            "bookings.table": "public.calendar_event",
            "bookings.starts": {"utc": "start"},
            "bookings.ends": {"utc": "stop"},
            "bookings.created": {"utc": "create_date"},
            "bookings.join": {"partner": {"table": "public.res_partner", "on": {"id": "partner_id"}}},
            "bookings.name": "partner.name",
            "bookings.phone": ["partner.mobile", "partner.phone"],
            "bookings.columns.status": "active",
            "bookings.statuses": ["true"],
            "bookings.cancelled": ["false"],
            "bookings.columns.event_id": "google_id",
        },
    ),
    "day, time and a log": AdoptedSchema(
        tables=_DAY_AND_CLOCK,
        answers={"statuses": ["booked"], "cancelled": ["cancelled"], "timezone": "Europe/London"},
        proposed={"statuses": ["booked"]},
        expected={
            "bookings.table": "public.appointments",
            "bookings.starts": {"date": "day", "time": "begins"},
            "bookings.ends": {"time": "ends"},
            "bookings.created": "booked_at",
            "bookings.columns.status": "state",
            "evidence.sms": [
                {
                    "log": {
                        "table": "public.sms_log",
                        "number": "recipient",
                        "where": {"status": "delivered"},
                        "at": "sent_at",
                    }
                }
            ],
        },
    ),
    "a person's profile": AdoptedSchema(
        tables=_DJANGO,
        answers={"statuses": ["approved"], "cancelled": ["declined"], "timezone": "Europe/London"},
        proposed={"statuses": ["approved"], "cancelled": ["declined"]},
        expected={
            "bookings.table": "public.scheduling_appointment",
            "bookings.starts": "start",
            "bookings.ends": {"length": "duration"},
            "bookings.created": "created",
            "bookings.due": "confirmed_at",
            "bookings.join": {
                "client": {"table": "public.auth_user", "on": {"id": "client_id"}},
                "profile": {"table": "public.accounts_profile", "on": {"user_id": "client_id"}},
            },
            "bookings.name": "client.first_name",
            "bookings.phone": "profile.phone_number",
            "evidence.sms": [],
        },
    ),
    "no foreign keys": AdoptedSchema(
        tables=_RAILS,
        answers={"statuses": ["booked"], "cancelled": ["cancelled"], "timezone": "Europe/London", "times": "utc"},
        asked=_NAIVE,
        proposed={"statuses": ["booked"], "times": "utc"},
        expected={
            "bookings.table": "public.reservations",
            "bookings.starts": {"utc": "starts_at"},
            "bookings.ends": {"minutes": "duration_minutes"},
            "bookings.created": {"utc": "created_at"},
            "bookings.reference": "confirmation_code",
            "bookings.where": {"deleted_at": None},
            "bookings.join": {"customer": {"table": "public.customers", "on": {"id": "customer_id"}}},
            "bookings.name": "customer.full_name",
            "bookings.phone": "customer.mobile",
            "bookings.made_as": ["booked"],
            "bookings.columns.guests": "party_size",
            "bookings.columns.customer_id": "customer_id",
            "bookings.customers": {
                "table": "public.customers",
                "columns": {
                    "id": "id",
                    "mobile_e164": None,
                    "mobile_number": None,
                    "opt_in": "sms_opt_in",
                    "status": None,
                },
            },
            "evidence.sms": [
                {
                    "rows": {
                        "table": "public.messages",
                        "on": {"reservation_id": "id"},
                        "where": {"kind": "confirmation", "status": ["delivered", "sent"]},
                        "sid": "twilio_sid",
                        "number": "to_number",
                        "at": {"utc": "created_at"},
                    }
                }
            ],
        },
    ),
    "numbers with a small table": AdoptedSchema(
        tables=_NUMBERS,
        answers={"statuses": ["2"], "cancelled": ["9"], "timezone": "Europe/London"},
        proposed={"statuses": ["2"], "cancelled": ["9"]},
        expected={
            "bookings.table": "public.booking",
            "bookings.columns.id": "booking_id",
            "bookings.columns.status": "status_id",
            "bookings.statuses": ["2"],
            "bookings.where": {"is_deleted": {"not": True}},
            "bookings.columns.event_id": "gcal_event_id",
        },
    ),
    "numbers alone": AdoptedSchema(
        tables=_NUMBERS_ALONE,
        answers={"statuses": [3], "cancelled": [], "timezone": "Europe/London"},
        proposed={"statuses": None},
        expected={
            "bookings.table": "public.appointments",
            "bookings.starts": "scheduled_at",
            "bookings.ends": "off",
            "bookings.statuses": ["3"],
            "bookings.phone": "phone",
        },
    ),
    "inside JSON": AdoptedSchema(
        tables=_JSON,
        answers=_USUAL,
        expected={
            "bookings.table": "public.bookings",
            "bookings.name": "contact->>name",
            "bookings.phone": "contact->details->>mobile",
        },
    ),
    "a queue": AdoptedSchema(
        tables=_QUEUE,
        answers=_USUAL | {"queue_failed_resent": False},
        asked=("statuses", "cancelled", "timezone", "queue_failed_resent"),
        expected={
            "bookings.table": "public.bookings",
            "bookings.starts": {"date": "event_date", "time": "start_time"},
            "bookings.ends": {"time": "end_time", "next_day": "end_time_next_day"},
            "bookings.columns.event_id": "calendar_event_id",
            "rules.sms.missing.queue_failed_resent": False,
            "rules.sms.missing.messages": {
                "confirmed": {"trigger": "confirmation", "satisfied_by": "any", "template": CONFIRMED}
            },
            "record.sms": "queue",
            "evidence.sms": [],
        },
    ),
}
REFUSED = {"posts with attributes": _REPLACED + _ATTRIBUTES, "nothing at all": _REPLACED}

"""A released ledger keeps its meaning under later revisions: every row, by the product's own reads, and back again."""

import json
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from alembic import command

from reconciler.domain.alerting.alerts import AlertType
from reconciler.domain.bookings import BookingId
from reconciler.domain.gaps import Effect, GapKind
from reconciler.domain.intents import Intent, State
from reconciler.domain.place import PlaceStatus
from reconciler.errors import DatabaseDisagrees
from reconciler.ports import Runner, Store
from reconciler.sandbox.world import Sandbox
from reconciler.store import migrate
from reconciler.store.ledger.schema import REVISION
from reconciler.store.views import status
from tests.support.application_db import Venue
from tests.support.clock import StandingClock
from tests.support.sandbox_world import World

HOUR = timedelta(hours=1)


def at_revision(venue: Venue, revision: str) -> None:
    with venue.database() as database, database.transaction() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def episode(venue: Venue, cause: str, level: str, told_at: datetime | None, ended_at: datetime | None = None) -> str:
    """As revision 0001 wrote it, an hour and a half ago."""
    id_, began = str(uuid.uuid4()), venue.now - 1.5 * HOUR
    report = {
        "id": id_.replace("-", ""), "kind": "sms.missing", "cause": cause, "level": level, "found": 3, "repaired": 2,
        "oldest_at": began.isoformat(), "references": ["1a2b3c4d"], "code": "", "seen": "", "remedy": "r", "sql": "",
    }  # fmt: skip
    venue.sql(
        "INSERT INTO reconciler.episode (id, scope, kind, cause, key, opened_at, newest_at, ended_at, report, told_at)"
        " VALUES (%s, '', 'sms.missing', %s, '', %s, %s, %s, %s, %s)",
        id_, cause, began, began, ended_at, json.dumps(report), told_at,
    )  # fmt: skip
    return id_


def gap(venue: Venue, cause: str) -> None:
    began = venue.now - 1.5 * HOUR
    venue.sql(
        "INSERT INTO reconciler.gap (scope, kind, about, cause, key, reason, detail, noted_at, opened_at, seen_at)"
        " VALUES ('', 'sms.missing', %s, %s, '', '', '{}', %s, %s, %s)",
        str(uuid.uuid4()), cause, began, began, began,
    )  # fmt: skip


def test_open_and_untold_incidents_of_the_released_ledger_survive(bare_venue: Venue) -> None:
    venue, an_hour_ago = bare_venue, bare_venue.now - HOUR
    venue.altered = True
    at_revision(venue, "0001")
    told = episode(venue, "unusable_data", "error", told_at=an_hour_ago)
    untold = episode(venue, "app_failed", "error", told_at=None)
    over = episode(venue, "too_late", "warning", told_at=None, ended_at=an_hour_ago)
    forgotten = episode(venue, "given_up", "error", told_at=an_hour_ago, ended_at=an_hour_ago)
    for cause in ("unusable_data", "app_failed"):
        gap(venue, cause)
    venue.migrate()
    assert [len(venue.rows(f"reconciler.{table}")) for table in ("incident", "gap", "outbox")] == [4, 2, 3]
    clock = StandingClock(venue.now)
    with Sandbox(postgres=venue.postgres, database=venue.name, now=clock.now, bookings=()) as sandbox:
        world = World(venue, sandbox, clock)
        world.once(jobs=("ledger_retention",))
        events = {(e["event_id"], e["tags"]["cause"], e["tags"]["what"]) for e in sandbox.sentry.events}
        first = {(untold.replace("-", ""), "app_failed", "opened"), (over.replace("-", ""), "too_late", "opened")}
        assert first < events
        assert {event[1:] for event in events - first} == {("app_failed", "deadline"), ("unusable_data", "deadline")}
        world.once(jobs=("ledger_retention",))
        assert len(sandbox.sentry.events) == 4
    ended = {row["id"] for row in venue.rows("reconciler.incident") if row["ended_at"]}
    assert ended == {over, forgotten}
    assert told not in ended


def back_to(venue: Venue, revision: str) -> None:
    with venue.database() as database, database.transaction() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_the_tables_are_the_old_ones_after_a_downgrade(bare_venue: Venue, revision: str) -> None:
    venue = bare_venue
    venue.altered = True
    at_revision(venue, revision)
    before = venue.sql(COLUMNS), venue.sql(CHECKS)
    venue.migrate()
    back_to(venue, revision)
    assert sorted(venue.sql(COLUMNS)) == sorted(before[0])
    assert sorted(venue.sql(CHECKS)) == sorted(before[1])


COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_attribute a
      ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind = 'r'
    WHERE n.nspname = 'reconciler' AND NOT starts_with(c.relname, 'drill_')
"""
CHECKS = """
    SELECT k.conrelid::regclass::text, k.conname, pg_get_constraintdef(k.oid)
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'reconciler' AND k.contype IN ('c', 'u') AND NOT starts_with(c.relname, 'drill_')
"""

# Intents in every state


SID = "SM" + "1" * 32
LEASED = {"claim": str(uuid.UUID(int=9)), "leased_until": "2026-06-10 12:05+01"}
TRIED = {"attempted_at": "2026-06-10 10:30+01", "attempts": 1}
PERSON = "person:{id}"
"""What revisions 0001 and 0002 wrote as the provider's id if only a person said that the text was sent."""
GONE, BY_PERSON, HANDED = {"effect_gone": True}, {"resolved_by_person": True}, {"handed_over": True}
INTENTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # what it is -> the row as the old revisions wrote it, what is different about it afterwards
    "planned": ({"state": "planned"}, {}),
    "planned again by a person": ({"state": "planned", "code": "by_a_person"}, {}),
    "sending": ({"state": "sending", **LEASED, **TRIED}, {}),
    "unknown": ({"state": "unknown", "code": "lease_ran_out", **TRIED}, {}),
    "needs a human": ({"state": "needs_human", "code": "no_control", "cause": "unknown_outcome", **TRIED}, {}),
    "found, not delivered": ({"state": "needs_human", "code": "found_failed", "provider_id": "SM1", **TRIED}, {}),
    "sent": ({"state": "done", "code": "accepted", "provider_id": SID, **TRIED}, {}),
    "sent, says a person": (
        {"state": "done", "code": "by_a_person", "provider_id": PERSON, **TRIED},
        {"provider_id": None, **BY_PERSON},
    ),
    "sent, says another person": (
        {"state": "done", "code": "by_a_person", "provider_id": PERSON, **TRIED},
        {"provider_id": None, **BY_PERSON},
    ),
    "sent, with its SID from a person": (
        {"state": "done", "code": "by_a_person", "provider_id": "SM2", **TRIED},
        BY_PERSON,
    ),
    "handed over": ({"state": "done", "code": "handed_over", "provider_id": "row-1", **TRIED}, HANDED),
    "refused": ({"state": "refused", "code": "21610", "cause": "refused_recipient", **TRIED}, {}),
    "dropped": ({"state": "dropped", "code": "superseded"}, {}),
    "dropped by a person": ({"state": "dropped", "code": "by_a_person", **TRIED}, BY_PERSON),
    "dropped after a call": ({"state": "dropped", "code": "status", **TRIED}, {}),
    "created": ({"effect": "event", "state": "done", "code": "created", "provider_id": "rcl1", **TRIED}, {}),
    "created and removed": (
        {"effect": "event", "state": "done", "code": "undone moved", "provider_id": "rcl2", **TRIED},
        {"code": "moved", **GONE},
    ),
    "event dropped after a call": ({"effect": "event", "state": "dropped", "code": "gone", **TRIED}, {}),
    "dropped, never arrived": (
        {"effect": "event", "state": "dropped", "code": "undone never_came", **TRIED},
        {"code": "never_came", **GONE},
    ),
}
EFFECTS = {"text": Effect.SMS, "event": Effect.CALENDAR}
FLAGS = {"effect_gone": False, "resolved_by_person": False, "handed_over": False}


def id_of(name: str) -> BookingId:
    """The booking of an intent, and the intent's own id."""
    return BookingId(str(uuid.uuid5(uuid.NAMESPACE_OID, name)))


def insert(venue: Venue, table: str, **row: Any) -> None:
    names, places = ", ".join(row), ", ".join(["%s"] * len(row))
    values = [json.dumps(value) if isinstance(value, dict) else value for value in row.values()]
    venue.sql(f"INSERT INTO reconciler.{table} ({names}) VALUES ({places})", *values)


def write_intents(venue: Venue) -> None:
    for name, (old, _) in INTENTS.items():
        row = {"effect": "text", "trigger": "booking_confirmed", "subject": "number:text", **old}
        if row.get("provider_id") == PERSON:
            row["provider_id"] = PERSON.format(id=id_of(name))
        insert(
            venue, "intent", id=id_of(name), scope="", booking=id_of(name), generation=1,
            created_at=venue.now - HOUR, updated_at=venue.now - HOUR, **row,
        )  # fmt: skip


@contextmanager
def store_of(venue: Venue) -> Iterator[Store]:
    clock = StandingClock(venue.now)
    with (
        Sandbox(postgres=venue.postgres, database=venue.name, now=clock.now, bookings=()) as sandbox,
        World(venue, sandbox, clock).services() as services,
    ):
        yield services.store


def ids(intents: Iterable[Intent]) -> set[str]:
    return {intent.booking for intent in intents}


def named(*names: str) -> set[str]:
    return {id_of(name) for name in names}


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_an_intent_in_any_state_means_the_same_afterwards(bare_venue: Venue, revision: str) -> None:
    venue = bare_venue
    venue.altered = True
    at_revision(venue, revision)
    write_intents(venue)
    before = venue.rows("reconciler.intent")
    venue.migrate()
    with store_of(venue) as store, store.reading() as tx:
        for name, (old, changed) in INTENTS.items():
            wanted = {"code": "", "provider_id": None, "attempts": 0, "effect": "text", **old} | FLAGS | changed
            (found,) = tx.intents.history(id_of(name))
            assert found.effect is EFFECTS[wanted["effect"]], name
            for field in ("state", "code", "provider_id", "attempts", *FLAGS):
                assert getattr(found, field) == wanted[field], (name, field)
        sms, events, since = Effect.SMS, Effect.CALENDAR, venue.now - 2 * HOUR
        assert ids(tx.intents.unsettled()) == named("unknown", "needs a human", "found, not delivered")
        assert ids(tx.intents.in_state(sms, State.SENDING)) == named("sending")
        known = ids(one.intent for one in tx.removals.events(events, "", since))
        assert known == named("created", "event dropped after a call")
        assert tx.intents.used_provider_ids(sms, [SID, "SM2", "row-1"]) == {SID, "SM2", "row-1"}
        assert tx.intents.names_event("rcl1", id_of("sent"))
    back_to(venue, revision)
    assert venue.rows("reconciler.intent") == before


@pytest.mark.parametrize("only_handed_over", [True, False])
def test_what_was_done_for_ever_still_comes_before_a_later_plan(bare_venue: Venue, only_handed_over: bool) -> None:
    venue = bare_venue
    venue.altered = True
    at_revision(venue, "0002")
    write_intents(venue)
    name = "handed over" if only_handed_over else "sent, says a person"
    insert(
        venue, "intent", id=str(uuid.uuid4()), scope="", booking=id_of(name), effect="text", generation=2,
        trigger="booking_confirmed", state="planned", subject="", created_at=venue.now, updated_at=venue.now,
    )  # fmt: skip
    venue.migrate()
    with store_of(venue) as store, store.reading() as tx:
        found = tx.intents.latest(Effect.SMS, [id_of(name)], None)[id_of(name)]
    assert found.state is (State.PLANNED if only_handed_over else State.DONE)


# Gaps and runs


ABOUT = {
    "integration.twilio": {"text": "sms", "text venue_id=7": "sms venue_id=7"},
    "integration.google": {"event": "calendar", "event venue_id=7": "calendar venue_id=7"},
    "integration.schema": {"sms_delivery": "sms_delivery", "missing_events venue_id=7": "calendar_missing venue_id=7"},
    "sms.missing": {"text": "text"},  # a booking's id, whatever it looks like
}
JOBS = {
    "missing_sms": "sms_missing",
    "missing_events": "calendar_missing",
    "backfill_texts": "backfill_sms",
    "backfill_events": "backfill_calendar",
    "unsettled_repairs": "unsettled_repairs",
}
OLD_COUNTS = {
    "left": 1, "told": 2, "repaired": 3, "looked_at": 40, "fine": 30, "not_asked": 4, "waiting": 2, "repair": 5,
    "sent": 3, "settled_found": 1, "removed_episodes": 6, "removed_runs": 7,
}  # fmt: skip
COUNTS = {
    "left": 1, "needs_human": 2, "repaired": 3, "checked": 40, "ok": 30, "not_applicable": 4, "held": 2,
    "repairable": 5, "sent": 3, "settled_found": 1, "removed_incidents": 6, "removed_runs": 7,
}  # fmt: skip


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_gaps_and_runs_mean_the_same_afterwards(bare_venue: Venue, revision: str) -> None:
    venue = bare_venue
    venue.altered = True
    at_revision(venue, revision)
    began = venue.now - HOUR
    for kind, abouts in ABOUT.items():
        for about in abouts:
            insert(
                venue, "gap", scope="", kind=kind, about=about, cause="blocked", key="", reason="",
                detail={}, opened_at=began, seen_at=began,
            )  # fmt: skip
    for job in JOBS:
        insert(
            venue, "run", job=job, scope="", settings="", started_at=began, finished_at=venue.now, full_look=True,
            result="as_desired", counts=OLD_COUNTS,
        )  # fmt: skip
    before = venue.rows("reconciler.gap"), venue.rows("reconciler.run")
    venue.migrate()
    with store_of(venue) as store, store.reading() as tx:
        for kind, abouts in ABOUT.items():
            assert {gap.about for gap in tx.gaps.open(GapKind(kind))} == set(abouts.values())
        for job in JOBS.values():
            assert tx.runs.had_full_scan(job, Runner(settings=""), began, began)
    with venue.database() as database:
        snapshot = status.status_snapshot(database)
    assert {run.job for run in snapshot.runs} == set(JOBS.values())
    assert all(run.counts == COUNTS for run in snapshot.runs)
    back_to(venue, revision)
    assert (venue.rows("reconciler.gap"), venue.rows("reconciler.run")) == before


def test_two_counts_that_share_a_name_by_now_are_added(bare_venue: Venue) -> None:
    venue = bare_venue
    venue.altered = True
    at_revision(venue, "0002")
    insert(
        venue, "run", job="missing_sms", scope="", settings="", started_at=venue.now, full_look=False,
        counts={"waiting": 2, "held": 3},
    )  # fmt: skip
    insert(venue, "run", job="fire_drill", scope="", settings="", started_at=venue.now, full_look=False, counts={})
    venue.migrate()
    with venue.database() as database:
        counts = {run.job: run.counts for run in status.status_snapshot(database).runs}
    assert counts == {"sms_missing": {"held": 5}, "fire_drill": {}}


# Occasions and due moments


def test_every_text_of_an_older_ledger_counts_for_any_occasion_and_nothing_has_a_due_moment(bare_venue: Venue) -> None:
    """What the booking called for when it was sent is not known any more."""
    venue = bare_venue
    venue.altered = True
    at_revision(venue, "0002")
    write_intents(venue)
    venue.migrate()
    counts_for_any = {str(row["id"]): row["any_occasion"] for row in venue.rows("reconciler.intent")}
    for name, (old, _) in INTENTS.items():
        assert counts_for_any[id_of(name)] is (old.get("effect", "text") == "text"), name
    assert venue.rows("reconciler.due") == []
    with store_of(venue) as store, store.reading() as tx:
        # So a booking without a moment is as old as it was made, and not new.
        assert not tx.moments.is_watched(GapKind.SMS_MISSING)
        found = tx.intents.latest(Effect.SMS, [id_of("sent")], ["another_trigger"])
        assert found[id_of("sent")].state is State.DONE


@pytest.mark.parametrize("back", ["0009", "0005"])
def test_moments_go_with_a_downgrade_and_the_intents_stay(bare_venue: Venue, back: str) -> None:
    venue = bare_venue
    venue.altered = True
    venue.migrate()
    insert(
        venue, "due", source="", booking=id_of("sent"), occasion="booking_confirmed", due_at=venue.now - HOUR
    )  # fmt: skip
    back_to(venue, back)
    assert venue.sql("SELECT to_regclass('reconciler.due')") == [(None,)]
    venue.migrate()
    assert venue.rows("reconciler.due") == []


# The installation


def test_an_installation_without_a_place_is_bound_by_the_next_migration_and_begins_no_caution(
    bare_venue: Venue,
) -> None:
    bare_venue.altered = True
    at_revision(bare_venue, "0005")
    write = "UPDATE reconciler.installation SET since = '2026-01-01' RETURNING id"
    ((installation,),) = bare_venue.sql(write)
    bare_venue.migrate()
    with store_of(bare_venue) as store, store.reading() as tx:
        view = tx.places.view()
        assert tx.ledger.installation().id == str(installation)
    assert (view.status, view.caution) == (PlaceStatus.SAME, None)
    back_to(bare_venue, "0005")
    assert [row.keys() for row in bare_venue.rows("reconciler.installation")] == [{"id", "since", "only_one"}]


def test_a_ledger_from_before_the_beacon_has_none_yet_and_goes_back(bare_venue: Venue) -> None:
    bare_venue.altered = True
    at_revision(bare_venue, "0011")
    before = bare_venue.rows("reconciler.installation")
    bare_venue.migrate()
    with store_of(bare_venue) as store, store.reading() as tx:
        view = tx.beacon.view()
        assert tx.beacon.last() is None
    assert (view.installation, view.made, view.nonces, view.mark) == (before[0]["id"], False, frozenset(), 0)
    back_to(bare_venue, "0011")
    assert bare_venue.sql("SELECT to_regclass('reconciler.beacon')") == [(None,)]
    bare_venue.migrate()


# Incidents and alerts


ALERT_TYPES = {
    "opened": AlertType.OPENED,
    "worse": AlertType.ESCALATED,
    "deadline": AlertType.DEADLINE,
    "reminder": AlertType.REMINDER,
    "page": AlertType.PAGED,
    "end": AlertType.RESOLVED,
}


def test_incidents_and_alerts_of_every_kind_mean_the_same_afterwards(bare_venue: Venue) -> None:
    """Revision 0001 has no outbox: what it had is covered above."""
    venue = bare_venue
    venue.altered = True
    at_revision(venue, "0002")
    began, told = venue.now - HOUR, venue.now - HOUR / 2
    open_, ended = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
    for id_, ended_at in ((open_, None), (ended, told)):
        insert(
            venue, "episode", id=id_, scope="", kind="sms.missing", cause="app_failed", key="", opened_at=began,
            newest_at=began, ended_at=ended_at, found=3, at_error=True, told_at=told, told_found=2, paged_at=told,
        )  # fmt: skip
    waiting = {}
    for delivered_at in (None, told):
        for what in ALERT_TYPES:
            event, episode = uuid.uuid4(), ended if what == "end" else open_
            report = {
                "id": event.hex, "kind": "sms.missing", "cause": "app_failed", "level": "error", "found": 3,
                "repaired": 0, "oldest_at": began.isoformat(), "what": what, "episode": episode, "open": 1,
                "references": ["1a2b3c4d"], "code": "c", "seen": "", "remedy": "r", "sql": "", "events": [],
            }  # fmt: skip
            insert(
                venue, "outbox", event=str(event), route="sentry", scope="", episode=episode, what=what,
                report=report, created_at=began, told_at=delivered_at,
            )  # fmt: skip
            if delivered_at is None:
                waiting[event.hex] = (ALERT_TYPES[what], episode)
    before = venue.rows("reconciler.episode"), venue.rows("reconciler.outbox")
    venue.migrate()
    with store_of(venue) as store:
        with store.reading() as tx:
            (incident,) = tx.incidents.ongoing()
        assert (incident.id, incident.found, incident.at_error) == (open_, 3, True)
        assert (incident.alerted_found, incident.alerted_at, incident.paged_at) == (2, told, told)
        claimed: dict[str, tuple[AlertType, str]] = {}
        with store.writing() as tx:
            while alert := tx.outbox.claim("sentry", HOUR, list(claimed)):
                claimed[alert.id] = (alert.alert_type, alert.incident)
                tx.outbox.release(alert, "sentry")
    assert claimed == waiting
    back_to(venue, "0002")
    assert (venue.rows("reconciler.episode"), venue.rows("reconciler.outbox")) == before


# A program that is older than the ledger


def test_a_program_older_than_the_ledger_refuses_and_names_the_remedy(world: World) -> None:
    world.venue.alter("UPDATE reconciler.alembic_version SET version_num = '9999'")
    with world.venue.database() as database:
        with pytest.raises(DatabaseDisagrees) as refused:
            migrate.upgrade(database)
        assert refused.value.advice == "run the newer version of reconciler"
        with pytest.raises(DatabaseDisagrees, match="revision 9999") as refused:
            status.status_snapshot(database)
    assert refused.value.advice == "run the newer version of reconciler"
    world.venue.alter("UPDATE reconciler.alembic_version SET version_num = '0002'")
    with world.venue.database() as database, pytest.raises(DatabaseDisagrees, match="revision 0002") as refused:
        status.status_snapshot(database)
    assert refused.value.advice == "reconciler migrate"


def test_the_statements_are_written_for_the_newest_revision(world: World) -> None:
    """The fixture's ledger is migrated to Alembic's newest."""
    assert world.venue.sql("SELECT version_num FROM reconciler.alembic_version") == [(REVISION,)]


@pytest.mark.parametrize("revision", ["0001", "0002", "0003"])
def test_a_look_at_an_older_ledger_names_the_remedy(bare_venue: Venue, revision: str) -> None:
    """It used to say `compare the mapping in cron.yaml`."""
    bare_venue.altered = True
    at_revision(bare_venue, revision)
    bare_venue.booking()
    clock = StandingClock(bare_venue.now)
    with Sandbox(postgres=bare_venue.postgres, database=bare_venue.name, now=clock.now, bookings=()) as sandbox:
        results = World(bare_venue, sandbox, clock).once(jobs=("sms_missing", "sms_delivery"), act=False)
    for result in results.values():
        (fault,) = result.faults
        assert (fault.seen, fault.remedy) == (
            f"our schema `reconciler` is at revision {revision}, and this version needs {REVISION}",
            "reconciler migrate",
        )

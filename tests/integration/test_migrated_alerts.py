"""Alerts that wait in the outbox while the words of their stored form change: revision 0003, both ways."""

import json
import uuid
from typing import Any

from alembic import command

from reconciler.domain.alerting.alerts import AlertType, Severity
from reconciler.store import migrate
from reconciler.store.ledger.outbox import PostgresOutbox
from tests.integration.store.test_migrations import HOUR, at_revision, episode
from tests.support.application_db import Venue


def report(venue: Venue, what: str, level: str, **more: Any) -> str:
    """As revision 0002 wrote it."""
    event, of = uuid.uuid4(), str(uuid.uuid4())
    stored = {
        "id": event.hex, "kind": "sms.missing", "cause": "never_queued", "level": level, "found": 13, "repaired": 12,
        "oldest_at": venue.now.isoformat(), "what": what, "episode": of, "open": 1, "references": ["1a2b3c4d"],
        "code": "", "seen": "", "remedy": "r", "sql": "", "events": [], **more,
    }  # fmt: skip
    venue.sql(
        "INSERT INTO reconciler.outbox (event, route, scope, episode, what, report, created_at)"
        " VALUES (%s, 'sentry', '', %s, %s, %s, %s)",
        event, of, what, json.dumps(stored), venue.now,
    )  # fmt: skip
    return event.hex


def test_alerts_of_both_older_revisions_are_read_after_the_upgrade(bare_venue: Venue) -> None:
    venue = bare_venue
    venue.altered = True
    at_revision(venue, "0001")
    of_0001 = episode(venue, "app_failed", "error", told_at=None).replace("-", "")
    at_revision(venue, "0002")
    paged, ended = report(venue, "page", "fatal"), report(venue, "end", "info", events=["5a4d" * 8])
    venue.migrate()
    with venue.database() as database, database.transaction() as connection:
        outbox, alerts = PostgresOutbox(connection, ""), []
        while alert := outbox.claim("sentry", HOUR, [sent.id for sent in alerts]):
            alerts.append(alert)
    assert [(alert.id, alert.alert_type, alert.severity) for alert in alerts] == [
        (of_0001, AlertType.OPENED, Severity.ERROR),
        (paged, AlertType.PAGED, Severity.FATAL),
        (ended, AlertType.RESOLVED, Severity.INFO),
    ]
    assert [alert.events for alert in alerts] == [(), (), ("5a4d" * 8,)]


def test_a_downgrade_restores_the_stored_form(bare_venue: Venue) -> None:
    venue = bare_venue
    venue.altered = True
    at_revision(venue, "0002")
    for what, level in (("opened", "warning"), ("worse", "error"), ("page", "fatal"), ("end", "info")):
        report(venue, what, level)
    stored = "SELECT event, episode, what, report FROM reconciler.outbox ORDER BY id"
    before = venue.sql(stored)
    venue.migrate()
    keys = venue.sql("SELECT DISTINCT jsonb_object_keys(alert) FROM reconciler.outbox")
    assert {"alert_type", "severity", "incident"} <= {key for (key,) in keys}
    assert not {"what", "level", "episode"} & {key for (key,) in keys}
    with venue.database() as database, database.transaction() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")
    assert venue.sql(stored) == before

"""One vocabulary (incidents, alerts, sms, calendar), and columns for states that intents' codes used to hide.

Existing rows are converted together with their tables, in both directions.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

JOBS = {
    "missing_sms": "sms_missing",
    "missing_events": "calendar_missing",
    "backfill_texts": "backfill_sms",
    "backfill_events": "backfill_calendar",
}
"""Job names of 0.1.0 -> names after the rules that the jobs check."""
EFFECTS = {"text": "sms", "event": "calendar"}
ALERT_TYPES = {
    "opened": "opened",
    "worse": "escalated",
    "deadline": "deadline",
    "reminder": "reminder",
    "page": "paged",
    "end": "resolved",
}
COUNTS = {
    "looked_at": "checked",
    "told": "needs_human",
    "fine": "ok",
    "not_asked": "not_applicable",
    "waiting": "held",
    "repair": "repairable",
    "removed_episodes": "removed_incidents",
}
"""Keys of ``run.counts``. A key that is there under both names, as *held* may be, becomes the sum of both."""


def _case(column: str, words: dict[str, str]) -> str:
    branches = " ".join(f"WHEN '{old}' THEN '{new}'" for old, new in words.items())
    return f"CASE {column} {branches} ELSE {column} END"


def _renamed_about(words: dict[str, str]) -> list[str]:
    """Rename in ``gap.about`` of an integration: an effect or a job, followed by the scope if there is one."""
    return [
        f"""
        UPDATE reconciler.gap SET about = '{new}' || substr(about, {len(old) + 1})
        WHERE kind LIKE 'integration.%' AND (about = '{old}' OR starts_with(about, '{old} '))
        """
        for old, new in words.items()
    ]


def _values(
    effects: dict[str, str], jobs: dict[str, str], alert_types: dict[str, str], counts: dict[str, str]
) -> list[str]:
    effect_list = ", ".join(f"'{effect}'" for effect in effects.values())
    types = ", ".join(f"'{alert_type}'" for alert_type in alert_types.values())
    renamed_counts = ", ".join(f"('{old}', '{new}')" for old, new in counts.items())
    return [
        "ALTER TABLE reconciler.intent DROP CONSTRAINT intent_effect_check",
        f"UPDATE reconciler.intent SET effect = {_case('effect', effects)}",
        f"ALTER TABLE reconciler.intent ADD CONSTRAINT intent_effect_check CHECK (effect IN ({effect_list}))",
        f"UPDATE reconciler.run SET job = {_case('job', jobs)}",
        f"""
        UPDATE reconciler.run SET counts = (
            SELECT coalesce(jsonb_object_agg(summed.name, summed.number), '{{}}')
            FROM (SELECT coalesce(renamed.new, one.key) AS name, sum(CAST(one.value AS bigint)) AS number
                  FROM jsonb_each_text(counts) AS one
                  LEFT JOIN (VALUES {renamed_counts}) AS renamed (old, new) ON renamed.old = one.key
                  GROUP BY 1) AS summed)
        """,
        *_renamed_about({**effects, **jobs}),
        "ALTER TABLE reconciler.outbox DROP CONSTRAINT outbox_what",
        f"UPDATE reconciler.outbox SET what = {_case('what', alert_types)}",
        f"ALTER TABLE reconciler.outbox ADD CONSTRAINT outbox_what CHECK (what IN ({types}))",
    ]


FLAGS = (
    # Released ledgers have this constraint under the name that PostgreSQL gave it.
    "ALTER TABLE reconciler.intent DROP CONSTRAINT intent_check1",
    """
    ALTER TABLE reconciler.intent
        ADD COLUMN effect_gone boolean NOT NULL DEFAULT false,
        ADD COLUMN resolved_by_person boolean NOT NULL DEFAULT false,
        ADD COLUMN handed_over boolean NOT NULL DEFAULT false
    """,
    """
    UPDATE reconciler.intent
    SET effect_gone = starts_with(code, 'undone '),
        code = CASE WHEN starts_with(code, 'undone ') THEN substr(code, 8) ELSE code END,
        resolved_by_person = (code = 'by_a_person' OR starts_with(coalesce(provider_id, ''), 'person:')),
        provider_id = CASE WHEN NOT starts_with(provider_id, 'person:') THEN provider_id END,
        handed_over = (state = 'done' AND code = 'handed_over')
    WHERE state IN ('done', 'dropped')
      AND (starts_with(code, 'undone ') OR code IN ('by_a_person', 'handed_over')
           OR starts_with(provider_id, 'person:'))
    """,
    """
    ALTER TABLE reconciler.intent
        ADD CONSTRAINT intent_done_is_proved
            CHECK (state <> 'done' OR provider_id IS NOT NULL OR resolved_by_person),
        ADD CONSTRAINT intent_resolved_is_final
            CHECK (NOT resolved_by_person OR state IN ('done', 'dropped'))
    """,
)
FLAGS_BACK = (
    """
    UPDATE reconciler.intent
    SET code = CASE WHEN effect_gone THEN 'undone ' || code
                    WHEN resolved_by_person THEN 'by_a_person'
                    WHEN handed_over THEN 'handed_over' ELSE code END,
        provider_id = CASE WHEN state = 'done' AND resolved_by_person AND provider_id IS NULL
                           THEN 'person:' || CAST(id AS text) ELSE provider_id END
    WHERE effect_gone OR resolved_by_person OR handed_over
    """,
    """
    ALTER TABLE reconciler.intent
        DROP CONSTRAINT intent_done_is_proved,
        DROP CONSTRAINT intent_resolved_is_final,
        DROP COLUMN effect_gone,
        DROP COLUMN resolved_by_person,
        DROP COLUMN handed_over,
        ADD CONSTRAINT intent_check1 CHECK (state <> 'done' OR provider_id IS NOT NULL)
    """,
)


def _reversed(words: dict[str, str]) -> dict[str, str]:
    return {new: old for old, new in words.items()}


def upgrade() -> None:
    for statement in (
        *FLAGS,
        *_values(EFFECTS, JOBS, ALERT_TYPES, COUNTS),
        # Alerts carried over from revision 0001 have neither 'what' nor 'episode'.
        """
        UPDATE reconciler.outbox
        SET report = (report - ARRAY['what', 'level', 'episode'])
            || jsonb_build_object('alert_type', what, 'severity', report -> 'level', 'incident', episode)
        """,
        "ALTER TABLE reconciler.run RENAME COLUMN full_look TO full_scan",
        "ALTER TABLE reconciler.episode RENAME TO incident",
        "ALTER INDEX reconciler.episode_open RENAME TO incident_open",
        "ALTER INDEX reconciler.episode_ended RENAME TO incident_ended",
        "ALTER TABLE reconciler.incident RENAME COLUMN told_at TO alerted_at",
        "ALTER TABLE reconciler.incident RENAME COLUMN told_found TO alerted_found",
        "ALTER TABLE reconciler.outbox RENAME COLUMN episode TO incident",
        "ALTER TABLE reconciler.outbox RENAME COLUMN what TO alert_type",
        "ALTER TABLE reconciler.outbox RENAME COLUMN report TO alert",
        "ALTER TABLE reconciler.outbox RENAME COLUMN told_at TO delivered_at",
        "ALTER TABLE reconciler.outbox RENAME COLUMN telling_until TO leased_until",
        "ALTER TABLE reconciler.outbox RENAME CONSTRAINT outbox_what TO outbox_alert_type",
        "ALTER INDEX reconciler.outbox_untold RENAME TO outbox_undelivered",
        "ALTER INDEX reconciler.outbox_episode RENAME TO outbox_incident",
    ):
        op.execute(statement)


def downgrade() -> None:
    for statement in (
        "ALTER INDEX reconciler.outbox_incident RENAME TO outbox_episode",
        "ALTER INDEX reconciler.outbox_undelivered RENAME TO outbox_untold",
        "ALTER TABLE reconciler.outbox RENAME CONSTRAINT outbox_alert_type TO outbox_what",
        "ALTER TABLE reconciler.outbox RENAME COLUMN leased_until TO telling_until",
        "ALTER TABLE reconciler.outbox RENAME COLUMN delivered_at TO told_at",
        "ALTER TABLE reconciler.outbox RENAME COLUMN alert TO report",
        "ALTER TABLE reconciler.outbox RENAME COLUMN alert_type TO what",
        "ALTER TABLE reconciler.outbox RENAME COLUMN incident TO episode",
        "ALTER TABLE reconciler.incident RENAME COLUMN alerted_found TO told_found",
        "ALTER TABLE reconciler.incident RENAME COLUMN alerted_at TO told_at",
        "ALTER INDEX reconciler.incident_ended RENAME TO episode_ended",
        "ALTER INDEX reconciler.incident_open RENAME TO episode_open",
        "ALTER TABLE reconciler.incident RENAME TO episode",
        "ALTER TABLE reconciler.run RENAME COLUMN full_scan TO full_look",
        *_values(_reversed(EFFECTS), _reversed(JOBS), _reversed(ALERT_TYPES), _reversed(COUNTS)),
        """
        UPDATE reconciler.outbox
        SET report = (report - ARRAY['alert_type', 'severity', 'incident'])
            || jsonb_build_object('what', what, 'level', report -> 'severity', 'episode', episode)
        """,
        *FLAGS_BACK,
    ):
        op.execute(statement)

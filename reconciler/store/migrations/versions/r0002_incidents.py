"""Telling: an episode knows what was said of it; each report waits in the outbox for each of its routes."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE reconciler.outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        event uuid NOT NULL,
        route text NOT NULL,
        scope text NOT NULL,
        episode uuid NOT NULL,
        what text NOT NULL CONSTRAINT outbox_what
            CHECK (what IN ('opened', 'worse', 'deadline', 'reminder', 'page', 'end')),
        report jsonb NOT NULL,
        created_at timestamptz NOT NULL,
        told_at timestamptz,
        telling_until timestamptz,
        UNIQUE (event, route)
    )
    """,
    "CREATE INDEX outbox_untold ON reconciler.outbox (scope, route, id) WHERE told_at IS NULL",
    "CREATE INDEX outbox_age ON reconciler.outbox (scope, created_at)",
    "CREATE INDEX outbox_episode ON reconciler.outbox (episode)",
    "CREATE INDEX gap_repaired ON reconciler.gap (scope, kind, noted_at) WHERE closed_by = 'repaired'",
    # What nobody was told yet, and what goes on, keeps its report and its event's id.
    """
    INSERT INTO reconciler.outbox (event, route, scope, episode, what, report, created_at, told_at, telling_until)
    SELECT id, 'sentry', scope, id, 'opened', report, opened_at, told_at, telling_until
    FROM reconciler.episode WHERE told_at IS NULL OR ended_at IS NULL ORDER BY opened_at, kind, cause
    """,
    """
    ALTER TABLE reconciler.episode
        ADD COLUMN found integer,
        ADD COLUMN at_error boolean NOT NULL DEFAULT false,
        ADD COLUMN told_found integer,
        ADD COLUMN deadline_at timestamptz,
        ADD COLUMN paged_at timestamptz
    """,
    # From here on told_at is when its last report was written, not when Sentry took it.
    """
    UPDATE reconciler.episode
    SET found = coalesce(CAST(report ->> 'found' AS integer), 1),
        told_found = coalesce(CAST(report ->> 'found' AS integer), 1),
        at_error = coalesce(report ->> 'level', '') = 'error', told_at = opened_at
    """,
    """
    ALTER TABLE reconciler.episode
        ALTER COLUMN found SET NOT NULL,
        ALTER COLUMN at_error DROP DEFAULT,
        ALTER COLUMN told_found SET NOT NULL,
        DROP COLUMN report,
        DROP COLUMN telling_until
    """,
    "DROP INDEX reconciler.episode_untold",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """What waits in the outbox is forgotten, and what goes on is told anew."""
    for statement in (
        "DROP TABLE reconciler.outbox",
        "DROP INDEX reconciler.gap_repaired",
        """
        ALTER TABLE reconciler.episode
            ADD COLUMN report jsonb NOT NULL DEFAULT '{}',
            ADD COLUMN telling_until timestamptz,
            DROP COLUMN found, DROP COLUMN at_error, DROP COLUMN told_found, DROP COLUMN deadline_at,
            DROP COLUMN paged_at
        """,
        "DELETE FROM reconciler.episode WHERE ended_at IS NULL",
        "UPDATE reconciler.gap SET noted_at = NULL WHERE closed_at IS NULL",
        "ALTER TABLE reconciler.episode ALTER COLUMN report DROP DEFAULT",
        "CREATE INDEX episode_untold ON reconciler.episode (opened_at) WHERE told_at IS NULL",
    ):
        op.execute(statement)

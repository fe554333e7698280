"""The backlog, what a person wrote off, and the daily counts of new bookings.

Nothing is carried over: the first run of the job `coverage` counts what an older ledger never knew.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

CAUSES = (
    "'never_queued', 'never_created', 'app_failed', 'blocked', 'given_up', 'breaker', "
    "'unusable_data', 'refused_recipient', 'too_late', 'deleted_by_hand', 'unknown_outcome', 'refused_alike'"
)
UPGRADE = (
    """
    CREATE TABLE reconciler.backlog (
        scope text NOT NULL,
        source text NOT NULL,
        kind text NOT NULL,
        number bigint NOT NULL CHECK (number >= 0),
        since timestamptz NOT NULL,
        counted_at timestamptz NOT NULL,
        PRIMARY KEY (scope, source, kind)
    )
    """,
    """
    CREATE TABLE reconciler.write_off (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        scope text NOT NULL,
        source text NOT NULL,
        kind text NOT NULL,
        booking text NOT NULL,
        reason text NOT NULL CHECK (btrim(reason) <> ''),
        written_by text NOT NULL CHECK (btrim(written_by) <> ''),
        written_at timestamptz NOT NULL,
        undone_at timestamptz,
        undone_by text,
        undone_reason text,
        CHECK ((undone_at IS NULL) = (undone_by IS NULL))
    )
    """,
    """
    CREATE UNIQUE INDEX write_off_in_force ON reconciler.write_off (booking, kind, source) WHERE undone_at IS NULL
    """,
    """
    CREATE TABLE reconciler.coverage_day (
        scope text NOT NULL,
        source text NOT NULL,
        day date NOT NULL,
        counts jsonb NOT NULL,
        PRIMARY KEY (scope, source, day)
    )
    """,
    """
    CREATE TABLE reconciler.coverage (
        scope text NOT NULL,
        source text NOT NULL,
        data jsonb NOT NULL,
        counted_at timestamptz NOT NULL,
        PRIMARY KEY (scope, source)
    )
    """,
    "ALTER TABLE reconciler.gap DROP CONSTRAINT gap_cause",
    f"""
    ALTER TABLE reconciler.gap
        ADD CONSTRAINT gap_cause CHECK (cause IN ({CAUSES}, 'before_installation', 'unusual'))
    """,
)
DOWNGRADE = (
    "DELETE FROM reconciler.gap WHERE cause IN ('before_installation', 'unusual')",
    "ALTER TABLE reconciler.gap DROP CONSTRAINT gap_cause",
    f"ALTER TABLE reconciler.gap ADD CONSTRAINT gap_cause CHECK (cause IN ({CAUSES}))",
    "DROP TABLE reconciler.coverage",
    "DROP TABLE reconciler.coverage_day",
    "DROP TABLE reconciler.write_off",
    "DROP TABLE reconciler.backlog",
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)

"""The breaker's day: who planned a repair, and effects whose repairs only a person may let go on.

Repairs from before this revision count as those of a pass.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

CAUSES = (
    "never_queued", "never_created", "app_failed", "blocked", "given_up", "breaker", "unusable_data",
    "refused_recipient", "too_late", "deleted_by_hand", "unknown_outcome",
)  # fmt: skip


def _causes(*names: str) -> tuple[str, ...]:
    listed = ", ".join(f"'{name}'" for name in names)
    return tuple(
        f"ALTER TABLE reconciler.{table} DROP CONSTRAINT {table}_cause, "
        f"ADD CONSTRAINT {table}_cause CHECK (cause IN ({listed}))"
        for table in ("gap", "intent")
    )


UPGRADE = (
    """
    ALTER TABLE reconciler.intent
        ADD COLUMN planned_by text NOT NULL DEFAULT 'pass'
            CONSTRAINT intent_planned_by CHECK (planned_by IN ('pass', 'backfill', 'approved'))
    """,
    "CREATE INDEX intent_begun ON reconciler.intent (effect, attempted_at) WHERE attempted_at IS NOT NULL",
    """
    CREATE TABLE reconciler.repair_lock (
        effect text NOT NULL CHECK (effect IN ('sms', 'calendar')),
        tenant text NOT NULL DEFAULT '',
        source text NOT NULL,
        code text NOT NULL,
        since timestamptz NOT NULL,
        PRIMARY KEY (effect, tenant, source)
    )
    """,
    *_causes(*CAUSES, "refused_alike"),
)
DOWNGRADE = (
    "DROP TABLE reconciler.repair_lock",
    "DROP INDEX reconciler.intent_begun",
    "ALTER TABLE reconciler.intent DROP COLUMN planned_by",
    "UPDATE reconciler.gap SET cause = 'unusable_data' WHERE cause = 'refused_alike'",
    *_causes(*CAUSES),
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)

"""Since when each booking calls for a text or an event, and which complete scans have looked for that.

Texts from before this revision may have been for whatever their booking called for then: ``any_occasion`` makes each
count for every text that was due when it was made, so that nothing is sent again.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

UPGRADE = (
    """
    CREATE TABLE reconciler.due (
        tenant text NOT NULL DEFAULT '',
        source text NOT NULL,
        booking text NOT NULL,
        occasion text NOT NULL,
        due_at timestamptz NOT NULL,
        PRIMARY KEY (booking, occasion, source, tenant)
    )
    """,
    "CREATE INDEX due_recent ON reconciler.due (due_at)",
    "ALTER TABLE reconciler.run ADD COLUMN watched text NOT NULL DEFAULT ''",
    "ALTER TABLE reconciler.intent ADD COLUMN any_occasion boolean NOT NULL DEFAULT false",
    "UPDATE reconciler.intent SET any_occasion = true WHERE effect = 'sms'",
)
DOWNGRADE = (
    "ALTER TABLE reconciler.intent DROP COLUMN any_occasion",
    "ALTER TABLE reconciler.run DROP COLUMN watched",
    "DROP TABLE reconciler.due",
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)

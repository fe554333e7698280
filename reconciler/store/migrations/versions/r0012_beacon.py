"""The beacon: which nonces may be in the calendar, and what was found there last.

An installation from before this revision has none: its first pass that acts makes it, and begins no caution.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

UPGRADE = (
    """
    CREATE TABLE reconciler.beacon (
        only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
        generation integer NOT NULL DEFAULT 0 CHECK (generation >= 0),
        mark bigint NOT NULL DEFAULT 0 CHECK (mark >= 0),
        nonces text[] NOT NULL DEFAULT '{}',
        tables text[] NOT NULL DEFAULT '{}',
        accepted text[] NOT NULL DEFAULT '{}',
        made boolean NOT NULL DEFAULT false,
        accepts boolean NOT NULL DEFAULT false,
        looked boolean NOT NULL DEFAULT false,
        status text NOT NULL DEFAULT '',
        code text NOT NULL DEFAULT '',
        asked_at timestamptz,
        renewed_at timestamptz
    )
    """,
    "INSERT INTO reconciler.beacon DEFAULT VALUES",
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE reconciler.beacon")

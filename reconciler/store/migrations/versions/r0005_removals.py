"""Since when a booking's row is absent, and when a call last turned out to have failed.

Intents of earlier versions have none of them; the calendar says where an event stands before it is removed.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        ALTER TABLE reconciler.intent
            ADD COLUMN absent_since timestamptz,
            ADD COLUMN failed_at timestamptz
    """)


def downgrade() -> None:
    op.execute("""
        ALTER TABLE reconciler.intent DROP COLUMN absent_since, DROP COLUMN failed_at
    """)

"""The place of the installation, and the caution after a possible loss.

An installation from before this revision is bound by the next `migrate`; one without repairs, also by a run that acts.
"""

from alembic import op

revision = "0008"
down_revision = "0005"
branch_labels = None
depends_on = None

COLUMNS = (
    "system_identifier text NOT NULL DEFAULT ''",
    "database_oid bigint",
    "timeline integer",
    "caution_since timestamptz",
    "caution_reason text NOT NULL DEFAULT ''",
)


def upgrade() -> None:
    op.execute(f"ALTER TABLE reconciler.installation {', '.join(f'ADD COLUMN {column}' for column in COLUMNS)}")


def downgrade() -> None:
    names = [column.split()[0] for column in COLUMNS]
    op.execute(f"ALTER TABLE reconciler.installation {', '.join(f'DROP COLUMN {name}' for name in names)}")

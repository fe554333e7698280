"""A refusal by a code of the provider may be looked at again: its intent is planned anew."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_FUNCTION = """
    CREATE OR REPLACE FUNCTION reconciler.legal_move(was text, becomes text) RETURNS boolean
    LANGUAGE sql IMMUTABLE AS $$
        SELECT was = becomes OR (was, becomes) IN (
            ('planned', 'sending'), ('planned', 'dropped'), ('planned', 'needs_human'),
            ('sending', 'done'), ('sending', 'refused'), ('sending', 'planned'), ('sending', 'unknown'),
            ('unknown', 'done'), ('unknown', 'planned'), ('unknown', 'dropped'), ('unknown', 'needs_human'),{more}
            ('needs_human', 'done'), ('needs_human', 'planned'), ('needs_human', 'dropped'))
    $$
"""


def upgrade() -> None:
    op.execute(_FUNCTION.format(more=" ('refused', 'planned'),"))


def downgrade() -> None:
    op.execute(_FUNCTION.format(more=""))

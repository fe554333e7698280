"""The identity of a booking: tenant, source (the mapped table), id and incarnation.

Rows from before this revision do not say which table they are about. They belong to the source that is registered
first, whose ids are derived as before, and ``any_source`` makes them count for every other table as well: in doubt
nothing is made again.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UPGRADE = (
    """
    CREATE TABLE reconciler.source (
        key text PRIMARY KEY,
        relation text NOT NULL UNIQUE,
        relation_oid oid NOT NULL,
        since timestamptz NOT NULL
    )
    """,
    """
    ALTER TABLE reconciler.intent
        ADD COLUMN tenant text NOT NULL DEFAULT '',
        ADD COLUMN source text NOT NULL DEFAULT '',
        ADD COLUMN any_source boolean NOT NULL DEFAULT false,
        ADD COLUMN incarnation integer NOT NULL DEFAULT 0 CHECK (incarnation >= 0),
        ADD COLUMN recipient text NOT NULL DEFAULT '',
        ADD COLUMN starts_at timestamptz
    """,
    "UPDATE reconciler.intent SET any_source = true",
    # The first part of a text's subject is the digest of its number.
    "UPDATE reconciler.intent SET recipient = split_part(subject, ':', 1) WHERE effect = 'sms'",
    "ALTER TABLE reconciler.intent DROP CONSTRAINT intent_booking_effect_trigger_generation_key",
    """
    ALTER TABLE reconciler.intent
        ADD CONSTRAINT intent_once UNIQUE (booking, effect, trigger, generation, incarnation, source, tenant)
    """,
    "DROP INDEX reconciler.intent_not_final",
    """
    CREATE UNIQUE INDEX intent_not_final ON reconciler.intent
        (booking, effect, trigger, incarnation, source, tenant)
    WHERE state IN ('planned', 'sending', 'unknown', 'needs_human')
    """,
    """
    ALTER TABLE reconciler.gap
        ADD COLUMN tenant text NOT NULL DEFAULT '',
        ADD COLUMN source text NOT NULL DEFAULT '',
        ADD COLUMN settings text NOT NULL DEFAULT '',
        ADD COLUMN booking_status text
    """,
    "DROP INDEX reconciler.gap_open",
    "CREATE UNIQUE INDEX gap_open ON reconciler.gap (kind, about, source, tenant) WHERE closed_at IS NULL",
)
DOWNGRADE = (
    # The older program cannot tell two bookings of one id apart. It must not take one of them for the other.
    """
    DO $$
    BEGIN
        IF EXISTS (SELECT FROM reconciler.intent WHERE tenant <> '' OR source <> '' OR incarnation > 0)
           OR EXISTS (SELECT FROM reconciler.gap WHERE tenant <> '' OR source <> '') THEN
            RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = 'the ledger holds bookings of a second table or of an id that came again';
        END IF;
    END
    $$
    """,
    "DROP INDEX reconciler.gap_open",
    """
    ALTER TABLE reconciler.gap
        DROP COLUMN tenant, DROP COLUMN source, DROP COLUMN settings, DROP COLUMN booking_status
    """,
    "CREATE UNIQUE INDEX gap_open ON reconciler.gap (kind, about) WHERE closed_at IS NULL",
    "DROP INDEX reconciler.intent_not_final",
    "ALTER TABLE reconciler.intent DROP CONSTRAINT intent_once",
    """
    ALTER TABLE reconciler.intent
        DROP COLUMN tenant, DROP COLUMN source, DROP COLUMN any_source, DROP COLUMN incarnation,
        DROP COLUMN recipient, DROP COLUMN starts_at
    """,
    """
    ALTER TABLE reconciler.intent
        ADD CONSTRAINT intent_booking_effect_trigger_generation_key UNIQUE (booking, effect, trigger, generation)
    """,
    """
    CREATE UNIQUE INDEX intent_not_final ON reconciler.intent (booking, effect, trigger)
    WHERE state IN ('planned', 'sending', 'unknown', 'needs_human')
    """,
    "DROP TABLE reconciler.source",
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)

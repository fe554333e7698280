"""The ledger: installation, gaps, intents, runs, episodes, rates."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE reconciler.installation (
        id uuid PRIMARY KEY,
        since timestamptz NOT NULL,
        only_one boolean NOT NULL DEFAULT true UNIQUE CHECK (only_one)
    )
    """,
    """
    CREATE TABLE reconciler.gap (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        scope text NOT NULL,
        kind text NOT NULL,
        about text NOT NULL,
        cause text NOT NULL CONSTRAINT gap_cause CHECK (cause IN (
            'never_queued', 'never_created', 'app_failed', 'blocked', 'given_up', 'breaker',
            'unusable_data', 'refused_recipient', 'too_late', 'deleted_by_hand', 'unknown_outcome')),
        key text NOT NULL,
        reason text NOT NULL,
        detail jsonb NOT NULL,
        noted_at timestamptz,
        opened_at timestamptz NOT NULL,
        seen_at timestamptz NOT NULL,
        closed_at timestamptz,
        closed_by text,
        CHECK ((closed_at IS NULL) = (closed_by IS NULL))
    )
    """,
    "CREATE UNIQUE INDEX gap_open ON reconciler.gap (kind, about) WHERE closed_at IS NULL",
    "CREATE INDEX gap_closed ON reconciler.gap (scope, closed_at) WHERE closed_at IS NOT NULL",
    "CREATE INDEX gap_unnoted ON reconciler.gap (kind) WHERE noted_at IS NULL",
    """
    CREATE TABLE reconciler.intent (
        id uuid PRIMARY KEY,
        scope text NOT NULL,
        booking text NOT NULL,
        effect text NOT NULL CHECK (effect IN ('text', 'event')),
        trigger text NOT NULL,
        generation integer NOT NULL CHECK (generation >= 1),
        state text NOT NULL CONSTRAINT intent_state
            CHECK (state IN ('planned', 'sending', 'unknown', 'needs_human', 'done', 'refused', 'dropped')),
        attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
        subject text NOT NULL,
        code text NOT NULL DEFAULT '',
        cause text CONSTRAINT intent_cause CHECK (cause IN (
            'never_queued', 'never_created', 'app_failed', 'blocked', 'given_up', 'breaker',
            'unusable_data', 'refused_recipient', 'too_late', 'deleted_by_hand', 'unknown_outcome')),
        provider_id text,
        claim uuid,
        leased_until timestamptz,
        examined_at timestamptz,
        not_before timestamptz,
        attempted_at timestamptz,
        account text NOT NULL DEFAULT '',
        settle_tries integer NOT NULL DEFAULT 0 CHECK (settle_tries >= 0),
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        UNIQUE (booking, effect, trigger, generation),
        UNIQUE (effect, provider_id),
        CHECK (state <> 'sending' OR (claim IS NOT NULL AND leased_until IS NOT NULL)),
        CHECK (state <> 'done' OR provider_id IS NOT NULL),
        CHECK (state NOT IN ('sending', 'unknown') OR attempted_at IS NOT NULL)
    )
    """,
    """
    CREATE UNIQUE INDEX intent_not_final ON reconciler.intent (booking, effect, trigger)
    WHERE state IN ('planned', 'sending', 'unknown', 'needs_human')
    """,
    """
    CREATE INDEX intent_open ON reconciler.intent (effect, state)
    WHERE state IN ('planned', 'sending', 'unknown', 'needs_human')
    """,
    """
    CREATE INDEX intent_final ON reconciler.intent (scope, updated_at, id)
    WHERE state IN ('done', 'refused', 'dropped')
    """,
    # The database holds the drawing too: a move that the domain's table does not list is refused whoever makes it.
    """
    CREATE FUNCTION reconciler.legal_move(was text, becomes text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
        SELECT was = becomes OR (was, becomes) IN (
            ('planned', 'sending'), ('planned', 'dropped'), ('planned', 'needs_human'),
            ('sending', 'done'), ('sending', 'refused'), ('sending', 'planned'), ('sending', 'unknown'),
            ('unknown', 'done'), ('unknown', 'planned'), ('unknown', 'dropped'), ('unknown', 'needs_human'),
            ('needs_human', 'done'), ('needs_human', 'planned'), ('needs_human', 'dropped'))
    $$
    """,
    """
    CREATE FUNCTION reconciler.check_move() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT reconciler.legal_move(OLD.state, NEW.state) THEN
            -- Put together by hand: in a script that is printed, a percent sign would come out twice.
            RAISE EXCEPTION USING ERRCODE = 'check_violation',
                MESSAGE = 'intent ' || OLD.id || ' may not move from ' || OLD.state || ' to ' || NEW.state;
        END IF;
        RETURN NEW;
    END
    $$
    """,
    """
    CREATE TRIGGER intent_move BEFORE UPDATE OF state ON reconciler.intent
    FOR EACH ROW EXECUTE FUNCTION reconciler.check_move()
    """,
    """
    CREATE TABLE reconciler.run (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        job text NOT NULL,
        scope text NOT NULL,
        settings text NOT NULL,
        started_at timestamptz NOT NULL,
        finished_at timestamptz,
        full_look boolean NOT NULL,
        result text,
        counts jsonb NOT NULL DEFAULT '{}'
    )
    """,
    "CREATE INDEX run_latest ON reconciler.run (job, scope, started_at DESC)",
    """
    CREATE TABLE reconciler.episode (
        id uuid PRIMARY KEY,
        scope text NOT NULL,
        kind text NOT NULL,
        cause text NOT NULL,
        key text NOT NULL,
        opened_at timestamptz NOT NULL,
        newest_at timestamptz NOT NULL,
        ended_at timestamptz,
        report jsonb NOT NULL,
        told_at timestamptz,
        telling_until timestamptz
    )
    """,
    "CREATE UNIQUE INDEX episode_open ON reconciler.episode (scope, kind, cause, key) WHERE ended_at IS NULL",
    "CREATE INDEX episode_ended ON reconciler.episode (scope, ended_at) WHERE ended_at IS NOT NULL",
    "CREATE INDEX episode_untold ON reconciler.episode (opened_at) WHERE told_at IS NULL",
    "CREATE TABLE reconciler.rate (name text PRIMARY KEY, next_at timestamptz NOT NULL)",
    "INSERT INTO reconciler.installation (id, since) VALUES (gen_random_uuid(), clock_timestamp())",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("rate", "run", "episode", "intent", "gap", "installation"):
        op.execute(f"DROP TABLE reconciler.{table}")
    op.execute("DROP FUNCTION reconciler.check_move()")
    op.execute("DROP FUNCTION reconciler.legal_move(text, text)")

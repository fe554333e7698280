"""The SQL statements of ``intents``. ``FREE``: no process holds a lease on the row."""

from sqlalchemy import text

from reconciler.store.ledger.scopes import looked_after

COLUMNS = (
    "id::text AS id, booking, effect, trigger, generation, state, attempts, subject, code, cause, provider_id, "
    "not_before, attempted_at, account, settle_tries, claim::text AS claim, effect_gone, resolved_by_person, "
    "handed_over, updated_at, tenant, source, incarnation, recipient, starts_at, any_occasion"
)
OF_SOURCE = "(tenant = '' AND (source = :source OR any_source))"
"""Intents about the bookings of our table. Those from before there were sources may be about any table."""

OWNED = looked_after("intent")
CERTAINLY_OURS = "NOT (any_source AND (SELECT count(*) > 1 FROM reconciler.source))"
"""Not perhaps about another table's booking."""
FREE = "(leased_until IS NULL OR leased_until < clock_timestamp())"

LATEST = text(f"""
    SELECT DISTINCT ON (booking) {COLUMNS} FROM reconciler.intent
    WHERE effect = :effect AND booking = ANY(:bookings) AND {OF_SOURCE}
    ORDER BY booking, incarnation DESC,
             CASE WHEN state IN ('sending', 'unknown', 'needs_human') THEN 0
                  WHEN state = 'done' AND NOT handed_over
                       AND (CAST(:every AS boolean) OR trigger = ANY(:final)) THEN 1
                  WHEN state = 'planned' THEN 2 ELSE 3 END,
             -- What ended for this text says more than what ended for an earlier one of the booking.
             CASE WHEN CAST(:every AS boolean) OR trigger = ANY(:final) THEN 0 ELSE 1 END,
             created_at DESC, generation DESC
""")
IN_STATE = text(f"""
    SELECT {COLUMNS} FROM reconciler.intent AS intent
    WHERE {OF_SOURCE} AND {OWNED} AND effect = :effect AND state = ANY(CAST(:states AS text[]))
    ORDER BY array_position(CAST(:states AS text[]), state), coalesce(examined_at, created_at), id
""")
DONE = text(f"""
    SELECT {COLUMNS} FROM reconciler.intent
    WHERE {OF_SOURCE} AND effect = :effect AND booking = :booking AND incarnation = :incarnation AND state = 'done'
    ORDER BY generation DESC LIMIT 1
""")
DONE_SINCE = text(f"""
    SELECT {COLUMNS} FROM reconciler.intent AS intent
    WHERE {OF_SOURCE} AND {OWNED} AND effect = :effect AND state = 'done' AND NOT handed_over AND attempted_at >= :since
    ORDER BY id
""")
NEVER_ARRIVED = text("""
    UPDATE reconciler.intent SET effect_gone = true, code = 'never_came', updated_at = :now
    WHERE id = CAST(:id AS uuid) AND state = 'dropped' AND updated_at <= :now - CAST(:wait AS interval)
""")
CONFIRM_DONE = text("""
    UPDATE reconciler.intent SET updated_at = :now WHERE id = CAST(:id AS uuid) AND state = 'done' AND updated_at < :now
""")
EFFECT_GONE = text("""
    UPDATE reconciler.intent SET effect_gone = true, code = :code, updated_at = :now
    WHERE id = CAST(:id AS uuid) AND state IN ('done', 'dropped') AND NOT effect_gone
""")
NAMES_EVENT = text("""
    SELECT EXISTS (SELECT FROM reconciler.intent
                   WHERE effect = 'calendar' AND provider_id = :event
                     AND NOT (booking = :booking AND (source = :source OR any_source)))
""")
DROP_OTHER_TRIGGERS = text(f"""
    UPDATE reconciler.intent SET state = 'dropped', code = 'superseded', updated_at = :now
    WHERE {OF_SOURCE} AND booking = :booking AND effect = :effect AND state = 'planned' AND {FREE}
      AND (trigger <> :trigger OR incarnation < :incarnation)
""")
PLAN = text(f"""
    INSERT INTO reconciler.intent
        (id, scope, booking, source, incarnation, effect, trigger, generation, state, subject, recipient, starts_at,
         planned_by, created_at, updated_at)
    SELECT CAST(:id AS uuid), CAST(:scope AS text), CAST(:booking AS text), CAST(:source AS text),
           CAST(:incarnation AS integer), CAST(:effect AS text), CAST(:trigger AS text),
           coalesce(max(generation), 0) + 1, 'planned', CAST(:subject AS text), CAST(:recipient AS text),
           CAST(:starts_at AS timestamptz), CAST(:planned_by AS text), CAST(:now AS timestamptz),
           CAST(:now AS timestamptz)
    FROM reconciler.intent
    WHERE {OF_SOURCE} AND booking = :booking AND effect = :effect AND trigger = :trigger AND incarnation = :incarnation
    ON CONFLICT DO NOTHING
""")
# A call that was made may have had its effect. One that was adopted or found was made by somebody else, or before.
BEGUN_SINCE = text(f"""
    SELECT count(*) FROM reconciler.intent
    WHERE {OF_SOURCE} AND effect = :effect AND planned_by = :planned_by
      AND (state = 'planned' OR (attempted_at >= :since AND attempts > 0 AND code <> ALL (:without_call)
                                 AND state IN ('sending', 'unknown', 'needs_human', 'done')))
""")
REFRESH = text(f"""
    UPDATE reconciler.intent SET subject = :subject, recipient = :recipient, starts_at = :starts_at, updated_at = :now
    WHERE {OF_SOURCE} AND booking = :booking AND effect = :effect AND trigger = :trigger AND state = 'planned'
      AND incarnation = :incarnation AND subject <> :subject
""")
DROP_PLANNED = text(f"""
    UPDATE reconciler.intent SET state = 'dropped', code = :code, updated_at = :now
    WHERE {OF_SOURCE} AND booking = :booking AND effect = :effect AND state = 'planned' AND {FREE}
""")
# The claim token stays: the process that held the lease may still return with the provider's answer.
ABANDON = text("""
    UPDATE reconciler.intent
    SET state = 'unknown', code = 'lease_ran_out', updated_at = :now, not_before = clock_timestamp() + :settle
    WHERE effect = :effect AND state = 'sending' AND leased_until < clock_timestamp()
      -- Another scope may have a longer settle time. After a day its process has changed scope or no longer runs.
      AND (scope = :scope OR leased_until < clock_timestamp() - interval '1 day')
""")
CLAIM = text(f"""
    UPDATE reconciler.intent
    SET claim = CAST(:claim AS uuid), leased_until = clock_timestamp() + :lease, examined_at = clock_timestamp()
    WHERE id = (SELECT id FROM reconciler.intent
                WHERE {OF_SOURCE} AND effect = :effect AND state = 'planned' AND booking = ANY(:bookings) AND {FREE}
                  AND (not_before IS NULL OR not_before <= :now OR not_before > :nonsense)
                  AND (examined_at IS NULL OR examined_at < :examined_before)
                -- A call that failed may fail again, and would stop the pass: whatever has not failed goes first. A
                -- code is left by an attempt that costs nothing, and by a hold.
                ORDER BY attempted_at IS NOT NULL OR code <> '', coalesce(examined_at, created_at), id LIMIT 1
                FOR UPDATE SKIP LOCKED)
    RETURNING {COLUMNS}
""")
# Only the database's clock counts here. With a wrong local clock, an absence proved too early would send a second text.
CLAIM_UNSETTLED = text(f"""
    UPDATE reconciler.intent
    SET claim = CAST(:claim AS uuid), leased_until = clock_timestamp() + :lease, examined_at = clock_timestamp()
    WHERE id = (SELECT id FROM reconciler.intent AS intent
                WHERE {OF_SOURCE} AND {OWNED} AND effect = :effect AND state = 'unknown' AND {FREE}
                  AND (not_before IS NULL OR not_before <= clock_timestamp())
                  AND (examined_at IS NULL OR examined_at < :examined_before)
                ORDER BY coalesce(examined_at, created_at), id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING {COLUMNS}
""")
RETRY_SETTLING = text("""
    UPDATE reconciler.intent
    SET leased_until = NULL, code = :code, updated_at = :now, settle_tries = settle_tries + 1,
        not_before = clock_timestamp() + :wait
    WHERE id = CAST(:id AS uuid) AND claim = CAST(:claim AS uuid) AND state = 'unknown'
""")
# The recipient of an intent is that of its booking when it was planned; the subject begins with that of the last call.
TEXTED = text("""
    SELECT split_part(subject, ':', 1) AS recipient, attempted_at AS at FROM reconciler.intent
    WHERE effect = 'sms' AND attempted_at >= :since AND split_part(subject, ':', 1) = ANY(:recipients)
      AND state IN ('sending', 'unknown', 'needs_human', 'done') AND NOT handed_over
""")
USED_PROVIDER_IDS = text("SELECT provider_id FROM reconciler.intent WHERE effect = :effect AND provider_id = ANY(:ids)")
KNOWN = text("SELECT id::text AS id FROM reconciler.intent WHERE id = ANY(CAST(:ids AS uuid[]))")
HISTORY = text(f"""
    SELECT {COLUMNS} FROM reconciler.intent
    WHERE {OF_SOURCE} AND booking = :booking ORDER BY created_at DESC, generation DESC
""")
# A code of the provider's has its name before it. What our own checks refused is judged anew in every pass.
UNSETTLED = text(f"""
    SELECT {COLUMNS} FROM reconciler.intent AS intent
    WHERE state IN ('needs_human', 'unknown')
       OR (state = 'refused' AND code LIKE '%:%'
           AND EXISTS (SELECT FROM reconciler.gap
                       WHERE about = intent.booking AND source = intent.source AND reason = 'refused_by_provider'
                         AND closed_at IS NULL AND kind = intent.effect || '.missing')
           AND NOT EXISTS (SELECT FROM reconciler.intent AS later
                           WHERE later.booking = intent.booking AND later.effect = intent.effect
                             AND later.source = intent.source AND later.created_at > intent.created_at))
    ORDER BY state, created_at, id
""")
REOPEN = text("""
    UPDATE reconciler.intent SET state = 'planned', attempts = 0, settle_tries = 0, not_before = NULL,
                                 leased_until = NULL, updated_at = :now
    WHERE id = ANY(CAST(:ids AS uuid[])) AND state = 'refused'
""")
BEGINNING_WITH = text(f"""
    SELECT {COLUMNS} FROM reconciler.intent
    WHERE starts_with(id::text, :prefix) ORDER BY created_at, id LIMIT :limit
""")
# What was refused keeps its code and cause, so that the same answer again is known to be about this booking alone.
RESOLVE = text(f"""
    UPDATE reconciler.intent
    SET state = :to, code = CASE WHEN state = 'refused' THEN code ELSE :code END,
        cause = CASE WHEN state = 'refused' THEN cause END, updated_at = :now,
        provider_id = coalesce(:provider_id, provider_id),
        resolved_by_person = (:to <> 'planned'),
        attempts = CASE WHEN :to = 'planned' THEN 0 ELSE attempts END, settle_tries = 0,
        not_before = NULL, leased_until = NULL
    WHERE id = CAST(:id AS uuid) AND {FREE}
      AND (state IN ('needs_human', 'unknown') OR (state = 'refused' AND :to = 'planned'))
    RETURNING {COLUMNS}
""")
MOVE = text(f"""
    UPDATE reconciler.intent
    SET state = :to, code = :code, cause = :cause, updated_at = :now,
        not_before = coalesce(:not_before, clock_timestamp() + CAST(:settle AS interval)),
        attempted_at = CASE WHEN :to = 'sending' THEN coalesce(attempted_at, CAST(:first_tried_at AS timestamptz), :now)
                            WHEN attempts + :attempts > 0 OR :proved_absent THEN attempted_at END,
        failed_at = CASE WHEN :proved_absent OR :failed THEN :now ELSE failed_at END,
        account = coalesce(:account, account),
        handed_over = :handed_over,
        settle_tries = CASE WHEN :to = 'sending' THEN 0 ELSE settle_tries END,
        provider_id = coalesce(:provider_id, provider_id),
        subject = coalesce(:subject, subject),
        starts_at = coalesce(:starts_at, starts_at),
        attempts = attempts + :attempts,
        leased_until = clock_timestamp() + CAST(:lease AS interval)  -- NULL without a lease
    WHERE id = CAST(:id AS uuid) AND claim = CAST(:claim AS uuid) AND state = ANY(:from)
    RETURNING {COLUMNS}
""")
# What a power cut may take back must not precede a call. A stronger setting stays.
DURABLE = text("""
    SELECT set_config('synchronous_commit', 'on', true)
    WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')
""")
RELEASE = text("""
    UPDATE reconciler.intent SET leased_until = NULL, code = :code, updated_at = :now
    WHERE id = CAST(:id AS uuid) AND claim = CAST(:claim AS uuid) AND state IN ('planned', 'unknown')
""")
LEASE_LEFT = text("""
    SELECT leased_until - clock_timestamp() FROM reconciler.intent
    WHERE id = CAST(:id AS uuid) AND claim = CAST(:claim AS uuid) AND state = 'sending'
""")
# Accepted since this booking failed last: by a call, and not by an event found or adopted.
OTHERS_ACCEPTED = text("""
    SELECT EXISTS (
        SELECT FROM reconciler.intent AS failed JOIN reconciler.intent AS other
          ON other.effect = failed.effect AND other.booking <> failed.booking
        WHERE failed.id = CAST(:id AS uuid) AND other.state = 'done' AND other.attempts > 0 AND NOT other.handed_over
          AND other.code <> ALL (:without_call) AND other.updated_at >= coalesce(failed.failed_at, failed.updated_at))
""")

"""Scopes: which rows of the ledger a process looks after. A scope is no part of a booking's identity."""


def looked_after(table: str) -> str:
    """Return the SQL condition for rows of ``table`` that belong to ``:scope``, or to a scope that was left behind.

    A scope is left behind if it has not run for a day before our own last run. Both times are of runs, so that
    the database's clock and ours are not compared.
    """
    return f"""({table}.scope = :scope OR NOT EXISTS (
    SELECT FROM reconciler.run
    WHERE run.scope = {table}.scope AND run.started_at > coalesce(
        (SELECT max(own.started_at) FROM reconciler.run AS own WHERE own.scope = :scope) - interval '1 day',
        '-infinity')))"""

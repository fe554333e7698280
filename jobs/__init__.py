"""The jobs: one file per line of cron.yaml. This folder lists the silent failures that we check for.

Each file has ``run(services) -> Sequence[PassResult]``, with one result per rule, and nothing else. What a pass does is
in ``reconciler.engine``.
"""

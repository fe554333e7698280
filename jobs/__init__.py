"""The jobs: one file per line of cron.yaml. The listing of this folder is the list of silent failures that we look for.

Each file has ``run(services) -> Sequence[PassResult]``, with one result per rule, and nothing else. What a pass does is
in ``reconciler.engine``.
"""

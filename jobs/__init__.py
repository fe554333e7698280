"""When we look: one file per line of cron.yaml. This folder's listing is the list of silent failures we hunt.

Each file has ``run(services) -> Sequence[PassResult]``, a result per rule, and nothing else; what a pass does stands in
``reconciler.engine``.
"""

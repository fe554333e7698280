"""The status page, the probes and the metrics, for people and monitors. Nothing here writes.

Belongs here: HTTP, HTML, and which facts a page shows. Does not belong here: how facts are found (``store``,
``engine``) and how they are worded (``domain.explain``).
"""

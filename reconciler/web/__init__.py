"""The status page, the probes and the metrics: what a person or a monitor reads of the service. Nothing here writes.

Belongs here: HTTP, HTML, and which facts stand on a page. Does not belong here: what is a fact (``store``, ``engine``)
and how a person reads it (``domain.verdicts``, ``domain.advice``).
"""

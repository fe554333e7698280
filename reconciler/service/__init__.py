"""The service that keeps time: jobs on their schedule, signs of life, and a quiet end.

Belongs here: what lives as long as the process does. Does not belong here: what a job does (``engine``), when it is due
(``schedule``), how somebody is told (``reporting``).
"""

"""The long-running service: jobs on their schedule, check-ins, in-memory alerts, and a clean stop.

Belongs here: state that lives as long as the process. Does not belong here: what a job does (``engine``), when it is
due (``schedule``), how an alert is sent (``reporting``).
"""

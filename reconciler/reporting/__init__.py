"""Where alerts go: Sentry, on-call routes, heartbeats, and the log.

Belongs here: how an alert becomes a message, whether it was accepted, what may not leave the machine. Does not belong
here: which alert is due and when (``engine.alerting``, ``domain.alerting``).
"""

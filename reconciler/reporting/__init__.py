"""Telling people: Sentry, and the log.

Belongs here: how a report becomes an event, whether it was accepted, what may not leave the machine. Does not belong
here: when something is told and what (``engine.telling``, ``domain.reports``).
"""

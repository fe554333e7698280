"""Decisions about bookings, texts and events, as plain data and pure functions.

Belongs here: verdicts, the plan and its breaker, policies, the checks of a text and of an event, and what a provider's
records prove. Does not belong here: alerts, wording for people, I/O.
"""

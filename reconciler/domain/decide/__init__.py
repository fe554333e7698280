"""Decisions as plain data and pure functions: what a booking or an event looks like, and what follows.

Belongs here: verdicts, the plan and its breaker, policies, the checks of a text and of an event, what a provider's
records prove. Does not belong here: alerts, wording for people, I/O.
"""

"""An environment for trials: embedded PostgreSQL with the reference schema, stand-ins for Twilio, Google Calendar and
Sentry over real HTTP on loopback, seeded faults, and demo data.

It imports none of our provider clients and returns only environment variables, so that demo, tests and production run
the same code.
"""

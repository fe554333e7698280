"""A world to try things in: embedded PostgreSQL with the reference schema, stand-ins for Twilio, Google Calendar and
Sentry over real HTTP on loopback, seeded faults, and demo data.

It imports no provider of ours and only hands out an environment, so that demo, tests and production run the same code.
"""

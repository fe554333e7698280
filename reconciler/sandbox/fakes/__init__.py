"""Stand-ins for Twilio, Google Calendar and Sentry: real HTTP on loopback, with faults on request."""

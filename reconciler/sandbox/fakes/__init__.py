"""Stand-ins for Twilio, Google Calendar and Sentry: real HTTP on loopback, misbehaving on request."""

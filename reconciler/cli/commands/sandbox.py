"""``reconciler sandbox`` has no options."""

import click


@click.command("sandbox")
def command() -> None:
    """Start an embedded PostgreSQL with the demo's bookings and stand-ins for Twilio, Google Calendar and Sentry.

    Prints the variables to export, then runs until Ctrl-C. Afterwards everything is removed. The stand-ins show their
    counters at the path /_sandbox/state, on the hosts of TWILIO_API_URL and GOOGLE_API_URL.
    """
    from reconciler.cli.sandbox import run

    run()

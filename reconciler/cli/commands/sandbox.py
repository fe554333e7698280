"""``reconciler sandbox`` has no options."""

import click


@click.command("sandbox")
def command() -> None:
    """Start an embedded PostgreSQL with the demo's bookings and stand-ins for Twilio, Google Calendar and Sentry.

    Prints the variables to export, then runs until Ctrl-C; afterwards everything is removed. The stand-ins' counters
    are at /_sandbox/state below TWILIO_API_URL and the host of GOOGLE_API_URL.
    """
    from reconciler.cli.sandbox import run

    run()

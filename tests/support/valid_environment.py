"""An environment without a mistake: every variable that does not exclude another, each with a value that is right."""

import json

from reconciler.sandbox.fakes.google_tokens import private_key

KEY = {
    "type": "service_account",
    "project_id": "venue",
    "private_key": private_key(),
    "client_email": "booker@venue.iam.gserviceaccount.com",
    "token_uri": "https://oauth2.googleapis.com/token",
}
COMPLETE = {
    "DATABASE_URL": "postgresql://job:hunter2@db.internal:5433/venue?sslmode=require",
    "TWILIO_ACCOUNT_SID": "AC" + "0a" * 16,
    "TWILIO_AUTH_TOKEN": "f00dfeed" * 4,
    "TWILIO_PHONE_NUMBER": "+447700900321",
    "TWILIO_MESSAGING_SERVICE_SID": "MG" + "0b" * 16,
    "TWILIO_API_URL": "https://proxy.internal/twilio",
    "GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(KEY),
    "GOOGLE_CALENDAR_DELEGATE_EMAIL": "manager@venue.example",
    "GOOGLE_CALENDAR_ID": "parties@group.calendar.google.com",
    "GOOGLE_API_URL": "https://proxy.internal/calendar",
    "GOOGLE_TOKEN_URL": "https://proxy.internal/token",
    "SENTRY_DSN": "https://0c0ffee0@sentry.internal/sub/42",
    "SENTRY_ENVIRONMENT": "staging-7",
    "SENTRY_AUTH_TOKEN": "sntrys_c0ffee",
    "SENTRY_ORG": "the-venue",
    "SENTRY_URL": "https://sentry.internal/",
    "RECONCILER_TOKEN": "g00seberry-fool-42",
}

"""Twilio's part of the environment: an account, its token or an API key, and a sender."""

from dataclasses import dataclass

from reconciler.settings.env.cleaning import foreign_problem
from reconciler.settings.env.reader import Reader, matching, url_problem

# No field appears in a repr: every value is or may contain a secret or a person's address.

NAMES = (
    "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_API_KEY", "TWILIO_API_SECRET", "TWILIO_PHONE_NUMBER",
    "TWILIO_SENDER_ID", "TWILIO_MESSAGING_SERVICE_SID",
)  # fmt: skip
"""If none of them is set, nobody meant to give access to Twilio here."""


SENDER_ID = r"(?=.*[A-Za-z])[A-Za-z0-9 +_&-]{1,11}"
"""Twilio docs, Alphanumeric Sender ID: up to eleven characters, one of them a letter."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Twilio:
    account_sid: str
    secret: str
    """The API key's secret, or the account's token."""
    api_key: str | None
    """``None``: the account opens itself with its token."""
    sender: str | None
    """A number, or an alphanumeric sender."""
    messaging_service_sid: str | None
    api_url: str | None


def read_twilio(reader: Reader) -> Twilio | None:
    before = len(reader.mistakes)
    account = reader.take("TWILIO_ACCOUNT_SID", matching("AC[0-9a-fA-F]{32}", "TWILIO_ACCOUNT_SID"))
    key = reader.take("TWILIO_API_KEY", matching("SK[0-9a-fA-F]{32}", "TWILIO_API_KEY"), wanted=False)
    secret = reader.take("TWILIO_API_SECRET", foreign_problem, wanted=key is not None)
    if secret and not key and not any(name.startswith("TWILIO_API_KEY") for name in reader.mistakes[before:]):
        reader.mistakes.append("TWILIO_API_KEY: not set, and TWILIO_API_SECRET is; the two go together")
    tries_key = key is not None or secret is not None
    token = reader.take("TWILIO_AUTH_TOKEN", foreign_problem, wanted=not tries_key)
    number = reader.take("TWILIO_PHONE_NUMBER", matching(r"\+[1-9][0-9]{6,14}", "TWILIO_PHONE_NUMBER"), wanted=False)
    service = reader.take(
        "TWILIO_MESSAGING_SERVICE_SID", matching("MG[0-9a-fA-F]{32}", "TWILIO_MESSAGING_SERVICE_SID"), wanted=False
    )
    sender_id = reader.take("TWILIO_SENDER_ID", matching(SENDER_ID, "TWILIO_SENDER_ID"), wanted=False)
    api_url = reader.take("TWILIO_API_URL", url_problem, wanted=False)
    senders = ("TWILIO_PHONE", "TWILIO_SENDER", "TWILIO_MESS")
    sender_was_tried = any(name.startswith(senders) for name in reader.mistakes[before:])
    if not (number or sender_id or service or sender_was_tried):
        reader.mistakes.append(
            "TWILIO_PHONE_NUMBER, TWILIO_SENDER_ID or TWILIO_MESSAGING_SERVICE_SID: none is set; one is needed"
        )
    if number and sender_id:
        reader.mistakes.append("TWILIO_SENDER_ID: TWILIO_PHONE_NUMBER is set too; a text has one sender")
    opens_with = secret if key else token
    if account is None or opens_with is None:
        return None
    return Twilio(
        account_sid=account,
        secret=opens_with,
        api_key=key,
        sender=number or sender_id,
        messaging_service_sid=service,
        api_url=api_url,
    )

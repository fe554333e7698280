"""Twilio's part of the environment: an account, its token, and a sender."""

from dataclasses import dataclass

from reconciler.settings.env.cleaning import foreign_problem
from reconciler.settings.env.reader import Reader, matching, url_problem

# No field appears in a repr: every value is or may contain a secret or a person's address.

NAMES = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_PHONE_NUMBER", "TWILIO_MESSAGING_SERVICE_SID")
"""If none of them is set, nobody meant to give access to Twilio here."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Twilio:
    account_sid: str
    auth_token: str
    phone_number: str | None
    messaging_service_sid: str | None
    api_url: str | None


def read_twilio(reader: Reader) -> Twilio | None:
    before = len(reader.mistakes)
    account = reader.take("TWILIO_ACCOUNT_SID", matching("AC[0-9a-fA-F]{32}", "TWILIO_ACCOUNT_SID"))
    token = reader.take("TWILIO_AUTH_TOKEN", foreign_problem)
    number = reader.take("TWILIO_PHONE_NUMBER", matching(r"\+[1-9][0-9]{6,14}", "TWILIO_PHONE_NUMBER"), wanted=False)
    service = reader.take(
        "TWILIO_MESSAGING_SERVICE_SID", matching("MG[0-9a-fA-F]{32}", "TWILIO_MESSAGING_SERVICE_SID"), wanted=False
    )
    api_url = reader.take("TWILIO_API_URL", url_problem, wanted=False)
    sender_was_tried = any(name.startswith(("TWILIO_PHONE", "TWILIO_MESS")) for name in reader.mistakes[before:])
    if not number and not service and not sender_was_tried:
        reader.mistakes.append("TWILIO_PHONE_NUMBER or TWILIO_MESSAGING_SERVICE_SID: neither is set; one is needed")
    if account is None or token is None:
        return None
    return Twilio(
        account_sid=account,
        auth_token=token,
        phone_number=number,
        messaging_service_sid=service,
        api_url=api_url,
    )

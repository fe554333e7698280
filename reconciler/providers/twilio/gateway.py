"""Twilio Messages: one POST per text, never retried, and every answer mapped to one of our outcomes.

Twilio has no idempotency key for messages. A call that may have been accepted is therefore *unknown*, and is settled
before anything is sent again.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from reconciler.domain.decide.sms_settlement import SentMessages, SentSms
from reconciler.domain.doctor import Note
from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.domain.intents import Outcome, Result
from reconciler.ports import OutgoingSms, ProviderFailure, SmsDelivery
from reconciler.providers.twilio import account, codes, messages
from reconciler.providers.twilio.errors import UNREADABLE, outcome_of
from reconciler.timing.retry_after import retry_after

if TYPE_CHECKING:
    from twilio.rest import Client

# These loggers write whole URLs (the first at INFO, the second at DEBUG). The URL of a list has a phone number in it.
logging.getLogger("twilio.http_client").setLevel(logging.WARNING)
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)

_NO_SID = Outcome(result=Result.UNKNOWN, code="no_sid", stops_pass=True)

SHORTEST_PERIOD = 6
"""The shortest validity that we ask for, in seconds."""


@dataclass(frozen=True, kw_only=True)
class TwilioGateway:
    """``ports.SmsGateway`` over the real client, with a deadline for each call and without retries."""

    account_sid: str
    secret: str = field(repr=False)
    """Of the API key, or the account's token."""
    api_key: str | None
    """``None``: the account opens itself with its token."""
    sender: str | None = field(repr=False)
    service_sid: str | None
    timeout: timedelta
    """For each whole call, from the name's resolution to the last byte of the answer."""
    api_url: str | None

    def send(self, text: OutgoingSms) -> Outcome:
        def create() -> Outcome:
            message = self._client.messages.create(
                to=text.number,
                body=text.body,
                validity_period=self._validity_period(text),
                **self._from(),
            )
            if not message.sid:
                return _NO_SID
            if message.status in messages.NOT_LEAVING:
                return _dead_on_arrival(message.error_code)
            return Outcome(result=Result.DONE, code=str(message.status), provider_id=message.sid)

        outcome = outcome_of(create)
        if outcome.result is Result.LATER and outcome.retry_after is None:
            return replace(outcome, retry_after=retry_after(self._http.retry_after))
        return outcome

    def _validity_period(self, text: OutgoingSms) -> int:
        """Seconds. Twilio counts them from when it gets the text, which may be at the end of our call.

        Less than 6 seconds would be likely to expire at once (Twilio: Message resource, ValidityPeriod).
        """
        return max(int((text.validity - self.timeout).total_seconds()), SHORTEST_PERIOD)

    def notes(self) -> Sequence[Note]:
        return list(account.account_notes(self._client, self.account_sid, self.sender, self.service_sid))

    def delivery(self, provider_id: str) -> SmsDelivery:
        return account.delivery(self._client, provider_id)

    @property
    def account(self) -> str:
        return self.account_sid

    def sent_to(self, number: str, since: datetime | None = None) -> SentMessages:
        return messages.sent_to(self._client, number, since, self.timeout)

    def recent(self) -> Sequence[SentSms]:
        return messages.recent(self._client)

    def check(self) -> IntegrationFault | None:
        return self._check_account() or self._check_number() or self._check_service()

    def _check_account(self) -> IntegrationFault | None:
        seen = outcome_of(self._account)
        if _is_refused_by_twilio(seen):
            return _fault(
                seen.code,
                f"Twilio does not accept the credentials ({seen.code})",
                "set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or TWILIO_API_KEY and TWILIO_API_SECRET, as "
                "Twilio's console shows them",
            )
        if seen.result is not Result.DONE:
            raise ProviderFailure(seen)
        if seen.code == "active":
            return None
        return _fault(f"account_{seen.code}", f"the Twilio account is {seen.code}", "see Twilio's console, Billing")

    def _account(self) -> Outcome:
        """The account's status, as the code of a *done* outcome. The account object is not kept: it has the token."""
        from twilio.base.exceptions import TwilioRestException

        try:
            status = self._client.api.accounts(self.account_sid).fetch().status
        except TwilioRestException as error:
            if error.status not in (401, 403):
                raise
            # A restricted API key may send, but not read the account. If it can list messages, it is valid.
            self._client.messages.list(limit=1, page_size=1)
            status = "active"
        return _answer(status) if status else UNREADABLE

    def _check_number(self) -> IntegrationFault | None:
        if not self.sender or not self.sender.startswith("+"):
            return None  # an alphanumeric sender is nobody's property: only a text shows whether the country takes it

        def capability() -> Outcome:
            numbers = self._client.incoming_phone_numbers.list(phone_number=self.sender or "", limit=1, page_size=1)
            if not numbers:
                return _answer("not_ours")
            return _answer("capable" if (numbers[0].capabilities or {}).get("sms") else "incapable")

        seen = _query(capability)
        if seen in ("capable", None):
            return None
        why = "cannot send texts" if seen == "incapable" else "does not belong to the account"
        remedy = "set TWILIO_PHONE_NUMBER to a number of this account that can send SMS"
        return _fault(f"sender_{seen}", f"the number of TWILIO_PHONE_NUMBER {why}", remedy)

    def _check_service(self) -> IntegrationFault | None:
        if not self.service_sid:
            return None
        service = self._client.messaging.v1.services(self.service_sid)

        def pool() -> Outcome:
            from twilio.base.exceptions import TwilioRestException

            try:
                service.fetch()
            except TwilioRestException as error:
                if error.code != codes.NO_SUCH_THING:
                    raise
                return _answer("missing")
            return _answer("filled" if service.phone_numbers.list(limit=1, page_size=1) else "empty")

        match _query(pool):
            case "missing":
                remedy = "set TWILIO_MESSAGING_SERVICE_SID to a service of this account"
                return _fault("service_missing", "the messaging service does not exist", remedy)
            case "empty":
                remedy = "add a sender to it in Twilio's console, Messaging > Services > Sender Pool"
                return _fault("service_empty", "the messaging service has no sender", remedy)
        return None

    def _from(self) -> dict[str, str]:
        both = {"from_": self.sender, "messaging_service_sid": self.service_sid}
        return {name: value for name, value in both.items() if value}

    @cached_property
    def _http(self) -> Any:
        # Imported here, because loading the SDK takes most of a second, and `--help` does not need it.
        from reconciler.providers.twilio.http import HttpClient

        # One connection per call. An idle connection may be cut, and the next text on it would be *unknown*.
        return HttpClient(timeout=self.timeout.total_seconds(), pool_connections=False)

    @cached_property
    def _client(self) -> "Client":
        from twilio.rest import Client

        # The SDK reads region and edge from os.environ if it gets no environment or an empty one. So it gets a dummy.
        opened_by = (self.api_key or self.account_sid, self.secret, self.account_sid)
        client = Client(*opened_by, http_client=self._http, environment={"-": ""})
        if self.api_url:
            client.api.base_url = self.api_url.rstrip("/")
            client.messaging.base_url = self.api_url.rstrip("/")
        return client


def _dead_on_arrival(error_code: object) -> Outcome:
    """The outcome of a message that was created but will not be sent."""
    if error_code:
        return codes.sms_error_outcome(400, int(str(error_code)))
    return Outcome(result=Result.BROKEN, code="twilio:not_leaving", stops_pass=True)


def _answer(word: str) -> Outcome:
    return Outcome(result=Result.DONE, code=word)


def _is_refused_by_twilio(seen: Outcome) -> bool:
    """Whether Twilio itself rejected the credentials. A proxy on the way may also answer."""
    return seen.result is Result.BROKEN and (seen.code.startswith("twilio:") or seen.code in ("http:401", "http:403"))


def _query(query: Callable[[], Outcome]) -> str | None:
    """The word of the answer. ``None``: the credentials are valid, but do not allow this query.

    Then only sending a text shows whether it works.

    Raises:
        ProviderFailure: no usable answer.
    """
    seen = outcome_of(query)
    if seen.result is Result.DONE:
        return seen.code
    if _is_refused_by_twilio(seen):
        return None
    raise ProviderFailure(seen)


def _fault(code: str, seen: str, remedy: str) -> IntegrationFault:
    return IntegrationFault(kind=GapKind.INTEGRATION_TWILIO, code=code, seen=seen, remedy=remedy)

"""Twilio Messages: one POST per text, never repeated, and every answer as an outcome of ours.

Twilio has no idempotency key for messages, so what may have been accepted is *unknown*, and nobody tries again blindly.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.domain.intents import Outcome, Result
from reconciler.ports import OutgoingText, ProviderFailure
from reconciler.providers import twilio_codes

if TYPE_CHECKING:
    from twilio.rest import Client

# At INFO this logger writes whole URLs, and a list's URL holds the phone number.
logging.getLogger("twilio.http_client").setLevel(logging.WARNING)

_NO_SID = Outcome(result=Result.UNKNOWN, code="no_sid", stops_pass=True)


@dataclass(frozen=True, kw_only=True)
class TwilioGateway:
    """``ports.SmsGateway`` over the real client, which is given every timeout and no retries."""

    account_sid: str
    auth_token: str = field(repr=False)
    sender: str | None = field(repr=False)
    service_sid: str | None
    timeout: timedelta
    api_url: str | None

    def send(self, text: OutgoingText) -> Outcome:
        def create() -> Outcome:
            message = self._client.messages.create(
                to=text.number,
                body=text.body,
                validity_period=int(text.validity.total_seconds()),
                **self._from(),
            )
            if not message.sid:
                return _NO_SID
            if message.status in ("failed", "undelivered") and message.error_code:
                return twilio_codes.outcome(400, int(message.error_code))
            return Outcome(result=Result.DONE, code=str(message.status), provider_id=message.sid)

        return _outcome_of(create)

    def check(self) -> IntegrationFault | None:
        account = _outcome_of(self._account)
        if account.result is Result.BROKEN and account.code not in _NOT_ABOUT_CREDENTIALS:
            return self._fault(
                account.code,
                f"Twilio does not accept the credentials ({account.code})",
                "set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN to the pair shown in Twilio's console",
            )
        if account.result is not Result.DONE:
            raise ProviderFailure(account)
        if account.code != "active":
            seen, remedy = f"the Twilio account is {account.code}", "see to it in Twilio's console, Billing"
            return self._fault(f"account_{account.code}", seen, remedy)
        return self._check_number() or self._check_service()

    def close(self) -> None:
        """Close what connections there are."""
        if "_client" in self.__dict__:
            self._client.http_client.session.close()

    def _account(self) -> Outcome:
        """The account's status as the code of a *done* outcome. The object itself holds the token: it stays here."""
        from twilio.base.exceptions import TwilioRestException

        try:
            status = self._client.api.accounts(self.account_sid).fetch().status
        except TwilioRestException as error:
            if error.status not in (401, 403):
                raise
            # A restricted API key may send and may not see the account: what it may list proves the credentials.
            self._client.messages.list(limit=1, page_size=1)
            status = "active"
        return Outcome(result=Result.DONE, code=str(status))

    def _check_number(self) -> IntegrationFault | None:
        if not self.sender:
            return None

        def capable() -> Outcome:
            numbers = self._client.incoming_phone_numbers.list(phone_number=self.sender or "", limit=1, page_size=1)
            can_text = bool(numbers and (numbers[0].capabilities or {}).get("sms"))
            return Outcome(result=Result.DONE, code="capable" if can_text else "incapable" if numbers else "not_ours")

        seen = self._asked(capable)
        if seen.code == "capable":
            return None
        why = "cannot send texts" if seen.code == "incapable" else "does not belong to the account"
        remedy = "set TWILIO_PHONE_NUMBER to a number of this account that can send SMS"
        return self._fault(f"sender_{seen.code}", f"the number of TWILIO_PHONE_NUMBER {why}", remedy)

    def _check_service(self) -> IntegrationFault | None:
        if not self.service_sid:
            return None
        service = self.service_sid

        def pool() -> Outcome:
            numbers = self._client.messaging.v1.services(service).phone_numbers.list(limit=1, page_size=1)
            return Outcome(result=Result.DONE, code="filled" if numbers else "empty")

        seen = _outcome_of(pool)
        if seen.result is Result.DONE and seen.code == "filled":
            return None
        if seen.result is Result.DONE:
            remedy = "add a sender to it in Twilio's console, Messaging > Services > Sender Pool"
            return self._fault("service_empty", "the messaging service has no sender", remedy)
        if seen.code in ("twilio:20404", "http:404"):
            remedy = "set TWILIO_MESSAGING_SERVICE_SID to a service of this account"
            return self._fault(seen.code, "the messaging service does not exist", remedy)
        raise ProviderFailure(seen)

    def _asked(self, call: Callable[[], Outcome]) -> Outcome:
        answer = _outcome_of(call)
        if answer.result is not Result.DONE:
            raise ProviderFailure(answer)
        return answer

    def _fault(self, code: str, seen: str, remedy: str) -> IntegrationFault:
        return IntegrationFault(kind=GapKind.INTEGRATION_TWILIO, code=code, seen=seen, remedy=remedy)

    def _from(self) -> dict[str, str]:
        both = {"from_": self.sender, "messaging_service_sid": self.service_sid}
        return {name: value for name, value in both.items() if value}

    @cached_property
    def _client(self) -> "Client":
        # Imported here: the SDK takes most of a second, and `--help` needs none of it.
        from twilio.http.http_client import TwilioHttpClient
        from twilio.rest import Client

        # The environment is given as empty-but-there: the SDK would otherwise read region and edge behind our back.
        client = Client(
            self.account_sid,
            self.auth_token,
            http_client=TwilioHttpClient(timeout=self.timeout.total_seconds()),
            environment={"-": ""},
        )
        if self.api_url:
            client.api.base_url = self.api_url.rstrip("/")
            client.messaging.base_url = self.api_url.rstrip("/")
        return client


_NOT_ABOUT_CREDENTIALS = frozenset({"no_connection"})


def _outcome_of(call: Callable[[], Outcome]) -> Outcome:
    """Run ``call``; every way it can fail as an outcome. Messages of the SDK hold numbers and are dropped here."""
    from twilio.base.exceptions import (
        TwilioException,
        TwilioRestException,
        TwilioServiceException,
    )

    try:
        return call()
    except TwilioRestException as error:
        return _refused(error.status, error.code)
    except TwilioServiceException as error:
        return _refused(error.status, error.code)
    except TwilioException as error:
        # A page that could not be read: the response is the second argument, nothing else says what happened.
        response = error.args[1] if len(error.args) > 1 else None
        return _refused(getattr(response, "status_code", 0), None)
    except requests.exceptions.ConnectTimeout:
        return _no_connection()
    except requests.exceptions.Timeout:
        return Outcome(result=Result.UNKNOWN, code="timeout", stops_pass=True)
    except requests.exceptions.ConnectionError as error:
        return _no_connection() if _never_connected(error) else _cut()
    except (requests.exceptions.RequestException, ValueError):
        # ValueError: a success whose body is not JSON.
        return _NO_SID


def _refused(status: int, code: object) -> Outcome:
    """Without a JSON body the SDK passes the HTTP status off as Twilio's code: those have five digits."""
    known = int(code) if isinstance(code, int) and code >= 10_000 else None
    return twilio_codes.outcome(int(status), known)


def _never_connected(error: requests.exceptions.ConnectionError) -> bool:
    """Only where the socket was never opened is it certain that nothing left."""
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _no_connection() -> Outcome:
    return Outcome(result=Result.BROKEN, code="no_connection", stops_pass=True)


def _cut() -> Outcome:
    return Outcome(result=Result.UNKNOWN, code="reset", stops_pass=True)

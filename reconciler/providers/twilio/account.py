"""Notes on a Twilio account and its sender (Account, Balance resources), and a message's delivery (Message)."""

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from reconciler.domain.doctor import Note
from reconciler.domain.intents import Outcome, Result
from reconciler.ports import ProviderFailure, SmsDelivery
from reconciler.providers.twilio.errors import outcome_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from twilio.rest import Client

LOW_BALANCE = Decimal(5)
"""In the account's currency: about a hundred texts."""
_UNKNOWN = frozenset({None, ""})
_FINAL = frozenset({"delivered", "undelivered", "failed", "canceled", "read"})
_ARRIVED = frozenset({"delivered", "read"})


def account_notes(client: "Client", account_sid: str, sender: str | None, service_sid: str | None) -> "Iterator[Note]":
    """Notes on an account and sender that passed their checks.

    Raises:
        ProviderFailure: Twilio could not be reached.
    """
    type_ = _fetch(lambda: client.api.accounts(account_sid).fetch().type)
    yield Note(message="account active")
    if sender and sender.startswith("+"):
        yield Note(message=f"{sender[:3]}..{sender[-3:]} owned, can text")
    elif sender:
        remedy = "where the law wants a way to opt out, write one into the messages; some countries refuse such senders"
        yield Note(message=f"the sender is {sender}: nobody can reply to it, STOP included", remedy=remedy)
    if service_sid:
        yield Note(message="messaging service has a sender")
    if str(type_).lower() == "trial":
        yield Note(
            message="this is a trial account: texts reach verified numbers only, and start with a sentence of Twilio's",
            remedy="upgrade it in Twilio's console, Billing",
        )
    yield from _balance_note(_fetch(lambda: client.api.accounts(account_sid).balance.fetch()))


def delivery(client: "Client", sid: str) -> SmsDelivery:
    """The delivery status of the message ``sid``.

    Raises:
        ProviderFailure: it could not be read.
    """
    found: list[Any] = []

    def fetch() -> Outcome:
        found.append(client.messages(sid).fetch())
        return Outcome(result=Result.DONE, code="read")

    seen = outcome_of(fetch)
    if seen.result is not Result.DONE:
        raise ProviderFailure(seen)
    status = str(found[0].status)
    error = "" if found[0].error_code in _UNKNOWN else str(found[0].error_code)
    return SmsDelivery(status=status, error=error, is_final=status in _FINAL, arrived=status in _ARRIVED)


def _balance_note(balance: Any) -> "Iterator[Note]":
    """Nothing for a subaccount: its balance is its parent's and is not shown."""
    try:
        amount = Decimal(str(getattr(balance, "balance", "")))
    except InvalidOperation:
        return
    currency = str(getattr(balance, "currency", "")).upper()
    said = f"balance {amount} {currency}".rstrip()
    if amount < LOW_BALANCE:
        yield Note(message=f"{said}: soon no text can be sent", remedy="add funds in Twilio's console, Billing")
    else:
        yield Note(message=said)


def _fetch(query: "Callable[[], Any]") -> Any:
    """The answer; ``None`` where the credentials, such as a restricted key, do not allow the request."""
    answers: list[Any] = []

    def fetch() -> Outcome:
        answers.append(query())
        return Outcome(result=Result.DONE, code="read")

    seen = outcome_of(fetch)
    if seen.result is Result.DONE:
        return answers[0]
    if seen.result is Result.BROKEN and seen.code.startswith(("twilio:", "http:40")):
        return None
    if seen.result is Result.REFUSED:
        return None
    raise ProviderFailure(seen)

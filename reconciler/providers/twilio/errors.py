"""Maps every way a call through Twilio's SDK can end to one of our outcomes.

The SDK's exceptions and responses contain phone numbers, URLs and texts: only codes leave this module.
"""

import json
from collections.abc import Callable

from reconciler.domain.intents import Outcome, Result
from reconciler.providers.twilio import codes
from reconciler.timing.call_deadline import DeadlineOver

UNREADABLE = Outcome(result=Result.UNKNOWN, code="unreadable", stops_pass=True)
"""A success whose body is not Twilio's: a proxy's page, or empty."""

_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError)
"""What an answer of any shape makes the SDK or us raise."""
_NO_CONNECTION = Outcome(result=Result.BROKEN, code="no_connection", stops_pass=True)
_TIMEOUT = Outcome(result=Result.UNKNOWN, code="timeout", stops_pass=True)
_RESET = Outcome(result=Result.UNKNOWN, code="reset", stops_pass=True)


def outcome_of(call: Callable[[], Outcome]) -> Outcome:
    """Run ``call``, which uses the SDK. Returns its outcome, or that of its failure; a failed call never raises."""
    # Imported here: the SDK takes most of a second, and what calls nobody needs none of it.
    import requests
    from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException

    from reconciler.providers.http import never_connected

    try:
        return call()
    except DeadlineOver as error:
        return _TIMEOUT if error.may_have_left else _NO_CONNECTION
    except (TwilioRestException, TwilioServiceException) as error:
        return _refusal(error.status, error.code)
    except TwilioException as error:
        # Raised by lists: only its second argument, the response, says what happened.
        return _page_failed(error.args[1]) if len(error.args) > 1 else UNREADABLE
    except requests.exceptions.ConnectTimeout:
        return _NO_CONNECTION
    except requests.exceptions.Timeout:
        return _TIMEOUT
    except requests.exceptions.ConnectionError as error:
        return _NO_CONNECTION if never_connected(error) else _RESET
    except (requests.exceptions.RequestException, *_UNREADABLE):
        # The SDK expects a JSON object: ValueError if the body is not JSON, AttributeError if it is not an object.
        return UNREADABLE


def _refusal(status: int, code: object) -> Outcome:
    """Without a code in the body the SDK reports the HTTP status as the code; Twilio's codes have five digits."""
    known = code if isinstance(code, int) and code >= 10_000 else None
    return codes.sms_error_outcome(status, known)


def _page_failed(response: object) -> Outcome:
    try:
        code = json.loads(getattr(response, "text", "")).get("code")
    except _UNREADABLE:
        code = None
    return _refusal(getattr(response, "status_code", 0), code)

"""Maps every way a call through Twilio's SDK can end to one of our outcomes.

The SDK's exceptions and responses contain phone numbers, URLs and texts: only codes leave this module.
"""

import json
from collections.abc import Callable
from ssl import SSLCertVerificationError

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError
from urllib3.exceptions import ProxyError as ProxyNotReached
from urllib3.exceptions import SSLError as TlsError

from reconciler.domain.intents import Outcome, Result
from reconciler.providers.twilio import codes
from reconciler.timing.call_deadline import DeadlineOver

UNREADABLE = Outcome(result=Result.UNKNOWN, code="unreadable", stops_pass=True)
"""A success whose body is not Twilio's: a proxy's page, or empty."""

_NO_CONNECTION = Outcome(result=Result.BROKEN, code="no_connection", stops_pass=True)
_TIMEOUT = Outcome(result=Result.UNKNOWN, code="timeout", stops_pass=True)
_RESET = Outcome(result=Result.UNKNOWN, code="reset", stops_pass=True)


def outcome_of(call: Callable[[], Outcome]) -> Outcome:
    """Run ``call``, which uses the SDK. Returns its outcome, or that of its failure; a failed call never raises."""
    # Imported here: the SDK takes most of a second, and `--help` needs none of it.
    from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException

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
        return _NO_CONNECTION if _never_connected(error) else _RESET
    except (requests.exceptions.RequestException, ValueError, AttributeError):
        # The SDK expects a JSON object: ValueError if the body is not JSON, AttributeError if it is not an object.
        return UNREADABLE


def _refusal(status: int, code: object) -> Outcome:
    """Without a code in the body the SDK reports the HTTP status as the code; Twilio's codes have five digits."""
    known = code if isinstance(code, int) and code >= 10_000 else None
    return codes.sms_error_outcome(status, known)


def _page_failed(response: object) -> Outcome:
    try:
        code = json.loads(getattr(response, "text", "")).get("code")
    except (ValueError, AttributeError):
        code = None
    return _refusal(getattr(response, "status_code", 0), code)


def _never_connected(error: requests.exceptions.ConnectionError) -> bool:
    """Whether no connection was established, so that certainly nothing was sent.

    That is: no socket (or the name does not resolve), no route through the proxy, or an untrusted certificate. Any
    other TLS failure may have come after the request.
    """
    failure = error.args[0] if error.args else None
    reason = failure.reason if isinstance(failure, MaxRetryError) else None
    if isinstance(reason, TlsError):
        return bool(reason.args) and isinstance(reason.args[0], SSLCertVerificationError)
    return isinstance(reason, NewConnectionError | ProxyNotReached)

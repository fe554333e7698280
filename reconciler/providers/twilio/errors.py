"""Every way a call through Twilio's SDK can end, as an outcome of ours.

The SDK's exceptions and responses hold phone numbers, URLs and texts: only codes leave this module.
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

UNREADABLE = Outcome(result=Result.UNKNOWN, code="unreadable", stops_pass=True)
"""A success whose body is not what Twilio answers: a proxy's page, nothing at all."""

_NO_CONNECTION = Outcome(result=Result.BROKEN, code="no_connection", stops_pass=True)
_TIMEOUT = Outcome(result=Result.UNKNOWN, code="timeout", stops_pass=True)
_RESET = Outcome(result=Result.UNKNOWN, code="reset", stops_pass=True)


def outcome_of(call: Callable[[], Outcome]) -> Outcome:
    """Run ``call``, which uses the SDK; what it returns, or what its failure means. Never raises for a failed call."""
    # Imported here: the SDK takes most of a second, and `--help` needs none of it.
    from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException

    try:
        return call()
    except (TwilioRestException, TwilioServiceException) as error:
        return _refusal(error.status, error.code)
    except TwilioException as error:
        # What a list raises: the response is the second argument, and nothing else says what happened.
        return _page_failed(error.args[1]) if len(error.args) > 1 else UNREADABLE
    except requests.exceptions.ConnectTimeout:
        return _NO_CONNECTION
    except requests.exceptions.Timeout:
        return _TIMEOUT
    except requests.exceptions.ConnectionError as error:
        return _NO_CONNECTION if _never_connected(error) else _RESET
    except (requests.exceptions.RequestException, ValueError, AttributeError):
        # The SDK takes a success's body for a JSON object: ValueError if it is no JSON, AttributeError if no object.
        return UNREADABLE


def _refusal(status: int, code: object) -> Outcome:
    """Without a code in the body the SDK passes the HTTP status off as one: Twilio's have five digits."""
    known = code if isinstance(code, int) and code >= 10_000 else None
    return codes.error_outcome(status, known)


def _page_failed(response: object) -> Outcome:
    try:
        code = json.loads(getattr(response, "text", "")).get("code")
    except (ValueError, AttributeError):
        code = None
    return _refusal(getattr(response, "status_code", 0), code)


def _never_connected(error: requests.exceptions.ConnectionError) -> bool:
    """Only where no connection stood is it certain that nothing left.

    That is: no socket (a name that does not resolve included), no way through the proxy, a certificate that is not
    trusted. Any other failure of TLS may have come after the request.
    """
    failure = error.args[0] if error.args else None
    reason = failure.reason if isinstance(failure, MaxRetryError) else None
    if isinstance(reason, TlsError):
        return bool(reason.args) and isinstance(reason.args[0], SSLCertVerificationError)
    return isinstance(reason, NewConnectionError | ProxyNotReached)

"""Whether an on-call route passes the network encrypted, to a server that proves who it is. apprise demands neither."""

from typing import TYPE_CHECKING

from reconciler.settings.env.reader import is_loopback

if TYPE_CHECKING:
    from apprise import NotifyBase

_PLAIN_MODE = "insecure"


def transport_problem(service: "NotifyBase") -> str:
    """What is wrong with how a route would be reached; '' if nothing is. Loopback may be reached as one likes."""
    if is_loopback(str(getattr(service, "host", None) or "").strip("[]")):
        return ""
    if not service.verify_certificate:
        return "turns the check of certificates off; leave verify=no out, and add a private CA to REQUESTS_CA_BUNDLE"
    if service.redirects:
        return "follows redirects, which would carry its secret elsewhere; leave redirect=yes out"
    if not _encrypts(service):
        secure = set(_names(service.secure_protocol)) - set(_names(service.protocol))
        always = not service.protocol  # encrypted by its name alone, and still it is not
        instead = f"write {min(secure)}://" if secure and not always else "choose a service that encrypts"
        return f"would be reached in plain text, which is accepted for loopback only; {instead}"
    return ""


def _encrypts(service: "NotifyBase") -> bool:
    """apprise's own name for the URL says it: a service that always encrypts is renamed to its encrypted form."""
    address = str(getattr(service, "notify_url", None) or "")
    if address.startswith("http://") or getattr(service, "secure_mode", None) == _PLAIN_MODE:
        return False
    named = str(service.url()).partition("://")[0]  # type: ignore[no-untyped-call]  # apprise has no types there
    if service.secure or named in _names(service.secure_protocol) or address.startswith("https://"):
        return True
    # What is left names no host where it stays on this machine, such as syslog.
    return not getattr(service, "host", None)


def _names(protocols: object) -> tuple[str, ...]:
    if isinstance(protocols, str):
        return (protocols,)
    return tuple(map(str, protocols)) if isinstance(protocols, list | tuple | set) else ()

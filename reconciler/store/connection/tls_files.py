"""Whether the files that TLS needs can be used. libpq says so in words only."""

import ssl
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_FOLDER = ".postgresql"
_SYSTEM = "system"
"""``sslrootcert=system``: the authorities that the operating system trusts."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def are_usable(parameters: Mapping[str, Any]) -> bool:
    """Whether ``sslrootcert``, ``sslcert`` and ``sslkey`` can be read and belong together, as far as they are named."""
    verifies = str(parameters.get("sslmode", "")).startswith("verify-")
    root = str(parameters.get("sslrootcert") or (Path.home() / _FOLDER / "root.crt" if verifies else ""))
    certificate, key = (str(parameters.get(name) or "") for name in ("sslcert", "sslkey"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if root not in ("", _SYSTEM):
            context.load_verify_locations(root)
        if certificate:
            key = key or str(Path.home() / _FOLDER / "postgresql.key")
            context.load_cert_chain(certificate, key, password=str(parameters.get("sslpassword") or ""))
            found = Path(key).stat()
            # libpq refuses a key that others may read; root's may be readable by its group.
            return not found.st_mode & (stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP if found.st_uid == 0 else _OTHERS)
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        return False
    return True

"""The plan as a document, and its file: JSON with a checksum. Whatever is wrong with a file is said in plain words."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, NonNegativeInt, ValidationError

from reconciler.domain.decide.plan import ApprovedRepair
from reconciler.domain.gaps import Effect
from reconciler.errors import ConfigurationError

LARGEST = 256 * 1024 * 1024
"""Bytes. A million repairs are fewer."""
CHECKSUM = "checksum"
AGAIN = "remove it, and plan again"


class EffectPlan(BaseModel):
    """What would be done about one effect."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repairs: dict[str, ApprovedRepair]
    """The oldest booking first, by ``exact_name``."""
    left_out: dict[str, NonNegativeInt]
    """Gaps that are not repaired: why, and how many."""
    takes: timedelta
    """How long the repairs take at the rate of cron.yaml."""

    @property
    def segments(self) -> int:
        return sum(repair.segments for repair in self.repairs.values())

    @property
    def people(self) -> int:
        return len({repair.recipient for repair in self.repairs.values()})


class PlanDocument(BaseModel):
    """Repairs that a person may approve, and where and when they were planned."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backfill_plan: Literal[1] = 1
    """The version of this form."""
    made_at: AwareDatetime
    made_by: str
    """The version of reconciler."""
    installation: str
    database: str
    accounts: str
    """Digests: of the installation, of its place, and of the accounts that it acts with."""
    scope: str
    """``bookings.only``."""
    since: AwareDatetime | None
    until: AwareDatetime | None
    ahead: bool
    """The range of the bookings that were looked at."""
    stale_after: timedelta | None
    effects: dict[Effect, EffectPlan]

    def written(self) -> str:
        """The text of the file: JSON."""
        data = self.model_dump(mode="json")
        return json.dumps({**data, CHECKSUM: _checksum(data)}, indent=1, ensure_ascii=False) + "\n"


def _checksum(data: Mapping[str, Any]) -> str:
    """Of the values, however the file is laid out."""
    plain = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(plain.encode()).hexdigest()


def require_free(path: Path) -> None:
    """Raises:
    ConfigurationError: something is there already. A plan that somebody may have approved is never overwritten.
    """
    if path.exists() or path.is_symlink():
        remedy = f"apply it with `reconciler backfill --do --plan`, or {AGAIN}"
        raise ConfigurationError([f"{path}: is there already"], remedy)


def write(document: PlanDocument, path: Path) -> None:
    """Raises:
    ConfigurationError: the file cannot be written, or is there already.
    """
    require_free(path)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(document.written())
    except OSError as error:
        raise ConfigurationError([f"{path}: {_reason(error)}"], "name a file that can be written") from error


def read(path: Path) -> PlanDocument:
    """The plan of the file.

    Raises:
        ConfigurationError: it is no plan, was edited, or is damaged.
    """
    try:
        if not path.is_file():
            what = "is no file" if path.exists() else "there is no such file"
            raise ConfigurationError([f"{path}: {what}"], "name the file that `reconciler backfill --plan` wrote")
        size = path.stat().st_size
        if size > LARGEST:
            raise ConfigurationError([f"{path}: {size} bytes are too many for a plan"], AGAIN)
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigurationError([f"{path}: {_reason(error)}"], "make it readable") from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError([f"{path}: is no plan: it is not JSON"], AGAIN) from error
    if not isinstance(data, dict) or "backfill_plan" not in data:
        raise ConfigurationError([f"{path}: is JSON, but no plan of a backfill"], AGAIN)
    written = data.pop(CHECKSUM, None)
    if written != _checksum(data):
        raise ConfigurationError([f"{path}: its checksum does not match: it was edited or is damaged"], AGAIN)
    try:
        # From JSON, so that the strings of JSON count as moments and durations.
        return PlanDocument.model_validate_json(json.dumps(data))
    except ValidationError as error:
        found = [f"{path}: {place}: {what}" for place, what in _mistakes(error)]
        raise ConfigurationError(found, f"it is of another version of reconciler: {AGAIN}") from error


def _mistakes(error: ValidationError) -> Iterator[tuple[str, str]]:
    for mistake in error.errors(include_input=False, include_url=False)[:3]:
        yield ".".join(map(str, mistake["loc"])), mistake["msg"]


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()

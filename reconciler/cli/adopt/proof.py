"""The proof of a proposed file: planted bookings, one line for each standing."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from reconciler.domain.decide.policies import Policy
from reconciler.domain.gaps import GapKind
from reconciler.errors import DatabaseDisagrees, DatabaseUnreachable
from reconciler.settings import Need, Settings, load
from reconciler.store.database import Database
from reconciler.store.drill.standings import MappingProof, prove
from reconciler.wiring.application import application


def prove_file(database: Database, url: str, file: str) -> MappingProof:
    """Plant bookings on temporary copies and scan them by the mapping of ``file``. A database that refuses proves
    nothing: the reason is in the result.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "cron.yaml"
        path.write_text(file, encoding="utf-8")
        chosen = load(path, {"DATABASE_URL": url}, Need.DATABASE)
    try:
        return prove(database, application(chosen), _kinds(chosen), datetime.now(UTC))
    except (DatabaseDisagrees, DatabaseUnreachable) as error:
        return MappingProof(not_proved=str(error))


def proof_lines(proof: MappingProof) -> Iterator[str]:
    """What was planted, and each booking that was classified otherwise."""
    if proof.not_proved:
        yield f"not proved {proof.not_proved}"
        return
    planted, right = len(proof.standings), len(proof.standings) - len(proof.wrong)
    yield f"proved     {planted} planted bookings on temporary copies: {right} of {planted} classified as they should"
    for one in proof.standings:
        mark = "ok" if one.is_right else "WRONG"
        yield f"  {mark:<8} {one.standing}: {', '.join(f'{kind} {seen}' for kind, seen in one.seen.items())}"


def proof_data(proof: MappingProof) -> Mapping[str, Any]:
    """The same for scripts."""
    return {
        "not_proved": proof.not_proved or None,
        "planted": len(proof.standings),
        "right": len(proof.standings) - len(proof.wrong),
        "standings": [
            {"standing": one.standing, "expected": dict(one.expected), "seen": dict(one.seen)}
            for one in proof.standings
        ],
    }


def _kinds(chosen: Settings) -> list[GapKind]:
    """The rules that are on."""
    policies = {
        GapKind.SMS_MISSING: chosen.sms_policy().policy, GapKind.CALENDAR_MISSING: chosen.calendar_policy().policy,
    }  # fmt: skip
    return [kind for kind, policy in policies.items() if policy is not Policy.OFF]

"""The checks of the doctor and their results, with a remedy for each problem."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.domain.gaps import IntegrationFault
from reconciler.errors import Exit, most_urgent


class CheckStatus(StrEnum):
    OK = "OK"
    WARN = "WARN"
    """It works now, but may fail later or fail unnoticed."""
    FAIL = "FAIL"
    SKIP = "SKIP"
    """Not run, because a check it depends on failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A fact about an integration that breaks nothing. With a remedy it is a warning."""

    message: str
    remedy: str = ""
    sql: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The findings of one check. The check succeeded if there are no faults. Notes with a remedy are warnings."""

    faults: Sequence[IntegrationFault] = ()
    notes: Sequence[Note] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSpec:
    """One check, and the checks that must succeed first. Without them its result means nothing."""

    name: str
    needs: tuple[str, ...] = ()
    run: Callable[[], CheckResult] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One line of output: names, codes and numbers, without personal data or secrets."""

    check: str
    status: CheckStatus
    message: str
    remedy: str = ""
    sql: str = ""
    """Statements for the owner of the tables."""
    sql_owner: str = ""
    """The role that owns what ``sql`` changes."""
    exit_code: Exit = Exit.AS_DESIRED
    """The exit code if this were the only line."""


def run_checks(check_specs: Iterable[CheckSpec], failed: Collection[str] = ()) -> Iterator[Diagnosis]:
    """Run the checks in order. Each yields its status line first, then further lines.

    A check is skipped if a check it needs failed (earlier, or in ``failed``) or was skipped.
    """
    broken = set(failed)
    for spec in check_specs:
        because = [need for need in spec.needs if need in broken]
        if because:
            broken.add(spec.name)
            yield Diagnosis(check=spec.name, status=CheckStatus.SKIP, message=f"({', '.join(because)})")
            continue
        found = spec.run()
        if found.faults:
            broken.add(spec.name)
        yield from _lines(spec.name, found)


def _lines(check: str, found: CheckResult) -> Iterator[Diagnosis]:
    for fault in dict.fromkeys(found.faults):
        yield failure(check, fault)
    fine = [note.message for note in found.notes if not note.remedy]
    if fine and not found.faults:
        yield Diagnosis(check=check, status=CheckStatus.OK, message=", ".join(fine))
    for note in found.notes:
        if note.remedy:
            yield Diagnosis(
                check=check, status=CheckStatus.WARN, message=note.message, remedy=note.remedy, sql=note.sql
            )


def failure(check: str, fault: IntegrationFault) -> Diagnosis:
    return Diagnosis(
        check=check,
        status=CheckStatus.FAIL,
        message=fault.seen,
        remedy=fault.remedy,
        sql=fault.sql,
        sql_owner=fault.sql_owner,
        exit_code=Exit.WORK_LEFT if fault.transient else Exit.NEEDS_A_HUMAN,
    )


def doctor_exit_code(diagnoses: Iterable[Diagnosis]) -> Exit:
    """The most urgent code of the failures; a warning leaves the code as desired."""
    # ``human_first``, because a failed check is a broken integration and never a single booking.
    return most_urgent((diagnosis.exit_code for diagnosis in diagnoses), human_first=True)

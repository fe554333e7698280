"""What the doctor says: one line per check, and the remedy with it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.domain.gaps import IntegrationFault
from reconciler.errors import Exit, most_urgent


class CheckStatus(StrEnum):
    OK = "OK"
    WARN = "WARN"
    """It works, and will not always, or nobody would notice."""
    FAIL = "FAIL"
    SKIP = "SKIP"
    """Not looked at, because something it depends on failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something true of an integration that breaks nothing. With a remedy it is a warning."""

    message: str
    remedy: str = ""
    sql: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one check found. Without faults all of it is well, but for the notes that have a remedy."""

    faults: Sequence[IntegrationFault] = ()
    notes: Sequence[Note] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSpec:
    """One check, and the checks without whose success it would say nothing."""

    name: str
    needs: tuple[str, ...] = ()
    run: Callable[[], CheckResult] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One line: names, codes and numbers; nothing personal, no secret."""

    check: str
    status: CheckStatus
    message: str
    remedy: str = ""
    sql: str = ""
    """For the owner of the tables."""
    exit_code: Exit = Exit.AS_DESIRED
    """What a failure means to whoever runs it."""


def run_checks(check_specs: Iterable[CheckSpec], failed: Collection[str] = ()) -> Iterator[Diagnosis]:
    """Run them in their order; the first line of each says how it is, further ones what else there is to say.

    A check whose need failed (before, or among those in ``failed``) or was skipped is skipped too.
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
        exit_code=Exit.WORK_LEFT if fault.transient else Exit.NEEDS_A_HUMAN,
    )


def exit_code(diagnoses: Iterable[Diagnosis]) -> Exit:
    """The most urgent code of the failures; a warning leaves the code as desired."""
    # A failed check is a broken integration, never a single booking.
    return most_urgent((diagnosis.exit_code for diagnosis in diagnoses), human_first=True)

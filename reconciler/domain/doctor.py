"""What the doctor says: one line per check, and the remedy with it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.domain.gaps import IntegrationFault
from reconciler.errors import Exit


class Light(StrEnum):
    OK = "OK"
    WARN = "WARN"
    """It works, and will not always, or nobody would notice."""
    FAIL = "FAIL"
    SKIP = "SKIP"
    """Not looked at, because something it depends on failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something true of an integration that breaks nothing. With a remedy it is a warning."""

    said: str
    remedy: str = ""
    sql: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What one check found. Without faults all of it is well, but for the remarks that have a remedy."""

    faults: Sequence[IntegrationFault] = ()
    remarks: Sequence[Remark] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """One check, and the checks without whose success it would say nothing."""

    name: str
    needs: tuple[str, ...] = ()
    look: Callable[[], Examined] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One line: names, codes and numbers; nothing personal, no secret."""

    check: str
    light: Light
    said: str
    remedy: str = ""
    sql: str = ""
    """For the owner of the tables."""
    exit_code: Exit = Exit.AS_DESIRED
    """What a failure means to whoever runs it."""


def diagnose(examinations: Iterable[Examination], failed: Collection[str] = ()) -> Iterator[Diagnosis]:
    """Run them in their order; the first line of each says how it is, further ones what else there is to say.

    A check whose need failed (before, or among those in ``failed``) or was skipped is skipped too.
    """
    broken = set(failed)
    for examination in examinations:
        because = [need for need in examination.needs if need in broken]
        if because:
            broken.add(examination.name)
            yield Diagnosis(check=examination.name, light=Light.SKIP, said=f"({', '.join(because)})")
            continue
        found = examination.look()
        if found.faults:
            broken.add(examination.name)
        yield from _lines(examination.name, found)


def _lines(check: str, found: Examined) -> Iterator[Diagnosis]:
    for fault in dict.fromkeys(found.faults):
        yield failure(check, fault)
    fine = [remark.said for remark in found.remarks if not remark.remedy]
    if fine and not found.faults:
        yield Diagnosis(check=check, light=Light.OK, said=", ".join(fine))
    for remark in found.remarks:
        if remark.remedy:
            yield Diagnosis(check=check, light=Light.WARN, said=remark.said, remedy=remark.remedy, sql=remark.sql)


def failure(check: str, fault: IntegrationFault) -> Diagnosis:
    return Diagnosis(
        check=check,
        light=Light.FAIL,
        said=fault.seen,
        remedy=fault.remedy,
        sql=fault.sql,
        exit_code=Exit.WORK_LEFT if fault.transient else Exit.NEEDS_A_HUMAN,
    )


URGENCY = (Exit.CONFIGURATION, Exit.NEEDS_A_HUMAN, Exit.WORK_LEFT)


def exit_code(diagnoses: Iterable[Diagnosis]) -> Exit:
    """The most urgent of the failures' codes; warnings are as desired."""
    codes = {diagnosis.exit_code for diagnosis in diagnoses}
    return next((code for code in URGENCY if code in codes), Exit.AS_DESIRED)

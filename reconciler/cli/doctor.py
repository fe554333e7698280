"""``reconciler doctor``: finds faults before they break a pass, each with its remedy."""

import json
import logging
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict

import click
from rich.console import Console

from reconciler.cli import configuration
from reconciler.cli.output import counted
from reconciler.domain.doctor import CheckResult, CheckSpec, CheckStatus, Diagnosis, Note, doctor_exit_code, run_checks
from reconciler.domain.gaps import Effect, GapKind
from reconciler.engine.doctor.checks import GOOGLE, TWILIO, as_result
from reconciler.engine.doctor.probes import canary, text_to
from reconciler.errors import ConfigurationError, Exit
from reconciler.ports import Mandate, Services
from reconciler.reporting import logs
from reconciler.service.doctor import ONCALL_TEST, SETTINGS, DoctorSuite
from reconciler.settings import Need, Settings
from reconciler.settings.loading import ADVICE
from reconciler.store.printed.script import script_of
from reconciler.wiring import assembly
from reconciler.wiring.database import owner_database

NO_FILE = (
    "write one (reconciler init), or name it with --config or RECONCILER_CONFIG; until then every command that writes "
    "refuses, unless --defaults says that all defaults are meant"
)
WIDTH = 12
"""The width of the column with the checks' names."""
CANARY, TEST_TEXT = "canary", "test text"
_LEFT = {
    CANARY: "The canary event is deleted again.",
    TEST_TEXT: "One text was sent.",
    ONCALL_TEST: "Each on-call route got one message.",
}
_STYLES = {CheckStatus.OK: "green", CheckStatus.WARN: "yellow", CheckStatus.FAIL: "bold red", CheckStatus.SKIP: "dim"}


def run(*, probe: bool, number: str | None, only_sql: bool, as_json: bool, config: str | None, defaults: bool) -> int:
    """Run every check, and show each as soon as it is finished."""
    if only_sql and as_json:
        raise click.UsageError("--sql and --json do not go together")
    logs.set_up_with_first_line(logging.ERROR)
    found: list[Diagnosis] = []
    show = None if only_sql or as_json else Printer(Console(highlight=False, emoji=False)).line
    with ExitStack() as stack:
        for diagnosis in _diagnoses(config, defaults, probe, number, stack):
            found.append(diagnosis)
            if show:
                show(diagnosis)
    if only_sql:
        # Failures only: a person must read a warning before running its SQL.
        failed = [diagnosis for diagnosis in found if diagnosis.status is CheckStatus.FAIL]
        statements = dict.fromkeys((diagnosis.sql_owner, diagnosis.sql) for diagnosis in failed if diagnosis.sql)
        click.echo(script_of(statements), nl=False)
    elif as_json:
        click.echo(json.dumps([_as_data(diagnosis) for diagnosis in found], indent=2))
    else:
        click.echo(summary(found))
    return doctor_exit_code(found)


def _diagnoses(
    config: str | None, defaults: bool, probe: bool, number: str | None, stack: ExitStack
) -> Iterator[Diagnosis]:
    """Every check. If settings are incomplete, only the checks that the available settings allow."""
    try:
        # A probe leaves something at a provider, if only for a moment: it wants settings that are meant.
        writes = probe or number is not None
        chosen = configuration.read(config, Need.DOCTOR, writes=writes, defaults=defaults)
    except ConfigurationError as error:
        yield from _mistakes(error.mistakes, error.advice)
        yield Diagnosis(check="all others", status=CheckStatus.SKIP, message=f"({SETTINGS})")
        return
    yield from _settings_diagnoses(chosen)
    services = stack.enter_context(assembly.services(chosen, Mandate(act=False)))
    database = stack.enter_context(assembly.database(chosen))
    owner = owner_database(chosen)
    if owner:
        stack.enter_context(owner)
    sentry, oncall = assembly.notifier(chosen.environment.sentry), assembly.oncall(chosen)
    suite = DoctorSuite(chosen, services, sentry, database, owner, oncall, posts=probe)
    broken = {SETTINGS} if chosen.environment.mistakes else set()
    yield from run_checks([*suite.check_specs(), *_probes(services, probe, number)], broken)


def _settings_diagnoses(chosen: Settings) -> Iterator[Diagnosis]:
    """A provider's variables are not among them: their mistakes fail the check of the provider."""
    unmeant = chosen.source.warnings if chosen.source.missing else ()
    yield from _mistakes(unmeant, NO_FILE)
    yield from _mistakes(chosen.environment.mistakes, ADVICE)
    if unmeant or chosen.environment.mistakes:
        return
    yield Diagnosis(check=SETTINGS, status=CheckStatus.OK, message=_settings_said(chosen))
    for warning in chosen.source.warnings:
        yield Diagnosis(check=SETTINGS, status=CheckStatus.WARN, message=warning, remedy="use the new name")
    for warning in chosen.environment.warnings:
        yield Diagnosis(check=SETTINGS, status=CheckStatus.WARN, message=warning, remedy="remove them from the URL")


def _probes(services: Services, probe: bool, number: str | None) -> Iterator[CheckSpec]:
    if probe:
        run_check = as_result(lambda: _canary(services), GapKind.INTEGRATION_GOOGLE)
        yield CheckSpec(name=CANARY, needs=(SETTINGS, GOOGLE), run=run_check)
    if number is not None:
        written = services.phones.e164(number)
        if written is None:
            raise click.UsageError("--sms-to: this is not a number that a text can be sent to")
        run_check = as_result(lambda: _text_to(written, services), GapKind.INTEGRATION_TWILIO)
        yield CheckSpec(name=TEST_TEXT, needs=(SETTINGS, TWILIO), run=run_check)


def _canary(services: Services) -> CheckResult:
    if services.calendar is None or Effect.CALENDAR in services.suspended:
        return _not_tried("we create no events (policy, repairs, SUSPEND_ALL_EVENTS)", "--probe")
    return canary(services.calendar, services.calendar_policy.zone.key)


def _text_to(number: str, services: Services) -> CheckResult:
    if services.sms is None or Effect.SMS in services.suspended:
        return _not_tried("we send no texts (policy, repairs, deliver, SUSPEND_ALL_SMS)", "--sms-to")
    return text_to(number, services.sms, services.clock)


def _not_tried(why: str, option: str) -> CheckResult:
    """A requested probe that was not run. It is reported, so that its absence is not read as a success."""
    return CheckResult(notes=[Note(message=f"not tried: {why}", remedy=f"change that, or leave out {option}")])


def _settings_said(chosen: Settings) -> str:
    jobs = counted(len(chosen.file.running()), "job")
    return (
        f"no {chosen.source.name}, all defaults, {jobs}" if chosen.source.missing else f"{chosen.source.name}, {jobs}"
    )


def _mistakes(mistakes: Sequence[str], advice: str) -> Iterator[Diagnosis]:
    for number, mistake in enumerate(mistakes):
        remedy = advice if number == len(mistakes) - 1 else ""
        yield Diagnosis(
            check=SETTINGS, status=CheckStatus.FAIL, message=mistake, remedy=remedy, exit_code=Exit.CONFIGURATION
        )


_INDENT = " " * (6 + WIDTH + 1)
NARROWEST = 60


class Printer:
    """Shows each line at once, so that a hanging database does not hide what was found before it."""

    def __init__(self, out: Console) -> None:
        self._out = out

    def line(self, diagnosis: Diagnosis) -> None:
        first, *more = self._folded(diagnosis.message, diagnosis.check)
        self._out.print(f"{diagnosis.status:<5}", style=_STYLES[diagnosis.status], end="")
        self._say(first[5:], *more)
        if diagnosis.remedy:
            self._say(*self._folded(f"remedy: {diagnosis.remedy}"))
        # SQL is never folded, so that it can be copied.
        self._say(*(f"{_INDENT}{statement}" for statement in diagnosis.sql.splitlines()))

    def _folded(self, words: str, check: str = "") -> list[str]:
        """The words folded into the last column of a terminal; elsewhere one line, for programs that read it."""
        width = max(self._out.width, NARROWEST) if self._out.is_terminal else sys.maxsize
        begins = f"{'':<5} {check:<{WIDTH}} "
        return textwrap.wrap(
            words,
            width,
            initial_indent=begins,
            subsequent_indent=_INDENT,
            break_long_words=False,
            break_on_hyphens=False,
        )

    def _say(self, *lines: str) -> None:
        for line in lines:
            self._out.print(line, markup=False, soft_wrap=True)


def summary(found: Sequence[Diagnosis]) -> str:
    """The last line: the count of each status, and which data left the machine."""
    counts = {light: sum(diagnosis.status is light for diagnosis in found) for light in CheckStatus}
    parts = [f"{counts[CheckStatus.FAIL]} failed"] if counts[CheckStatus.FAIL] else []
    parts += [counted(counts[CheckStatus.WARN], "warning")] if counts[CheckStatus.WARN] else []
    parts += [f"{counts[CheckStatus.SKIP]} skipped"] if counts[CheckStatus.SKIP] else []
    said = f"{', '.join(parts) or 'all is well'}. ".capitalize()
    fine = {diagnosis.check for diagnosis in found if diagnosis.status is CheckStatus.OK}
    left = [words for check, words in _LEFT.items() if check in fine]
    said += " ".join(left) or "Nothing was written."
    if any(diagnosis.sql for diagnosis in found if diagnosis.status is CheckStatus.FAIL):
        said += '\nThe SQL, for the tables\' owner: reconciler doctor --sql | psql "${OWNER_URL:?}"'
    return said


def _as_data(diagnosis: Diagnosis) -> dict[str, object]:
    return {name: value for name, value in asdict(diagnosis).items() if name != "doctor_exit_code"}

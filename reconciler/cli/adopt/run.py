"""``reconciler adopt``: read the catalog, propose, ask, check, prove, write."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from reconciler.cli.adopt.asking import answers_of_file, obtain_answers
from reconciler.cli.adopt.proof import proof_data, proof_lines, prove_file
from reconciler.cli.adopt.summary import nothing_found, summary_lines
from reconciler.cli.init import SCHEMA_FILE, STDOUT, WITH_SCHEMA, WITHOUT_SCHEMA, write_new
from reconciler.errors import ConfigurationError, Exit
from reconciler.settings.adopt.answers import MappingAnswers, defaults
from reconciler.settings.adopt.candidates import LEAST, Candidate, candidates, judged
from reconciler.settings.adopt.facts import SeenDatabase
from reconciler.settings.adopt.guess import MappingGuess
from reconciler.settings.adopt.proposal import Proposal
from reconciler.settings.adopt.propose import proposal_of
from reconciler.settings.adopt.written import VenuePlace, file_text
from reconciler.settings.env import environment
from reconciler.settings.file.source import read
from reconciler.settings.file.values import TableName, parse_table
from reconciler.settings.file_check import check_file
from reconciler.store.database import READ, Database
from reconciler.store.drill.standings import MappingProof
from reconciler.store.schema.adopt.catalog_facts import read_catalog
from reconciler.store.schema.adopt.samples import with_samples

FORM = 1
"""The version of the JSON document. It changes when a field goes or means something else, and not when one comes."""
STATEMENT, LOCK = timedelta(seconds=30), timedelta(seconds=2)
_OTHERS_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """A proposal, its file, and the proof of it; ``None``: an answer is open, and nothing can be proved yet."""

    proposal: Proposal
    text: str
    proof: MappingProof | None


def run(*, file: str | None, answers: Path | None, table: str | None, as_json: bool) -> int:
    """Propose a mapping; write it, print it, or show it as JSON."""
    path = Path(file.strip() if file and file.strip() else "cron.yaml")
    prints = file == STDOUT
    if not as_json and not prints and os.path.lexists(path):
        what = f"{path}: something is there already; it was left as it is"
        raise ConfigurationError([what], "name another file, or print the proposal: reconciler adopt -")
    url = _database_url()
    with Database(url, statement_timeout=STATEMENT, lock_timeout=LOCK) as database:
        seen = _seen(database)
        found = candidates(seen)
        chosen = _chosen(seen, found, table)
        if chosen is None:
            return _refuse(seen, found, as_json=as_json)
        others = [str(one.table.name) for one in found if one.table.name != chosen.table.name and _is_likely(one)]
        guess = MappingGuess.of(seen, chosen)
        given = _answers(guess, answers, as_json=as_json)
        result = _result(database, url, proposal_of(guess, given, tuple(others[:_OTHERS_SHOWN])), given)
    if as_json:
        click.echo(json.dumps(_as_data(result), indent=2, ensure_ascii=False))
    elif prints:
        click.echo(WITHOUT_SCHEMA + result.text, nl=False)
    else:
        head = WITH_SCHEMA if (path.parent / SCHEMA_FILE).is_file() else WITHOUT_SCHEMA
        write_new(path, head + result.text)
        for line in (*summary_lines(result.proposal), *(proof_lines(result.proof) if result.proof else ())):
            click.echo(line)
        click.echo(f"{path}: written; it changes nothing (repairs: report)")
        click.echo("next: read each line once, then run `reconciler check` and `reconciler doctor`")
    return Exit.NEEDS_A_HUMAN if result.proof and result.proof.wrong else Exit.AS_DESIRED


def _answers(guess: MappingGuess, path: Path | None, *, as_json: bool) -> MappingAnswers:
    questions = guess.questions()
    if as_json:
        return answers_of_file(questions, path) if path else defaults(questions)
    return obtain_answers(questions, path)


def _result(database: Database, url: str, proposal: Proposal, given: MappingAnswers) -> _Result:
    text = file_text(proposal, VenuePlace(region=_region(given.timezone)))
    statuses = proposal.at("bookings", "statuses")
    if statuses is None or not statuses.value:
        return _Result(proposal=proposal, text=text, proof=None)
    _require_right(text)
    return _Result(proposal=proposal, text=text, proof=prove_file(database, url, text))


def _database_url() -> str:
    """DATABASE_URL; no other variable is needed."""
    parsed, mistakes = environment.read(os.environ, texts=False, events=False)
    if mistakes:
        remedy = "set DATABASE_URL to the application's database; a role that may read will do"
        raise ConfigurationError(mistakes, remedy)
    return parsed.database_url


def _seen(database: Database) -> SeenDatabase:
    with database.transaction(READ) as connection:
        return with_samples(connection, read_catalog(connection))


def _is_likely(one: Candidate) -> bool:
    return one.is_usable and one.score >= LEAST


def _chosen(seen: SeenDatabase, found: list[Candidate], table: str | None) -> Candidate | None:
    if table is None:
        return next(filter(_is_likely, found), None)
    name = _named(table)
    if name not in seen.tables:
        remedy = "write it as schema.table; without --table, the likeliest is proposed"
        raise ConfigurationError([f"--table: no table is called {name}, or our role may not see it"], remedy)
    named = judged(seen.tables[name], seen)
    if named.lacks:
        what = f"--table: {name} lacks {', '.join(named.lacks)}"
        raise ConfigurationError([what], "a view that has it will do for rules that only report; docs/mapping.md")
    return named


def _named(table: str) -> TableName:
    try:
        return parse_table(table)
    except ValueError as error:
        raise click.UsageError(f"--table: {error}") from None


def _refuse(seen: SeenDatabase, found: list[Candidate], *, as_json: bool) -> int:
    lines = list(nothing_found(seen, found))
    if as_json:
        document = {"version": FORM, "reconciler": version("reconciler"), "table": None, "seen": lines}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        for line in lines:
            click.echo(line, err=True)
    return Exit.CONFIGURATION


def _require_right(text: str) -> None:
    """The same check as `reconciler check`. A proposal that fails it is not written."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "cron.yaml"
        path.write_text(text, encoding="utf-8")
        source, mistakes = read(path)
    mistakes = [*mistakes, *([] if mistakes else check_file(source, before_texts=True).mistakes)]
    if mistakes:
        remedy = "write cron.yaml by hand: reconciler init --preset single-table, and docs/mapping.md"
        raise ConfigurationError([str(mistake.to_show()) for mistake in mistakes], remedy)


def _region(zone: str) -> str:
    """The country of a time zone, by the table that the time zone database has."""
    for line in files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8").splitlines():
        parts = line.split("\t")
        if len(parts) > 2 and parts[2] == zone:
            return parts[0]
    return "GB"


def _as_data(result: _Result) -> Mapping[str, Any]:
    """The document for scripts: docs/adopt.md describes its fields."""
    proposal = result.proposal
    return {
        "version": FORM,
        "reconciler": version("reconciler"),
        "table": proposal.table,
        "mapping": proposal.mapping(),
        "choices": [
            {"key": one.key, "value": one.value, "confidence": str(one.confidence), "reason": one.reason}
            for one in proposal.choices
        ],
        "questions": [
            {"name": one.name, "asks": one.asks, "answers": dict(one.answers), "options": list(one.options)}
            for one in proposal.questions
        ],
        "others": list(proposal.others),
        "warnings": list(proposal.warnings),
        "proof": proof_data(result.proof) if result.proof else None,
    }

"""The entry point: commands in groups. Every error becomes advice and an exit code.

Help appears at once: the modules in ``commands/`` import nothing but click, and import what a command needs inside the
function that runs it, because loading the providers' SDKs and the database takes more than a second.
"""

import importlib
import logging
import sys
import traceback
from dataclasses import dataclass

import click

from reconciler.errors import Exit, ReconcilerError

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class _Entry:
    """A command as ``--help`` shows it."""

    group: str
    help: str


COMMANDS = {
    "demo": _Entry("Try", "Show how a broken week of bookings is found and repaired."),
    "sandbox": _Entry("Try", "Start a database and provider stand-ins to try things on."),
    "init": _Entry("Set up", "Write a commented cron.yaml."),
    "adopt": _Entry("Set up", "Propose a cron.yaml from the database's catalog, with reasons."),
    "check": _Entry("Set up", "Find every mistake in cron.yaml; needs no database and no secret."),
    "schema": _Entry("Set up", "Print the JSON schema of cron.yaml, for editors."),
    "doctor": _Entry("Set up", "Find what would break a pass, and print a remedy for each fault."),
    "grants": _Entry("Set up", "Print the SQL that gives the jobs' role its privileges."),
    "migrate": _Entry("Set up", "Create or update our own schema in the database."),
    "run": _Entry("Every day", "Run the jobs of cron.yaml on their schedule, until stopped."),
    "status": _Entry("Every day", "Show what the last passes found, and what is open."),
    "open": _Entry("Every day", "List what needs a human; write off old bookings."),
    "explain": _Entry("Every day", "Explain why one booking has, or lacks, its text and its event."),
    "serve": _Entry("Every day", "Serve the status page, health checks and metrics."),
    "once": _Entry("Recovery", "Run jobs once; changes nothing without --do."),
    "resolve": _Entry("Recovery", "Resolve a repair whose outcome is unknown."),
    "drill": _Entry("Recovery", "Run an end-to-end self-test, from the scheduler to Sentry."),
    "backfill": _Entry("Recovery", "Show the gaps of a date range; repair them with --do."),
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"reconciler.cli.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for group in dict.fromkeys(entry.group for entry in COMMANDS.values()):
            with formatter.section(group):
                formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items() if entry.group == group])


@click.group(
    cls=_Commands,
    epilog="Exit codes: 0 everything is in order, 1 a bug, 2 usage or configuration, 3 work left or database "
    "unreachable (try later), 4 refused as unsafe, 5 needs a human.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="reconciler")
def cli() -> None:
    """Makes sure that no confirmation text and no calendar event of a booking is ever silently missing."""
    # Until a command sets up its log, libraries say nothing. Otherwise their warnings go to stderr as they are, with
    # tracebacks and values.
    logging.getLogger().addHandler(logging.NullHandler())


def main() -> None:
    """Run the command line and exit with one of ``Exit`` (130 after Ctrl-C)."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; the only place that turns an error into a message and an exit code."""
    try:
        code = cli.main(arguments, prog_name="reconciler", standalone_mode=False)
    except ReconcilerError as error:
        click.echo(f"error: {error}\nremedy: {error.advice}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return Exit.CONFIGURATION
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; what was finished is kept. Run the command again for the rest.", err=True)
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the outermost boundary: a bug is reported with its place, then exit 1
        click.echo(_bug(error), err=True)
        return Exit.BUG
    return int(code or Exit.AS_DESIRED)


def _bug(error: Exception) -> str:
    """The error's type and place, without its message, which may contain a phone number or a secret."""
    place = "".join(traceback.format_tb(error.__traceback__))
    return f"{place}bug: {type(error).__name__}. Please report it with the lines above; they hold no data of yours."


if __name__ == "__main__":  # as `run --serve` starts its page
    main()

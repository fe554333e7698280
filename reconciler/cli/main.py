"""The entry: commands in groups, each loaded when it is called, and every error as advice plus exit code."""

import importlib
import sys
import traceback
from dataclasses import dataclass

import click

from reconciler.errors import Exit, ReconcilerError

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class _Entry:
    """A command as ``--help`` shows it; its module is imported only when it is called, to keep ``--help`` quick."""

    group: str
    help: str


COMMANDS = {
    "demo": _Entry("Try", "A broken week of bookings, found and repaired before your eyes."),
    "sandbox": _Entry("Try", "Start a database and stand-ins to play with; prints what to export."),
    "doctor": _Entry("Set up", "What would break, before it does, each with its remedy."),
    "grants": _Entry("Set up", "Print the SQL that gives the jobs' role what it needs."),
    "migrate": _Entry("Set up", "Create or update our own schema in the database."),
    "run": _Entry("Every day", "Run the jobs of cron.yaml on their schedule, until asked to stop."),
    "status": _Entry("Every day", "What the last passes found, and what is open."),
    "explain": _Entry("Every day", "Why one booking has its text and event, or has not."),
    "serve": _Entry("Every day", "The status page: what is wrong, what to do, and why; health checks, metrics."),
    "once": _Entry("Morning after", "Run jobs once; looks only, unless --do."),
    "resolve": _Entry("Morning after", "Say what became of a repair that nobody could find out."),
    "drill": _Entry("Morning after", "Prove that the chain from schedule to Sentry can still turn red."),
    "backfill": _Entry("Morning after", "What a span of dates lacks, and its repair with --do."),
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"reconciler.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for group in dict.fromkeys(entry.group for entry in COMMANDS.values()):
            with formatter.section(group):
                formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items() if entry.group == group])


@click.group(
    cls=_Commands,
    epilog="Exit codes: 0 as desired, 1 a bug, 2 usage or configuration, 3 work left or database unreachable (try "
    "later), 4 refused as unsafe, 5 needs a human.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="reconciler")
def cli() -> None:
    """Makes sure that no confirmation text and no calendar event of a booking is ever silently missing."""


def main() -> None:
    """Run the command line and exit with one of ``Exit`` (130 after Ctrl-C)."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; the only place where an error becomes words and a code."""
    try:
        code = cli.main(arguments, prog_name="reconciler", standalone_mode=False)
    except ReconcilerError as error:
        click.echo(f"error: {error}\nremedy: {error.advice}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return Exit.CONFIGURATION
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; what was done is recorded, the rest waits for the next pass", err=True)
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the outermost border: a bug is told with its place, then exit 1
        click.echo(_bug(error), err=True)
        return Exit.BUG
    return int(code or Exit.AS_DESIRED)


def _bug(error: Exception) -> str:
    """Type and place, not the message: it might carry a phone number or a secret."""
    place = "".join(traceback.format_tb(error.__traceback__))
    return f"{place}bug: {type(error).__name__}. Please report it with the lines above; they hold no data of yours."

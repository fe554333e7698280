"""The options of ``reconciler resolve``."""

import click

from reconciler.cli.options import config_option, defaults_option


@click.command("resolve")
@click.argument("intent", required=False)
@click.option("--sent", "word", flag_value="sent", help="The text or the event is there.")
@click.option("--again", "word", flag_value="again", help="The text or the event is not there: try again.")
@click.option("--drop", "word", flag_value="drop", help="Leave the booking as it is: send nothing, restart no repair.")
@click.option("--lift-pause", is_flag=True, help="End all pauses of providers and all waits before attempts.")
@click.option("--id", "provider_id", metavar="ID", help="With --sent: Twilio's SID, or the id of the event.")
@click.option("--do", "act", is_flag=True, help="Record your answer. Without --do, only show what would follow.")
@config_option
@defaults_option
def command(
    intent: str | None,
    word: str | None,
    lift_pause: bool,
    provider_id: str | None,
    act: bool,
    config: str | None,
    defaults: bool,
) -> int:
    """Resolve a repair whose outcome is unknown. Without INTENT, list the repairs that need you.

    INTENT is the id of the repair, or the start of that id. Check at the provider first: search Twilio's log for the
    number, or the calendar for the date.
    """
    from reconciler.cli.resolve import lift, run

    if lift_pause:
        return lift(act=act, alone=not (intent or word or provider_id), config=config, defaults=defaults)
    return run(intent=intent, word=word, provider_id=provider_id, act=act, config=config, defaults=defaults)

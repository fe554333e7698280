"""``reconciler schema`` has no options."""

import click


@click.command("schema")
def command() -> int:
    """Print the JSON schema of cron.yaml, for editors: reconciler schema > cron.schema.json

    With the line `# yaml-language-server: $schema=cron.schema.json` at the top of cron.yaml, an editor completes keys,
    shows what they mean, and marks mistakes. The schema cannot say everything that `reconciler check` finds.
    """
    from reconciler.cli.schema import run

    return run()

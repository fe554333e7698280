"""``reconciler schema``: what editors need to know of cron.yaml."""

import json

import click

from reconciler.engine.jobs import every_job
from reconciler.errors import Exit
from reconciler.settings.schema.generate import json_schema


def run() -> int:
    """Print the schema; needs no file and no variable."""
    click.echo(json.dumps(json_schema(every_job()), indent=2, ensure_ascii=False))
    return Exit.AS_DESIRED

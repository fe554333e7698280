"""Pages that are written by a program, so that they cannot say anything else than the code: settings and grants.

``python -m tests.repo.pages`` writes them anew; a test compares them.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML

from reconciler.cli.options import DEFAULT_ROLE
from reconciler.settings import Need, load
from reconciler.settings.env.reader import VARIABLES
from reconciler.settings.file import values
from reconciler.settings.model.cron_file import CronFile
from reconciler.settings.model.fields import parse_field
from reconciler.wiring import assembly

ROOT = Path(__file__).parents[2]
SETTINGS = ROOT / "docs" / "settings.md"
GRANTS = ROOT / "docs" / "grants.md"

WRITTEN = {
    "a duration": values.parse_duration,
    "a rate": values.parse_per,
    "hours of the day": values.parse_hours,
    "a date": values.parse_since,
    "a table": values.parse_table,
    "a place": parse_field,
    "a time zone": values.parse_zone,
    "a region": values.parse_region,
    "a language": values.parse_locale,
}
"""What a value is -> what reads it, and says in the first line of its docstring how it is written."""

READER = "reconciler_reader"

MEMBERS = {"messages": "status", "jobs": "job", "join": "name"}
"""A mapping with keys of the venue's own -> what such a key is."""

HEAD = """\
# Settings

<!-- Written by `python -m tests.repo.pages` from reconciler/settings; change it there. -->

What a venue wants stands in [`cron.yaml`](../cron.yaml); what is secret or belongs to one machine stands in the
environment. All mistakes of both are shown at once, those of the file with their lines.

## cron.yaml

Found by `--config`, else `RECONCILER_CONFIG`, else in the current folder. A key that is left out has the default shown
here. Without a file every key has its default: commands that write refuse then, unless `--defaults` says that this is
meant. A key that is left empty is a mistake, but for an optional column: it does not say what is meant.

[Writing cron.yaml](cron-yaml.md): a file to begin with (`reconciler init`), every mistake in it without a database
(`reconciler check`), and completion in an editor (`reconciler schema`).

How values are written:

"""

ENVIRONMENT = """\
## Environment

Each variable but `RECONCILER_CONFIG` can also be given as `NAME_FILE`: the name of a file that holds the value.
`TWILIO_*` is needed only where `sms.missing` repairs and sends by itself, `GOOGLE_*` only where `calendar.missing`
repairs; otherwise they are not read. A wrong one among them stops that effect only. To look, `DATABASE_URL` is enough.

"""


GRANTS_HEAD = """\
# The role of the jobs

<!-- Written by `python -m tests.repo.pages` from reconciler/store; change it there. -->

`reconciler grants` prints the SQL that gives a role what the mapping in `cron.yaml` needs, and nothing more: each
privilege for the columns that are used, the policies for row-level security, our own schema. It needs no database and
changes nothing. Whoever owns the application's tables runs it:

```
reconciler grants | psql -v ON_ERROR_STOP=1 "$OWNER_URL"
DATABASE_URL="$OWNER_URL" reconciler migrate
```

in either order, and again whenever the mapping or a policy in `cron.yaml` changes. It revokes nothing from a role that
had more (run `DROP OWNED BY` first for that). `--role` names another role than that of `DATABASE_URL`: behind some
poolers the user is written differently from the role. Rules that are off or only report, `customers: off` and
`deliver: application` make it shorter.

A privilege that is missing later stops only the repairs that need it: `integration.schema` names the privilege or
policy and the statement that grants it. In our own schema it stops everything, with exit 5.

- **Row-level security.** The policies let the role see every row: hidden rows would make a booking appear to have no
  text. `FOR UPDATE` is subject to the policy for UPDATE. A restrictive policy of yours still applies, and is reported.
- **Triggers.** A trigger of the application runs with the privileges of our role unless it is `SECURITY DEFINER`, and
  may need privileges that the mapping cannot know. Setting a column of the same row, such as `updated_at`, needs none;
  nor do foreign keys, which are checked with the owner's privileges. We never delete a row.
- **Who migrates owns our schema.** If that is the role itself, which then needs CREATE on the database, nothing is
  granted there. If it is the owner, tables of later versions are included, as long as the same role migrates.
- **Who runs it.** It is one transaction with a search_path of its own, and acts as the owner of each table that it
  changes (`SET LOCAL ROLE`). No function of the application's is called. So a superuser may run it too, though it needs
  none. Where an event trigger would call a function that a role without a superuser's rights may replace, a superuser's
  run is refused: let the owner run it.
- **CONNECT** on the database is granted to every role unless it was revoked.

For the defaults:

"""

READ_ONLY = """\

`--read-only` is for a read-only role used by hand: enough for `once`, `explain` and `status`.

"""


@dataclass(frozen=True)
class Key:
    """One key of cron.yaml; ``default`` as a person would write it."""

    path: str
    default: str
    meaning: str


@dataclass(frozen=True)
class Part:
    """The keys that stand together; ``example`` is a default too long for a table."""

    path: str
    meaning: str
    keys: list[Key]
    example: str = ""


def settings_page() -> str:
    written = [f"- {kind}: {_first_line(parse.__doc__)}\n" for kind, parse in WRITTEN.items()]
    defaults = CronFile().model_dump(mode="json", by_alias=True)
    variables = _table(("variable", "what stands in it"), [(f"`{name}`", said) for name, said in VARIABLES.items()])
    return "".join([HEAD, *written, "\n", *map(_shown, parts(CronFile, defaults)), ENVIRONMENT, variables])


def grants_page() -> str:
    settings = load(ROOT / "cron.yaml", {}, Need.FILE)
    both = (assembly.grants(settings, DEFAULT_ROLE), assembly.grants(settings, READER, read_only=True))
    everything, read_only = (f"```sql\n{script}```\n" for script in both)
    return f"{GRANTS_HEAD}{everything}{READ_ONLY}{read_only}"


def parts(model: type[BaseModel], defaults: dict[str, Any], path: str = "", example: str = "") -> Iterator[Part]:
    """A model's own keys, then each model below it. ``defaults``: of the model's keys, where it has any."""
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    below = {name: found for name, field in fields.items() if (found := next(_models(field.annotation), None))}
    keys = [
        Key(f"{path}{name}", _default(field, defaults.get(name)), field.description or "")
        for name, field in fields.items()
        if name not in below or name in MEMBERS or _may_be_off(field)
    ]
    yield Part(path.rstrip("."), _first_line(model.__doc__), keys, example)
    for name, found in below.items():
        inside = defaults.get(name)
        if name in MEMBERS:
            yield from parts(found, {}, f"{path}{name}.<{MEMBERS[name]}>.", _yaml({name: inside}) if inside else "")
        elif isinstance(inside, list):
            yield from parts(found, {}, f"{path}{name}[].")
        else:
            yield from parts(found, inside or {}, f"{path}{name}.")


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _may_be_off(field: FieldInfo) -> bool:
    return type(None) in get_args(field.annotation)


def _default(field: FieldInfo, value: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True) if value is None else value
    if value is None:
        return "none"
    return "as below" if isinstance(value, dict) and value else f"`{_yaml([value], flow=True).strip()[1:-1]}`"


def _yaml(value: Any, *, flow: bool = False) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = flow
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # as ordered in the model
    yaml.width = 1000
    text = io.StringIO()
    yaml.dump(value, text)
    return text.getvalue()


def _shown(part: Part) -> str:
    head = f"### `{part.path}`\n\n{part.meaning}" if part.path else "Keys at the top:"
    rows = [(f"`{key.path}`", key.default, key.meaning) for key in part.keys]
    table = _table(("key", "default", "meaning"), rows) + "\n" if rows else ""
    example = f"The default:\n\n```yaml\n{part.example}```\n\n" if part.example else ""
    return f"{head}\n\n{table}{example}"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().partition("\n")[0].replace("``", "`")


if __name__ == "__main__":
    SETTINGS.parent.mkdir(exist_ok=True)
    SETTINGS.write_text(settings_page(), encoding="utf-8")
    GRANTS.write_text(grants_page(), encoding="utf-8")

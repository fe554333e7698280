"""Words this project does not use, each with the word to use instead. Reviewed by hand; matched as whole words.

A word belongs in ``BANNED`` where a newcomer cannot guess what it means here; inflected forms are listed one by one, so
that nothing is banned by accident. A word of ordinary English, which is only unclear as a name, belongs in
``BANNED_AS_NAMES``: sentences, in ``--help`` and in the names of test functions, may use it.
"""

REPAIR = "repair, repairer, attempt"
SCAN = "scan, check, read"
ALERT = "alert, sent, delivered, reported"

BANNED = {
    **dict.fromkeys(("mend", "mends", "mended", "mender", "menders", "mending"), REPAIR),
    **dict.fromkeys(("lever", "levers"), "required change, remediation"),
    **dict.fromkeys(("glance", "glances"), "status"),
    **dict.fromkeys(("survey", "surveys"), "plan"),
    **dict.fromkeys(("insist", "insists", "insisted", "insisting"), "write with retry"),
    **dict.fromkeys(("stray", "strays"), "orphan"),
    **dict.fromkeys(("episode", "episodes"), "incident"),
    **dict.fromkeys(("keeper", "keepers"), "scheduler loop"),
    **dict.fromkeys(("rehearse", "rehearses", "rehearsed", "rehearsing", "rehearsal"), "trial write, test event"),
    **dict.fromkeys(("foretelling", "foretell"), "next step"),
    "begun anew": "restarted",
    "a person's turn": "needs a human",
    "looks only": "read-only, scans only",
}
"""Banned everywhere: in names, in keys and in the text of ``--help``."""

BANNED_AS_NAMES = {
    "became": "status, result",
    **dict.fromkeys(("sight", "sights"), "status view"),
    **dict.fromkeys(("party", "parties"), "booking start"),
    **dict.fromkeys(("tell", "tells", "told", "telling"), ALERT),
    **dict.fromkeys(("trouble", "troubles"), "fault, in-memory alert"),
    **dict.fromkeys(("look", "looking", "looked at"), SCAN),
    "overview": "dashboard",
    "asked for": "applies",
    "not asked": "not applicable",
}
"""Banned as names (of modules, classes, functions, arguments, attributes, variables) and as keys."""

OLD_NAMES_MAY_STAND = (
    "reconciler/store/migrations/versions/r0001*.py",
    "reconciler/store/migrations/versions/r0002*.py",
    "reconciler/store/migrations/versions/r0003*.py",
    "reconciler/settings/file/renamed.py",
    "tests/test_migrations.py",
    "tests/*/test_migrations.py",
    "tests/*/*/test_migrations.py",
    "tests/*/test_migrated_alerts.py",
    "tests/*/*/test_migrated_alerts.py",
)
"""Files that deal with names of earlier versions: the migrations, the hints for renamed keys, and their tests."""

NOT_OURS: dict[str, str] = dict.fromkeys(
    ("party", "parties", "party name", "party size"),
    "what applications call their tables and columns: `reconciler adopt` recognises them",
)
"""Names that a library or a provider defines and that contain a banned word, each with its owner."""

"""The text that is proposed for a status. A person writes a better one."""

from reconciler.settings.adopt import words
from reconciler.settings.adopt.naming import name_words, phrase

_CERTAIN = "Hi {{ first_name }}, your booking on {{ date }} at {{ time }} is confirmed. Ref {{ ref }}"
_OPEN = "Hi {{ first_name }}, we have your booking for {{ date }} at {{ time }}. Ref {{ ref }}"


def message_for(status: str, *, trigger: str | None = None, any_counts: bool = False) -> dict[str, str]:
    """``status``: its word, or what the small table calls its number. ``trigger``: the queue's word for such a text;
    ``any_counts``: whether every text of the queue counts, because no such word is known.
    """
    certain = words.GOOD_STATUSES.get(phrase(name_words(status)), 0) > 0 or status in ("true", "false")
    said = {"trigger": trigger or "confirmation"} | ({"satisfied_by": "any"} if any_counts else {})
    return said | {"template": _CERTAIN if certain else _OPEN}

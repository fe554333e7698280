"""Which open gaps are over. Settings never end a gap: only a statement about its booking does."""

from reconciler.domain.decide.verdicts import Condition, Finding
from reconciler.domain.gaps import Gap

BY_SETTINGS = frozenset(
    {
        Condition.STATUS,
        Condition.ONLY,
        Condition.SINCE,
        Condition.GRACE,
        Condition.DATE_SET,  # date_tbd_note, or another column
        Condition.PHONE,  # another column, or `customers: off`
    }
)
"""Conditions that may fail because ``cron.yaml`` changed: the booking is as it was, and is not asked about any more."""


def end_of(gap: Gap | None, finding: Finding, settings: str) -> str | None:
    """Why the gap is over, ``None`` if it stays open. Without a gap: why the booking's planned repair is not wanted.

    ``settings`` is the digest of the scan's settings (``Runner.scan_settings``). If the gap was last found under the
    same ones, whatever fails now is about the booking. A gap of an older ledger counts as found under the same ones.
    """
    if finding.failed is None:
        return None
    if gap is None:
        return finding.failed
    same_settings = finding.in_scope and gap.settings in ("", settings)
    if same_settings or (finding.in_scope and finding.failed not in BY_SETTINGS):
        return finding.failed
    if finding.failed is Condition.STATUS and gap.booking_status not in (None, finding.booking.status):
        return Condition.STATUS
    return finding.otherwise

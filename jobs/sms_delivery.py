"""Texts that the application queued and did not send, or says it sent without Twilio's word for it."""

from collections.abc import Sequence

from reconciler.domain.gaps import GapKind
from reconciler.engine.reconcile.report_only import run_report_only
from reconciler.engine.reconcile.results import PassResult
from reconciler.ports import Services


def run(services: Services) -> Sequence[PassResult]:
    return run_report_only("sms_delivery", [GapKind.SMS_STUCK, GapKind.SMS_UNPROVEN], services)

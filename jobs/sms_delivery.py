"""Finds texts that the application queued but did not send, or marked as sent without Twilio's id."""

from collections.abc import Sequence

from reconciler.domain.rules.registry import report_only_kinds
from reconciler.engine.reconcile.report_only import run_report_only
from reconciler.engine.reconcile.results import PassResult
from reconciler.ports import Services


def run(services: Services) -> Sequence[PassResult]:
    return run_report_only("sms_delivery", report_only_kinds("sms_delivery"), services)

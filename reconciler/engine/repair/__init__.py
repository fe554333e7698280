"""One repair, from a claimed intent to its end. Never imports `engine.reconcile`.

`sms` and `calendar` implement `Repairer`. Both use the other modules.
"""

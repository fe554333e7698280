"""Passes: look, decide, record, repair, report. Sees ports and the domain only.

Belongs here: the order of things, transactions and calls. Does not belong here: SQL, an SDK, a setting's name, what a
verdict is (``domain``).
"""

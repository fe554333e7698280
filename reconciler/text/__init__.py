"""Addressing and wording of texts: phone numbers and templates, behind ports.

Belongs here: what a number or a sentence may look like. Does not belong here: whether a text may be sent (``domain``).
"""

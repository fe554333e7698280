"""Recipients and wording of texts: phone numbers and templates, behind ports.

Belongs here: the valid forms of a number and of a text. Does not belong here: whether a text may be sent (``domain``).
"""

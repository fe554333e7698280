"""What must be true of a booking: one file per rule. ``registry`` finds the files; everything else reads the registry.

To add a rule, add a file here that declares ``RULE``.
"""

"""The rules that every booking must satisfy, one file per rule.

``registry`` finds the files, and all other modules read the registry.
To add a rule, add a file here that declares ``RULE``.
"""

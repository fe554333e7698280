"""The options and the help of each command, one file per command; what it does is in ``reconciler.cli.<command>``."""

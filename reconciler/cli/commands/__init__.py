"""The options and help of each command, one file per command. ``reconciler.cli.<command>`` implements it."""

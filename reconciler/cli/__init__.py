"""The command line: ``commands/`` has each command's options; the module of the same name here implements it.

``main`` turns errors into advice and an exit code.
"""

"""The command line: ``commands/`` holds the options of each command, the file of its name what the command does.

``main`` turns errors into advice and an exit code.
"""

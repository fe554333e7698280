"""The command line: one file per command, output in ``output``, errors become advice and an exit code in ``main``."""

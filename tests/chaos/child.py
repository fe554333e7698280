"""The real command as a process that can be killed at a named point: ``python -m tests.chaos.child once --do``.

Orders, mutant and trace come by environment variables, which only this module and its neighbours know.
"""

import os
import sys

from reconciler.cli.main import run
from tests.chaos import mutants, points


def main(arguments: list[str]) -> int:
    """Attach what was ordered, then the product's own entry point."""
    points.begin(os.environ)
    mutants.attach(os.environ.get(mutants.VARIABLE, ""))
    return run(arguments)


if __name__ == "__main__":
    points.attach()
    sys.exit(main(sys.argv[1:]))

"""Mutants."""
VARIABLE = "CHAOS_MUTANT"


def attach(name: str) -> None:
    if name:
        raise ValueError(name)

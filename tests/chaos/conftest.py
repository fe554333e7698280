"""A stage per worker, on the worker's own PostgreSQL."""

from collections.abc import Iterator

import pytest

from reconciler.sandbox.postgres import PostgresServer
from tests.chaos.stage import Stage, prepare
from tests.chaos.zygote import Zygote


@pytest.fixture(scope="session")
def stage(postgres: PostgresServer, migrated: str) -> Iterator[Stage]:
    prepare(postgres, migrated)
    with Zygote() as zygote:
        yield Stage(postgres, zygote)

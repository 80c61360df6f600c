"""What several tests of this folder stand on."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.aws.machine import World, moto, world

NUMBERS = count()


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """The address of a moto server."""
    with moto() as url:
        yield url


@pytest.fixture
def machine(aws: str, tmp_path: Path) -> Iterator[World]:
    """What an agent finds on a machine of its own, whose metadata answer at once."""
    with world(aws, tmp_path, f"machine-{next(NUMBERS)}") as made:
        made.imds.clock.time = 0
        yield made

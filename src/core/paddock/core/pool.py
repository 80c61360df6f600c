"""Pools: machines kept warm for a kind of job. The schedule that moves the targets comes with pool management."""

from typing import TypedDict

import attrs

from paddock.core.spec import RunnerSpec
from paddock.core.units import MINUTE, Span


@attrs.frozen
class Pool:
    """A named stock of machines of one spec: ``hot`` ones run and listen, ``stopped`` ones sleep.

    Pools are on demand: spot machines cannot be stopped and started reliably.
    """

    name: str
    spec: RunnerSpec
    hot: int = 0
    stopped: int = 0
    idle_timeout: Span = 60 * MINUTE
    max_age: Span = 16 * 60 * MINUTE

    @property
    def key(self) -> str:
        """The record's key: the pool's name."""
        return self.name


class PoolIs(TypedDict, total=False):
    """A condition on the record."""

    hot: int
    stopped: int


class PoolChange(TypedDict, total=False):
    """The fields to set; all others stay."""

    hot: int
    stopped: int

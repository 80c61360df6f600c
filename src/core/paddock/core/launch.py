"""The launch record: what was asked of the cloud for which jobs, under which idempotency token.

::

    jobs flipped to dispatching ──> record written ──> cloud asked (token) ──> machines recorded ──> assignments
          │                                │                    │                        │
      crash: no record, so             crash: the jobs      crash: the same token    crash: assignments
      nobody was asked; a blank        resume this          returns the same         are put-if-absent
      record stops a slow one          very record          machines
"""

from typing import TypedDict

import attrs

from paddock.core.pools.pool import Stock
from paddock.core.spec import Market, Offer, RunnerSpec
from paddock.core.units import Moment


@attrs.frozen
class Launch:
    """One request to the cloud. It is never regrouped: a redelivery resumes it with the same jobs and token.

    ``jobs`` are the jobs it was written for, in the order in which machines are handed to them; its count is the number
    of machines asked for, so they never change. One without jobs is blank: nothing may be asked for under its token.
    ``machines`` are the ids of the machines the cloud returned, None until it did. ``without`` are the offers that it
    leaves out, ``disk`` is how much of it each machine gets (GiB): whoever resumes it may have other settings.

    A pool's launch has no jobs, but a ``stock`` and a ``count``. One that is ``claimed`` has its machines from the
    beginning: its jobs have claimed them of a pool, in the order of the jobs, and the cloud is asked for none.
    """

    id: str
    spec: RunnerSpec
    market: Market
    jobs: tuple[int, ...]
    created_at: Moment
    machines: tuple[str, ...] | None = None
    errors: tuple[str, ...] = ()
    without: tuple[Offer, ...] = ()
    disk: int = 0
    stock: Stock | None = None
    count: int = 0
    claimed: bool = False
    digest: str = ""

    @property
    def key(self) -> str:
        """The record's key."""
        return self.id

    @property
    def token(self) -> str:
        """The cloud's idempotency token: at most 64 ASCII characters."""
        return self.id


class LaunchIs(TypedDict, total=False):
    """A condition on the record."""

    machines: tuple[str, ...] | None


class LaunchChange(TypedDict, total=False):
    """The fields to set; all others stay."""

    machines: tuple[str, ...] | None
    errors: tuple[str, ...]

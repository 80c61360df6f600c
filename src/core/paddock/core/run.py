"""The workflow run record: what is known of a run and must be asked of GitHub only once."""

from typing import TypedDict

import attrs


@attrs.frozen
class Run:
    """One workflow run. ``fork`` is whose code it runs: True if the head repository is not the base repository."""

    run_id: int
    repository: str
    fork: bool
    event: str = ""
    head_repository: str = ""

    @property
    def key(self) -> str:
        """The record's key: the id as text."""
        return str(self.run_id)


class RunIs(TypedDict, total=False):
    """A condition on the record."""

    repository: str


class RunChange(TypedDict, total=False):
    """What is known of a run is never changed."""

"""Operator switches: settings that change while the fleet runs, each with who set it and why."""

from typing import TypedDict

import attrs

from paddock.core.units import Moment

PAUSED = "paused"


@attrs.frozen
class Advised:
    """The last change, by anybody, of what processes remember of others' records: circuits and shortages.

    ``by`` is another word each time, so that no two are alike, whatever the clocks of those who change something say.
    """

    at: Moment
    by: str


@attrs.frozen
class Switch:
    """One switch. While ``paused`` is on, jobs wait and nothing is launched; running jobs go on.

    Every dispatch asks for it, so it also bears the news: ``advised``, None before there was any.
    """

    name: str
    on: bool
    at: Moment
    reason: str = ""
    advised: Advised | None = None

    @property
    def why(self) -> str:
        """What a job that waits because of it is told."""
        return f"the fleet is paused ({self.reason})" if self.reason else "the fleet is paused"

    @property
    def key(self) -> str:
        """The record's key: the switch's name."""
        return self.name


class SwitchIs(TypedDict, total=False):
    """A condition on the record."""

    on: bool


class SwitchChange(TypedDict, total=False):
    """The fields to set; all others stay."""

    on: bool
    at: Moment
    reason: str
    advised: Advised

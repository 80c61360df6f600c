"""What an environment is called, and which jobs are its own. Pure.

What belongs to an environment bears its stack's name, which begins with ``paddock-``. Several fleets may hear of the
jobs of one repository; ``env=`` in a label says whose a job is.
"""

from typing import Final

import attrs

PREFIX: Final = "paddock-"
LOCAL: Final = "local"
"""The environment of a fleet on one machine, and the name that stands for its stack's."""


@attrs.frozen
class Environments:
    """A fleet among the operator's others.

    ``unnamed``: jobs that name no environment are this fleet's. ``others`` is what the other fleets are called: with it
    jobs that name none of all these are refused by the one that takes the unnamed ones; None: they are let be.
    """

    unnamed: bool = True
    others: tuple[str, ...] | None = None


def environment_of(stack: str) -> str:
    """The environment's name by its stack's: ``prod`` of ``paddock-prod``; any other stack's own name."""
    return stack.removeprefix(PREFIX) or stack

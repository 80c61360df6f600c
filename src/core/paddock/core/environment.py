"""What an environment is called: what belongs to one bears its stack's name, which begins with ``paddock-``. Pure."""

from typing import Final

PREFIX: Final = "paddock-"
LOCAL: Final = "local"
"""The environment of a fleet on one machine, and the name that stands for its stack's."""


def environment_of(stack: str) -> str:
    """The environment's name by its stack's: ``prod`` of ``paddock-prod``; any other stack's own name."""
    return stack.removeprefix(PREFIX) or stack

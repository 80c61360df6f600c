"""What a stack says of itself, for all checks that need it."""

from typing import Final

from paddock.adapters.aws.cloudformation import Standing
from paddock.core.errors import NotFound
from paddock.core.health.finding import Once
from paddock.entrypoints.aws_stack.places import Places

_PREFIX: Final = "paddock-"
_SLACK: Final = "SlackSecret"


class Deployed:
    """A stack. ``env`` is its environment, ``deploy`` the command that deploys it, ``standing`` asks once."""

    def __init__(self, places: Places, stack: str) -> None:
        """Args: the account and region, and the stack's name."""
        self._places = places
        self._stack = stack
        self.env = stack.removeprefix(_PREFIX)
        self.deploy = f"`paddock stack deploy --env {self.env}`"
        self.standing = Once("the stack", self._found)

    def output(self, name: str) -> str:
        """An output's value. A stack that was never made whole has none.

        Raises:
            NotFound: the stack is not there, or has no such output.
            Unseen: the stack could not be had before.
        """
        value = self.standing().outputs.get(name)
        if value is None:
            missing = NotFound(f"the stack has no output {name}")
            missing.add_note(f"see what is told of the stack above, and deploy again: {self.deploy}")
            raise missing
        return value

    def has_channel(self) -> bool:
        """Whether it tells a channel of Slack: it has a function and a secret more then."""
        return _SLACK in self.standing().outputs

    def _found(self) -> Standing:
        standing = self._places.stacks.find(self._stack)
        if standing is None or not standing.exists:
            missing = NotFound(f"there is no stack {self._stack} in {self._places.region}")
            missing.add_note(f"{self.deploy} makes it; is the region the right one?")
            raise missing
        return standing

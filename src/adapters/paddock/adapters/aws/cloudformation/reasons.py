"""Why CloudFormation took back what it had begun: the causes among its events, in plain words.

One resource fails; CloudFormation then cancels whatever else it was making, and each of that is an event of a failure,
too. Which failure it was, its handlers say by a code at the end of their sentence (``HandlerErrorCode``); source of the
codes: "Handler error codes" in CloudFormation's developer guide.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import attrs

from paddock.adapters.aws.cloudformation.values import STACK, Step

_CODE: Final = re.compile(r"HandlerErrorCode:\s*(\w+)")
_FRAME: Final = re.compile(r'^Resource handler returned message: "(.*)"\s*\(RequestToken:.*\)$', re.DOTALL)
_BEGUN: Final = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")
_CANCELLED: Final = ("Resource creation cancelled", "Resource update cancelled", "Resource deletion cancelled")

ADVICE: Final[Mapping[str, str]] = {
    "AlreadyExists": "something of that name is there already, perhaps left by a stack of the same environment: delete "
    "it, or choose another name for the environment",
    "AccessDenied": "whoever deploys may not do this, or a boundary or a policy of the organisation forbids it: give "
    "the right that AWS names, and repeat it",
    "UnauthorizedTaggingOperation": "whoever deploys may not tag this: give the right that AWS names, and repeat it",
    "InvalidCredentials": "the session ended meanwhile: sign in, and repeat it",
    "ServiceLimitExceeded": "the account's quota is used up: ask AWS for a higher one (Service Quotas), or delete what "
    "is not needed, and repeat it",
    "InvalidRequest": "AWS does not take this value: its own words say which",
    "NotFound": "what it refers to is not there: was it deleted by hand?",
    "NotUpdatable": "this cannot be changed once it is made",
    "ResourceConflict": "something else uses or changes it at this very moment: repeat it in some minutes",
    "Throttling": "AWS was asked too often: repeat it in some minutes",
    "ServiceInternalError": "a fault of AWS's own: repeat it in some minutes",
    "InternalFailure": "a fault of AWS's own: repeat it in some minutes",
    "ServiceTimeout": "AWS took too long: repeat it in some minutes",
    "NetworkFailure": "AWS could not reach itself: repeat it in some minutes",
    "NotStabilized": "it was made, but never became ready: repeat it, and look at it in the console if it stays so",
}
"""What to do, by the handler's code."""

_OTHERWISE: Final = "AWS's own words say what is wrong"


@attrs.frozen
class Cause:
    """A resource that failed by itself: what AWS said, without its frame, and what to do about it."""

    step: Step
    said: str
    advice: str


def last_operation(steps: Sequence[Step]) -> Sequence[Step]:
    """What happened since the newest time that something was begun with the stack itself."""
    begun = [n for n, step in enumerate(steps) if step.kind == STACK and step.status in _BEGUN]
    return steps[begun[-1] :] if begun else steps


def causes(steps: Iterable[Step]) -> list[Cause]:
    """The failures that were no consequence of another one, oldest first.

    Args:
        steps: of one operation, oldest first.
    """
    failed = [step for step in steps if step.failed and step.name]
    own = [
        step for step in failed if not step.reason.startswith(_CANCELLED) and step.kind != "AWS::CloudFormation::Stack"
    ]
    return [_cause(step) for step in own or failed[:1]]


def _cause(step: Step) -> Cause:
    code = _CODE.search(step.reason)
    framed = _FRAME.match(step.reason.strip())
    said = framed[1] if framed else step.reason.strip()
    return Cause(step, said or "AWS gives no reason", ADVICE.get(code[1], _OTHERWISE) if code else _OTHERWISE)

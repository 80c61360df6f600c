"""The seam for dashboards and alarms: whatever watches a stack gives its resources as data, and gets their names."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs

from paddock.adapters.aws.watching.definition import RUNBOOK
from paddock.adapters.aws.watching.targets import USUAL, Targets

Resources: TypeAlias = Mapping[str, Mapping[str, Any]]


@attrs.frozen(kw_only=True)
class Names:
    """How the parts of a stack are called, in the words of ``Fn::Sub``, such as ``${AWS::StackName}``.

    ``stack`` is the fleet's name, the dimension of its metrics; ``topic`` is the ARN of whom alarms tell. By word there
    are names of the ``functions``, the ``queues``, their dead letters (``dead``) and the functions' groups (``logs``);
    ``timeouts`` are the functions', in seconds; ``runbook`` is where the alarms' pages can be read, ``targets`` are
    the alarms' bounds.
    """

    stack: str
    region: str
    topic: str
    table: str
    functions: Mapping[str, str]
    queues: Mapping[str, str]
    dead: Mapping[str, str]
    logs: Mapping[str, str]
    timeouts: Mapping[str, int]
    runbook: str = RUNBOOK
    targets: Targets = USUAL


Watched: TypeAlias = Callable[[Names], Resources]
"""Resources by logical id, as a template has them: ``{"QueueAlarm": {"Type": …, "Properties": {…}}}``. No logical id
of the template's own may be used."""

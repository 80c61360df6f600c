"""The seam for dashboards and alarms: whatever watches a stack gives its resources as data, and gets their names."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs

Resources: TypeAlias = Mapping[str, Mapping[str, Any]]


@attrs.frozen(kw_only=True)
class Names:
    """What a stack is made of, as values of CloudFormation (``{"Ref": …}``, ``{"Fn::Sub": …}``), for properties.

    ``stack`` is the fleet's name, the dimension of its metrics; ``topic`` is where alarms go. ``functions``, ``queues``
    and ``dead`` (the queues' dead letters) are names by word; ``timeouts`` are the functions', in seconds.
    """

    stack: Mapping[str, Any]
    region: Mapping[str, Any]
    topic: Mapping[str, Any]
    table: Mapping[str, Any]
    functions: Mapping[str, Any]
    queues: Mapping[str, Any]
    dead: Mapping[str, Any]
    logs: Mapping[str, Any]
    timeouts: Mapping[str, int]


Watched: TypeAlias = Callable[[Names], Resources]
"""Resources by logical id, as a template has them: ``{"QueueAlarm": {"Type": …, "Properties": {…}}}``. No logical id
of the template's own may be used."""

WATCHED: Final[Sequence[Watched]] = ()
"""What every stack is watched by."""

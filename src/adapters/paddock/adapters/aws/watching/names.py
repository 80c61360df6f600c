"""How the parts of a stack are called, and one metric of one of them."""

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from paddock.adapters.telemetry.catalogue import Catalogue, Emitter, Metric, catalogue
from paddock.adapters.telemetry.lines import DIMENSION
from paddock.core.errors import InvalidInput

QUEUES: Final = ("jobs", "events", "reports")
FUNCTIONS: Final = ("webhook", "dispatch", "events", "reports", "schedules")

Key = tuple[str, str, tuple[tuple[str, str], ...]]
"""What CloudWatch tells metrics apart by: namespace, name, and dimensions with their values, in order."""


@attrs.frozen
class Names:
    """How a stack's parts are called.

    ``queues``, ``dead`` (the dead-letter queues) and ``functions`` have the names of `QUEUES` and `FUNCTIONS` as keys.
    A name may hold CloudFormation's ``${…}``: then it comes out as ``{"Fn::Sub": …}``, or, in the dashboard's body, as
    it is, for the template to put ``Fn::Sub`` around the whole.
    """

    stack: str
    queues: Mapping[str, str]
    dead: Mapping[str, str]
    functions: Mapping[str, str]
    table: str

    def __attrs_post_init__(self) -> None:
        """All names must be there.

        Raises:
            InvalidInput: one is missing.
        """
        for field, names, wanted in (
            ("queues", self.queues, QUEUES),
            ("dead", self.dead, QUEUES),
            ("functions", self.functions, FUNCTIONS),
        ):
            if set(names) != set(wanted) or not all(names.values()):
                raise InvalidInput(field, dict(names), f"must name exactly these: {', '.join(wanted)}")
        if not self.stack or not self.table:
            raise InvalidInput("stack" if not self.stack else "table", "", "must not be empty")

    @classmethod
    def of(cls, stack: str) -> "Names":
        """As they are called where nobody says otherwise: ``<stack>-jobs``, ``<stack>-jobs-dead``, and so on."""
        return cls(
            stack=stack,
            queues={name: f"{stack}-{name}" for name in QUEUES},
            dead={name: f"{stack}-{name}-dead" for name in QUEUES},
            functions={name: f"{stack}-{name}" for name in FUNCTIONS},
            table=stack,
        )

    def resource(self, namespace: str, of: str) -> str:
        """The name of the resource that a metric of AWS's is about.

        Raises:
            InvalidInput: there is no such resource.
        """
        known = {
            "AWS/SQS": {**self.queues, **{f"{name}_dead": dead for name, dead in self.dead.items()}},
            "AWS/Lambda": dict(self.functions),
            "AWS/DynamoDB": {"table": self.table},
        }.get(namespace, {})
        if of not in known:
            raise InvalidInput("of", of, f"must be one of {', '.join(known) or 'nothing'} for a metric of {namespace}")
        return known[of]


@attrs.frozen
class Query:
    """One metric as a widget or an alarm asks for it.

    ``id`` is by what an expression calls it, ``stat`` CloudWatch's statistic. ``of`` is whose metric it is if it is
    AWS's: a queue (``jobs``, ``jobs_dead``), a function, ``table``. ``label`` is what people read.
    """

    id: str
    name: str
    stat: str
    of: str = ""
    dimensions: Mapping[str, str] = attrs.field(factory=dict)
    label: str = ""

    def metric(self, known: Catalogue | None = None) -> Metric:
        """Its entry in the catalogue.

        Raises:
            KeyError: there is none.
        """
        return (known or catalogue()).named(self.name, **self.dimensions)

    def key(self, names: Names) -> Key:
        """By what CloudWatch knows it.

        Raises:
            KeyError: it is not in the catalogue.
            InvalidInput: there is no such resource, or it is no metric of a resource.
        """
        metric = self.metric()
        if metric.emitted is Emitter.AWS:
            resource = names.resource(metric.namespace, self.of)
            return metric.namespace, self.name, tuple((name, resource) for name in metric.dimensions)
        if self.of:
            raise InvalidInput("of", self.of, f"must be empty: {self.name} is no metric of AWS's")
        stack = ((DIMENSION, names.stack),)
        return catalogue().namespace, self.name, stack + tuple(metric.dimensions.items())


def by(name: str, stat: str, dimension: str, values: Sequence[str]) -> tuple[Query, ...]:
    """A query for each of these values of the dimension, by which they are called."""
    return tuple(
        Query(f"m{number}", name, stat, dimensions={dimension: value}, label=value.replace("_", " "))
        for number, value in enumerate(values, 1)
    )

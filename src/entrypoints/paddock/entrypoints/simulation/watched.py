"""A simulated day as CloudWatch would hold it: the metrics in the fleet's log lines, and those of AWS's services."""

from collections.abc import Callable
from functools import partial

import attrs

from paddock.adapters.aws.watching.names import Names, Query
from paddock.adapters.aws.watching.samples import Samples
from paddock.adapters.simulation.cloud import usual
from paddock.adapters.simulation.functions import Schedule
from paddock.adapters.simulation.load import Workload
from paddock.adapters.simulation.parameters import Parameters
from paddock.adapters.simulation.world import Simulation
from paddock.adapters.telemetry.catalogue import catalogue
from paddock.adapters.telemetry.decisions import ToldDecisions
from paddock.adapters.telemetry.gauges import LoggedGauges
from paddock.core.settings import FleetSettings
from paddock.core.units import MINUTE, SECOND, Moment


@attrs.frozen
class Seen:
    """What was published from ``since`` to ``until``."""

    samples: Samples
    since: Moment
    until: Moment


def watched(workload: Workload, settings: FleetSettings, names: Names, seed: int = 1) -> Seen:
    """The workload on the simulated EC2, watched.

    Of AWS's own metrics the simulator knows the depth of the queues, and how often webhooks came; the others have no
    data.
    """
    samples = Samples()

    def write(line: str) -> None:
        samples.read([line])

    def around(name: str, port: object) -> object:
        if name != "decisions":
            return port
        return ToldDecisions(port, write, catalogue(), names.stack)  # type: ignore[arg-type]  # it is what it is called

    world = Simulation(
        workload, settings=settings, seed=seed, parameters=Parameters(), cloud=usual(), policy="watched", around=around
    )
    world.gauges = LoggedGauges(write, catalogue(), names.stack, world.timeline)
    world.processes.fleet = world.new_fleet()
    since = world.timeline.now()
    Schedule(world.timeline, MINUTE, _publishing(world, samples, names))
    world.run()
    return Seen(samples, since - since % MINUTE, world.timeline.now())


def _publishing(world: Simulation, samples: Samples, names: Names) -> Callable[[], None]:
    """What AWS says once a minute."""
    calls = 0

    def publish() -> None:
        nonlocal calls
        at = world.timeline.now() - SECOND
        tell = partial(_tell, samples, names, at)
        for name, depth in {"jobs": world.jobs.depth(), "events": world.events.depth()}.items():
            tell("ApproximateNumberOfMessagesVisible", depth.waiting, of=name)
            tell("ApproximateNumberOfMessagesVisible", depth.dead, of=f"{name}_dead")
        since, calls = calls, world.processes.invocations
        tell("Invocations", calls - since, of="webhook")

    return publish


def _tell(samples: Samples, names: Names, at: Moment, name: str, value: float, *, of: str) -> None:
    samples.add(Query("m", name, "Sum", of=of).key(names), at, value)

"""One policy run on one workload with cold, stopped and hot machines, one after the other."""

from paddock.adapters.simulation.outcome import Start
from paddock.adapters.simulation.render.background import Background
from paddock.adapters.simulation.render.waits import Starts
from paddock.core.errors import InvalidInput
from paddock.entrypoints.simulation.comparison import Order, Watch, prepared
from paddock.entrypoints.simulation.engine import Engine


def try_starts(order: Order, engine: Engine, watch: Watch) -> Starts:
    """Run the policy once for each start; `watch` is told the start's name in place of the policy's.

    Raises:
        InvalidInput: as `compare`, and if there are several configurations.
        InvalidConfig: what is wrong with the configuration, all of it.
    """
    if len(order.configs) > 1:
        remedy = "--waits takes one configuration: without it, several are compared"
        raise InvalidInput("--config", ", ".join(map(str, order.configs)), remedy)
    workload, policies, size, own = prepared(order, engine)
    (policy,) = policies
    outcomes = {
        start: engine.run(
            workload,
            policy.settings,
            start.value,
            order.seed,
            order.faults,
            watch(start.value, size),
            start=start,
        )
        for start in Start
    }
    background = Background(
        command=order.command(*order.configs),
        faults=order.faults,
        starts={start: outcome.wait for start, outcome in outcomes.items()},
        assumptions=(*own, *engine.inputs),
    )
    return Starts(policy.name, outcomes, background)

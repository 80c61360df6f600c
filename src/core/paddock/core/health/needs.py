"""What a configuration could ask of the cloud: which machines, and how many virtual CPUs at once."""

from collections.abc import Mapping
from typing import Final

import attrs

from paddock.core.catalogue import fitting
from paddock.core.health.finding import Finding, failure, fine, warning
from paddock.core.pools.pool import Pool
from paddock.core.settings import FleetSettings
from paddock.core.spec import RunnerSpec

FEW: Final = 32
"""vCPUs below which a market is worth a word even where nobody has said how large the fleet may become."""


@attrs.frozen
class Need:
    """vCPUs of one market. ``least`` must be had at once, or something never starts; ``most`` may be asked for at once.

    None: nothing in the configuration bounds it. ``why`` says what the least is.
    """

    least: int
    why: str
    most: int | None


def specs_of(settings: FleetSettings) -> Mapping[str, RunnerSpec]:
    """The machines that are asked for by name: by what people call them. Labels may ask for any other."""
    named = {f"runner={name}": spec for name, spec in sorted(settings.specs.items())}
    pools = {f"pool={name}": pool.spec for name, pool in sorted(settings.pools.items())}
    return {"paddock": RunnerSpec(arch=settings.arches[0]), **named, **pools}


def smallest(spec: RunnerSpec) -> int:
    """The vCPUs of the smallest type that serves it; 0 if none does."""
    return min((kind.vcpu for kind in fitting(spec)), default=0)


def most_of(pool: Pool) -> int:
    """How many machines a pool may have at once, as far as its configuration says."""
    if pool.most is not None:
        return pool.most
    targets = [pool.targets, *(window.targets for window in pool.schedule.windows)]
    if pool.auto:
        targets.append(pool.bounds.most)
    return max(one.hot + one.stopped for one in targets)


def needs(settings: FleetSettings) -> tuple[Need, Need]:
    """What is needed of spot, and of on demand. Any job may come to need the latter: where spot has nothing left."""
    specs = specs_of(settings)
    jobs = _jobs(settings)
    name, largest = max(((name, smallest(spec)) for name, spec in specs.items()), key=lambda one: one[1])
    spot_name, spot = max(
        ((name, smallest(spec)) for name, spec in specs.items() if spec.spot and not name.startswith("pool=")),
        key=lambda one: one[1],
        default=("", 0),
    )
    pools = sum(most_of(pool) * smallest(pool.spec) for pool in settings.pools.values())
    on_demand = Need(largest, f"one machine for {name}", None if jobs is None else jobs + pools)
    if pools > largest:
        on_demand = attrs.evolve(on_demand, least=pools, why="the pools when they are full")
    return Need(spot, f"one machine for {spot_name}" if spot else "nothing", jobs), on_demand


def _jobs(settings: FleetSettings) -> int | None:
    """The vCPUs of all jobs at once; None if nothing bounds them. A machine has as many at least as the smallest."""
    limits = settings.limits
    if limits.vcpu is not None:
        return limits.vcpu
    return None if limits.machines is None else limits.machines * smallest(RunnerSpec())


def judge_quota(check: str, quota: int, need: Need, fix: str) -> Finding:
    """Whether a market's quota is enough.

    Args:
        check: its name.
        quota: the vCPUs that the account may have of this market at once.
        need: what the configuration may ask for.
        fix: how to have more, where ``{wanted}`` stands for how many.
    """
    has = f"the account may have {quota} vCPU"
    if quota < need.least:
        wanted = max(need.most or 0, need.least, FEW)
        return failure(check, f"{has}, and {need.why} takes {need.least}", fix.format(wanted=wanted))
    if need.most is not None and quota < need.most:
        said = f"{has}, and paddock.yml lets {need.most} be asked for at once: some jobs will wait for others' end"
        return warning(check, said, fix.format(wanted=need.most))
    if need.most is None and quota < FEW:
        said = f"{has}, about {quota // 2} machines of 2 vCPU, and paddock.yml sets no limit: jobs will wait"
        return warning(check, said, fix.format(wanted=FEW))
    enough = "" if need.most is None else f"; {need.most} may be asked for"
    return fine(check, f"{has}{enough}")

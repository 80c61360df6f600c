"""What the simulated world takes for granted, for the readers of a report: the parameters that weigh most."""

from collections.abc import Iterator, Mapping

import attrs

from paddock.adapters.simulation.cloud import CloudParameters, LogNormal
from paddock.adapters.simulation.draws import Draw
from paddock.adapters.simulation.outcome import Start
from paddock.adapters.simulation.parameters import Parameters
from paddock.adapters.simulation.render.background import Assumption
from paddock.core import catalogue
from paddock.core.units import span_text

_DEPOT = "Depot's published runner starts"
_EC2 = "C. Percival, EC2 boot time benchmarking (2021)"
_LESS = "assumed: 3 to 5 s less than cold in all; RunsOn's 15 s in all as a check"
_SOURCES: Mapping[Start, tuple[str, str, str]] = {
    Start.COLD: (
        _EC2,
        _EC2,
        "between brevdev/ec2-coldboot-research (3.2 s to SSH) and Percival (22.8 s); RunsOn's 25 s in all as a check",
    ),
    Start.STOPPED: (_LESS, _LESS, _LESS),
    Start.HOT: ("", "", "assumed: nothing starts, the agent takes its orders; RunsOn's 6 s in all as a check"),
}
"""Where the launch call's, the pending state's and the boot's times are from."""


def assumptions(world: Parameters, cloud: CloudParameters) -> tuple[Assumption, ...]:
    """Those of this world, with their sources."""
    return (
        *_before_ec2(world),
        *_start(cloud, Start.COLD),
        *_on_the_machine(world),
        Assumption("prices", f"list prices of {catalogue.DATED}, us-east-1", "AWS"),
        Assumption(
            "a spot machine taken in its first hour", "costs nothing but disk and address", "AWS, EC2 User Guide"
        ),
        Assumption("warning before a spot machine is taken", span_text(cloud.notices.ahead), "AWS, EC2 User Guide"),
        Assumption(
            "just-in-time configurations", f"{world.rates.jit_per_minute} a minute", "GitHub's secondary limits"
        ),
    )


def inputs(world: Parameters, cloud: CloudParameters) -> tuple[Assumption, ...]:
    """Those that waits are made of, with each start."""
    starts = [one for start in Start for one in _start(cloud, start)]
    return (*_before_ec2(world), *starts, *_on_the_machine(world))


def _before_ec2(world: Parameters) -> Iterator[Assumption]:
    functions = world.functions
    yield Assumption(
        "webhook, from GitHub's event to our answer", _drawn(world.travel.webhook), "CarbonRunner's statistics"
    )
    yield Assumption("a function's pick-up of a message", _drawn(functions.pick_up), "assumed")
    yield Assumption("a function's cold start", _drawn(functions.cold), "AWS Lambda's published means, our imports")
    yield Assumption(
        "work on one message", span_text(functions.per_message), "a few table calls (AWS: single-digit ms)"
    )


def _start(cloud: CloudParameters, start: Start) -> Iterator[Assumption]:
    times = attrs.evolve(cloud, start=start).times
    prefix = "" if start is Start.COLD else f"{start.value}: "
    call, pending, boot = _SOURCES[start]
    if times.call.median or times.pending.median:
        yield Assumption(f"{prefix}launch call", _normal(times.call), call)
        yield Assumption(f"{prefix}pending to running", _normal(times.pending), pending)
    yield Assumption(f"{prefix}running to the agent", _normal(times.boot), boot)


def _on_the_machine(world: Parameters) -> Iterator[Assumption]:
    hosts = world.hosts
    yield Assumption(
        "orders to the runner's start", _drawn(hosts.prepare), "our own budget, kept by our own measurements"
    )
    yield Assumption("runner's handshake", _drawn(hosts.handshake), _DEPOT)
    yield Assumption("GitHub's choice to the job's start", _drawn(hosts.acquire), "assumed")


def _drawn(draw: Draw) -> str:
    spans = dict(draw.quantiles)
    if len(set(spans.values())) == 1:
        return span_text(draw.quantiles[0][1])
    middle = f"{span_text(spans[500])} in the middle, " if 500 in spans else ""  # noqa: PLR2004 - per mille
    return f"{middle}{span_text(draw.quantiles[0][1])} to {span_text(draw.quantiles[-1][1])}"


def _normal(draw: LogNormal) -> str:
    return f"{span_text(draw.median)} in the middle, 95 of 100 within {span_text(draw.p95)}"

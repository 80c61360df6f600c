"""What the simulated world takes for granted, for the readers of a report: the parameters that weigh most."""

from paddock.adapters.simulation.cloud import CloudParameters, LogNormal
from paddock.adapters.simulation.draws import Draw
from paddock.adapters.simulation.parameters import Parameters
from paddock.adapters.simulation.render.background import Assumption
from paddock.core import catalogue
from paddock.core.units import span_text

_DEPOT = "Depot's published runner starts"
_EC2 = "C. Percival, EC2 boot time benchmarking (2021)"


def assumptions(world: Parameters, cloud: CloudParameters) -> tuple[Assumption, ...]:
    """Those of this world, with their sources."""
    cold = cloud.cold
    functions, hosts, rates = world.functions, world.hosts, world.rates
    return (
        Assumption(
            "webhook, from GitHub's event to our answer", _drawn(world.travel.webhook), "CarbonRunner's statistics"
        ),
        Assumption("a function's cold start", _drawn(functions.cold), "AWS Lambda's published means, our imports"),
        Assumption("work on one message", span_text(functions.per_message), "a few table calls (AWS: single-digit ms)"),
        Assumption("launch call", _normal(cold.call), _EC2),
        Assumption("pending to running", _normal(cold.pending), _EC2),
        Assumption("running to the agent", _normal(cold.boot), f"{_EC2}; RunsOn's published cold start as a check"),
        Assumption(
            "orders to the runner's start", _drawn(hosts.prepare), "our own budget, kept by our own measurements"
        ),
        Assumption("runner's handshake", _drawn(hosts.handshake), _DEPOT),
        Assumption("prices", f"list prices of {catalogue.DATED}, us-east-1", "AWS"),
        Assumption(
            "a spot machine taken in its first hour", "costs nothing but disk and address", "AWS, EC2 User Guide"
        ),
        Assumption("warning before a spot machine is taken", span_text(cloud.notices.ahead), "AWS, EC2 User Guide"),
        Assumption("just-in-time configurations", f"{rates.jit_per_minute} a minute", "GitHub's secondary limits"),
    )


def _drawn(draw: Draw) -> str:
    spans = dict(draw.quantiles)
    if len(set(spans.values())) == 1:
        return span_text(draw.quantiles[0][1])
    middle = f"{span_text(spans[500])} in the middle, " if 500 in spans else ""  # noqa: PLR2004 - per mille
    return f"{middle}{span_text(draw.quantiles[0][1])} to {span_text(draw.quantiles[-1][1])}"


def _normal(draw: LogNormal) -> str:
    return f"{span_text(draw.median)} in the middle, 95 of 100 within {span_text(draw.p95)}"

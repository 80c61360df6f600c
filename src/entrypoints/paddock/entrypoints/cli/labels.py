"""``paddock labels``: try a ``runs-on`` before a workflow does."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from paddock.core.catalogue import DATED, fitting, strange, widening
from paddock.core.errors import InvalidInput
from paddock.core.label_values import InvalidLabel
from paddock.core.labels import parse_labels
from paddock.core.routing import environment_named
from paddock.core.settings import FleetSettings
from paddock.core.spec import Market
from paddock.core.units import money_text

_SHOWN = 5


def labels(*runs_on: str, config: Annotated[Path | None, Parameter(name=["--config", "-c"])] = None) -> int:
    """Say what a runs-on asks for, or what is wrong with it.

    For example: `paddock labels paddock/cpu=4/arch=arm64`, or the array form, `paddock labels "[paddock, cpu=4]"`.

    Parameters
    ----------
    runs_on
        The labels, as a workflow's runs-on has them.
    config
        A paddock.yml whose named runners, pools and aliases count too.
    """
    words = _words(runs_on)
    settings = FleetSettings()
    if config is not None:
        from paddock.adapters.config import load  # noqa: PLC0415 - YAML is needed only here
        from paddock.entrypoints.cli.config import checked_path  # noqa: PLC0415 - as above

        checked_path("--config", config, "paddock labels … --config PATH")
        settings = load(config).settings
    try:
        spec = parse_labels(words, settings.specs, settings.aliases, settings.pools)
    except InvalidLabel as error:
        if config is None and error.field in {"pool", "runner"}:
            error.add_note("They are a paddock.yml's: name it, `paddock labels … --config paddock.yml`.")
        raise
    types = fitting(spec)
    environment = environment_named(words, settings.aliases)
    print(f"asks for: {spec}{f', of the fleet {environment}' if environment else ''}")
    if spec.pool is not None:
        print(f"pool {spec.pool} keeps such machines, on demand; what follows is where it has none to spare")
    if not types:
        print(f"no instance type of the catalogue fits: {widening(spec)}")
        return 1
    if unused := strange(spec):
        print(f"never used, for no {spec.arch} type of the catalogue is of this family: {', '.join(unused)}")
    takes_spot = spec.market is Market.SPOT
    print(
        f"instance types that fit, cheapest first (list prices of {DATED}{', spot estimated' if takes_spot else ''}):"
    )
    for kind in types[:_SHOWN]:
        spot = f"   spot {money_text(kind.price(Market.SPOT))}/h" if takes_spot else ""
        full = money_text(kind.price(Market.ON_DEMAND))
        print(f"  {kind.name:<14} {kind.vcpu:>3} vCPU {kind.memory:>4} GiB{spot}   on demand {full}/h")
    if len(types) > _SHOWN:
        print(f"  and {len(types) - _SHOWN} more")
    return 0


def _words(runs_on: tuple[str, ...]) -> tuple[str, ...]:
    """The labels. A shell makes words of the array form of workflows and of our own pages if nothing quotes it."""
    array = " ".join(runs_on)
    if not (array.startswith("[") or array.endswith("]")):
        return runs_on
    if not (array.startswith("[") and array.endswith("]")):
        raise InvalidInput("runs-on", array, "has one bracket of two: write '[paddock, cpu=4]', or paddock/cpu=4")
    return tuple(label.strip().strip("'\"") for label in array[1:-1].split(","))

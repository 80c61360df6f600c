"""``paddock dashboard``: what CloudWatch would show of a fleet, before there is one."""

from pathlib import Path

from paddock.adapters.aws.watching.names import Names
from paddock.adapters.aws.watching.picture import picture
from paddock.adapters.simulation.workloads import built_in_day
from paddock.core.errors import InvalidInput
from paddock.core.settings import FleetSettings
from paddock.entrypoints.cli.outputs import writable, write
from paddock.entrypoints.simulation.watched import watched


def dashboard(out: Path, /, *, seed: int = 1) -> int:
    """Draw the dashboard of a stack, with the metrics of a simulated day.

    What the simulator has no metrics of, such as the functions of Lambda, is empty in the drawing.

    Parameters
    ----------
    out
        The drawing to write: an SVG file (.svg) that loads nothing.
    seed
        Where chance begins. Another seed is another day of the same kind.
    """
    if seed < 0:
        raise InvalidInput("--seed", seed, "must be 0 or more")
    if out.suffix.casefold() != ".svg":
        right = out.with_suffix(".svg").name if out.name else "day.svg"
        raise InvalidInput("OUT", str(out), f"must end in .svg: an SVG is all that it draws; name it {right}")
    writable("OUT", out)
    names = Names.of("simulated")
    seen = watched(built_in_day(), FleetSettings(), names, seed)
    write("OUT", out, picture(names, seen.samples, seen.since, seen.until))
    print(f"the drawing: {out}")
    return 0

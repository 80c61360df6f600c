"""Several policies run on one workload with one seed, one after the other."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs

from paddock.adapters.config import InvalidConfig, load, validate
from paddock.adapters.simulation.cut import Beginning
from paddock.adapters.simulation.load import Workload
from paddock.adapters.simulation.outcome import Outcome
from paddock.adapters.simulation.render.background import Assumption, Background
from paddock.core.errors import InvalidInput
from paddock.core.settings import FleetSettings
from paddock.core.units import Moment, Span
from paddock.entrypoints.simulation.engine import Engine, Progress

DEFAULTS = "defaults"
"""The policy of those who bring no configuration."""


@attrs.frozen
class Order:
    """What to simulate. ``workload`` None is the built-in day; without ``configs`` the settings' defaults are tried.

    ``until`` leaves out every run that starts that long after the first one or later; ``until_text`` is how it was
    written. ``waits`` asks for the waits of cold, stopped and hot machines in place of a comparison.
    """

    workload: Path | None = None
    configs: tuple[Path, ...] = ()
    seed: int = 1
    faults: str = ""
    until: Span | None = None
    until_text: str = ""
    waits: bool = False

    def command(self, *configs: Path) -> str:
        """The command line that does this again, with these configurations."""
        words = ["paddock", "simulate"]
        words += [] if self.workload is None else [str(self.workload)]
        for config in configs:
            words += ["--config", str(config)]
        words += ["--seed", str(self.seed)]
        words += ["--faults", self.faults] if self.faults else []
        words += ["--until", self.until_text] if self.until is not None else []
        words += ["--waits"] if self.waits else []
        return shlex.join(words)


@attrs.frozen
class Size:
    """How much there is to simulate: jobs, and when the first and the last run start."""

    jobs: int
    first: Moment
    last: Moment


@attrs.frozen
class Policy:
    """A configuration to try, and the file it is from."""

    name: str
    settings: FleetSettings
    config: Path | None = None


@attrs.frozen
class Comparison:
    """What came of it, in the order of the policies."""

    outcomes: tuple[Outcome, ...]
    background: Background


Watch = Callable[[str, Size], Progress]
"""Called once for each policy, before it begins: whom to tell how far it is."""


def compare(order: Order, engine: Engine, watch: Watch) -> Comparison:
    """Run each policy.

    Raises:
        InvalidInput: something that was ordered is not there or makes no sense; nothing was run then.
        InvalidConfig: what is wrong with the configurations, all of it.
    """
    workload, policies, size, own = prepared(order, engine)
    outcomes = tuple(
        engine.run(workload, policy.settings, policy.name, order.seed, order.faults, watch(policy.name, size))
        for policy in policies
    )
    return Comparison(
        outcomes,
        Background(
            command=order.command(*order.configs),
            replays={one.name: order.command(*([] if one.config is None else [one.config])) for one in policies},
            faults=order.faults,
            assumptions=(*own, *engine.assumptions),
        ),
    )


def prepared(order: Order, engine: Engine) -> tuple[Workload, Sequence[Policy], Size, Sequence[Assumption]]:
    """What is to be run: the workload, the policies, how much it is, and what is assumed beside the engine's own.

    Raises:
        InvalidInput, InvalidConfig: as `compare`.
    """
    if order.faults and order.faults not in engine.faults:
        known = ", ".join(engine.faults) or "none in this version"
        raise InvalidInput("--faults", order.faults, f"there are: {known}")
    workload = engine.built_in() if order.workload is None else engine.opened(order.workload)
    if order.until is not None:
        workload = Beginning(workload, order.until)
    policies = _policies(order, workload)
    return workload, policies, size_of(workload), tuple(_own_assumptions(order))


def _policies(order: Order, workload: Workload) -> list[Policy]:
    problems = [problem for path in order.configs for problem in validate(path)]
    if problems:
        raise InvalidConfig(problems)
    owners = sorted({repository.partition("/")[0] for repository in workload.repositories})
    everything = tuple(f"{owner}/*" for owner in owners)
    if not order.configs:
        return [Policy(DEFAULTS, FleetSettings(repositories=everything))]
    found = []
    for name, path in zip(names(order.configs), order.configs, strict=True):
        settings = load(path).settings
        if order.workload is None:  # made-up repositories stand on nobody's list
            settings = attrs.evolve(settings, repositories=everything)
        elif not any(map(settings.allows, workload.repositories)):
            some = ", ".join(workload.repositories[:3]) or "none"
            remedy = (
                f"github.repositories allows none of the workload's repositories ({some}): every job would be refused"
            )
            raise InvalidInput("--config", str(path), remedy)
        found.append(Policy(name, settings, path))
    return found


def names(configs: Sequence[Path]) -> list[str]:
    """What to call the configurations: by file name without its ending, by path if that is not enough."""
    for name in (lambda path: path.stem, str):
        called = [name(path) for path in configs]
        if len(set(called)) == len(called):
            return called
    return [f"{path} ({place})" for place, path in enumerate(configs, 1)]


def size_of(workload: Workload) -> Size:
    """Go through the workload once: what is wrong with it is told before anything is run."""
    first = last = jobs = 0
    for count, run in enumerate(workload.runs()):
        first = run.at if not count else first
        last = run.at
        jobs += len(run.jobs)
    if not jobs:
        raise InvalidInput("workload", workload.name, "has no job in it: there is nothing to simulate")
    return Size(jobs, first, last)


def _own_assumptions(order: Order) -> Iterator[Assumption]:
    if order.workload is None:
        yield Assumption("repositories", "all of the workload's", "they are made up: no configuration names them")

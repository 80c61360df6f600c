"""Pools, as the file has them. What is wrong with one is for `paddock.core.pools.check` to say, and here to place."""

from collections.abc import Mapping
from typing import Any

import attrs

from paddock.adapters.config.problems import Path, shown, steps
from paddock.adapters.config.sound import SoundTree
from paddock.adapters.config.specs import spec_at
from paddock.core.errors import InvalidInput
from paddock.core.pools.check import problems
from paddock.core.pools.pool import Bounds, Pool, digest_of
from paddock.core.pools.schedule import Day, Schedule, Targets, Window
from paddock.core.spec import RunnerSpec
from paddock.core.wallclock import minutes_of


def pools_of(tree: SoundTree, specs: Mapping[str, RunnerSpec]) -> dict[str, Pool]:
    """The pools by name, but for those whose shape or machine is wrong. `specs` are those that machines may be."""
    found: dict[str, Pool] = {}
    for name in tree.names("pools", meaning="labels"):
        at = ("pools", name)
        spec = spec_at(tree, (*at, "machine"), specs) if tree.sound(*at, "machine") else None
        if not tree.sound(*at):
            continue
        pool = _pool(tree, name, RunnerSpec() if spec is None else spec)
        for problem in problems(pool):
            _refuse(tree, at, problem)
        if spec is not None:
            found[name] = pool
    return found


def _refuse(tree: SoundTree, at: Path, problem: InvalidInput) -> None:
    """Tell it with its value as the file has it, if that is no mapping or list."""
    path = (*at, *steps(problem.field))
    found = tree.get(*path)
    value = problem.value if found is None or isinstance(found, dict | list) else found
    tree.refuse(path, shown(value) if value != "" else "", problem.remedy, at_key=not problem.field)


def _pool(tree: SoundTree, name: str, spec: RunnerSpec) -> Pool:
    at, usual = ("pools", name), Pool(name, RunnerSpec())
    # In which market a job's own machine is bought, and what becomes of the job, is for its labels to say.
    spec = attrs.evolve(spec, spot=False, retry=usual.spec.retry, pool=name)
    return Pool(
        name=name,
        spec=spec,
        hot=tree.get(*at, "hot", default=usual.hot),
        stopped=tree.get(*at, "stopped", default=usual.stopped),
        idle_timeout=tree.span((*at, "idle_timeout"), usual.idle_timeout),
        max_age=tree.span((*at, "max_age"), usual.max_age, none=True),
        schedule=Schedule(
            zone=tree.get(*at, "zone", default=usual.schedule.zone),
            windows=tuple(_window(window) for window in tree.get(*at, "windows", default=())),
        ),
        most=tree.get(*at, "most"),
        digest=digest_of(spec),
        auto=tree.get(*at, "auto", default=usual.auto),
        bounds=Bounds(
            least=Targets(**tree.get(*at, "bounds", "least", default={})),
            most=Targets(**tree.get(*at, "bounds", "most", default={})),
        ),
    )


def _window(window: Mapping[str, Any]) -> Window:
    """A window of the shape that the schema wants; what is not told apart here has the names of the value's fields."""
    fields = {key: value for key, value in window.items() if key not in {"from", "to", "days"}}
    return Window(
        begins=minutes_of(window["from"]),
        ends=minutes_of(window["to"]),
        days=tuple(Day(day) for day in window.get("days", ())),
        **fields,
    )

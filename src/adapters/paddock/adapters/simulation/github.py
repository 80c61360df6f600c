"""The model of GitHub as a part of the simulated world: its deadlines are the world's events."""

from collections.abc import Callable, Iterable

from paddock.adapters.memory.github import Event, MemoryGitHub, PublishedPackage, RunnerRecord
from paddock.adapters.memory.github.deadlines import CallOff, Deadline
from paddock.adapters.memory.github.values import Timings
from paddock.adapters.simulation.timeline import Timeline
from paddock.core.ports.system import Chance, Ids
from paddock.core.spec import Arch
from paddock.core.units import Moment

_DIGEST = "ab" * 32


class SimulatedGitHub(MemoryGitHub):
    """The model, without what no simulated runner reads."""

    def jit_config(self, runner: RunnerRecord) -> str:
        """Not a key of four kilobytes but a word."""
        return f"jit-{runner.id}"


class TimelineAgenda:
    """GitHub's deadlines on the world's timeline."""

    def __init__(self, timeline: Timeline) -> None:
        """Args: the world's time."""
        self._timeline = timeline
        self.github: MemoryGitHub | None = None

    def at(self, moment: Moment, deadline: Deadline) -> CallOff:
        """Let it happen at the moment."""
        return self._timeline.at(moment, lambda: self._happen(deadline))

    def settle(self, now: Moment) -> None:
        """Nothing is left to settle: the timeline does it."""

    def next(self) -> Moment | None:
        """Nothing happens but by the timeline."""
        return None

    def _happen(self, deadline: Deadline) -> None:
        if self.github is not None:
            with self.github.state.change():
                deadline()


def github_on(
    timeline: Timeline,
    *,
    ids: Ids,
    chance: Chance,
    timings: Timings,
    listener: Callable[[Event], object],
    repositories: Iterable[str],
) -> MemoryGitHub:
    """A GitHub that has these repositories, and runner packages that two places vouch for."""
    agenda = TimelineAgenda(timeline)
    github = SimulatedGitHub(clock=timeline, ids=ids, chance=chance, listener=listener, timings=timings, agenda=agenda)
    agenda.github = github
    for arch in Arch:
        filename = f"actions-runner-linux-{arch}-2.330.0.tar.gz"
        url = f"https://github.invalid/{filename}"
        github.packages[arch] = PublishedPackage(arch, "2.330.0", filename, url, _DIGEST, _DIGEST)
    for repository in repositories:
        github.add_repository(repository)
    return github

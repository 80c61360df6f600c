"""kill -9 of the one-machine fleet at any moment: its machines live on, and after the restart nothing is wrong.

The fleet is a process of its own, GitHub a stand-in in this one. The moments are seeded; a failure names the seed.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from time import monotonic, sleep

import attrs
import pytest

from paddock.adapters.standin import GitHubStandIn
from paddock.core.states import JobState
from tests.fleet_process import FleetProcess
from tests.local_fleet import (
    LABEL,
    REPOSITORY,
    decisions_of,
    jobs_of,
    living_machines,
    looking_at,
    nothing_left,
    processes_of,
    runners_of,
    script,
    told_of,
    until,
)

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("PADDOCK_SEED", "9"))
MOMENTS = 9
SPAN = 2.4
"""Seconds that the jobs below take from the first webhook to the last machine's end, about."""

AT_ONCE = 3
"""Registrations under way at a time, at most: those of the matrix, which are of one launch."""

# What explains that a job was launched for more than once: a launch that came to nothing, or a machine that GitHub
# gave to another job.
EXPLANATIONS = {"relaunch", "displaced", "no_capacity"}


@attrs.define
class Stage:
    """A fleet, its GitHub, and the file in which every job's step leaves a line."""

    fleet: FleetProcess
    github: GitHubStandIn
    marks: Path
    kills: int = 0

    @property
    def state(self) -> Path:
        """The fleet's state directory."""
        return self.fleet.state

    def play(self, name: str) -> tuple[int, ...]:
        """Start five jobs: a matrix of equal labels, and two others."""
        mark = f'echo "$GITHUB_JOB" >> {self.marks}'
        matrix = [script(f"{name}-matrix-{n}", mark, f"sleep 0.{n}") for n in (2, 4, 6)]
        others = [
            script(f"{name}-big", "sleep 0.3", mark, labels=(f"{LABEL}/cpu=8",)),
            script(f"{name}-own", mark, labels=(f"{LABEL}/x-n={name}",)),
        ]
        return self.github.start_run(REPOSITORY, [*matrix, *others]).job_ids

    def finish(self, job_ids: Sequence[int]) -> None:
        """Wait until all jobs have ended and no machine is left, and check that everything is right."""
        with looking_at(self.state) as state:

            def tell() -> str:
                return f"{told_of(state, job_ids)}\n{self.github.runners()}\n{self.fleet.output()}"

            until(
                lambda: all(job.conclusion for job in self.github.jobs() if job.id in job_ids), "concluded", tell=tell
            )
            ended = {JobState.FINISHED}
            until(
                lambda: all(jobs_of(state)[job].state in ended for job in job_ids if job in jobs_of(state)),
                "the records say finished",
                tell=tell,
            )
            until(lambda: not any(r.live for r in runners_of(state).values()), "machine records closed", tell=tell)
            assert {job.name: job.conclusion for job in self.github.jobs() if job.id in job_ids} == {
                job.name: "success" for job in self.github.jobs() if job.id in job_ids
            }, tell()
            records = jobs_of(state)
            assert {records[job].conclusion for job in job_ids} == {"success"}, tell()
            served = Counter(runner.served_job for runner in runners_of(state).values() if runner.served_job)
            for job in job_ids:
                assert served[job] <= 1, f"job {job} ran on {served[job]} machines\n{tell()}"
                told = Counter(d.verdict for d in decisions_of(state, job) if d.subject == f"job:{job}")
                more = told["launched"] - 1
                assert more <= sum(told[verdict] for verdict in EXPLANATIONS), tell()
            names = [job.name for job in self.github.jobs() if job.id in job_ids]
            left = Counter(self.marks.read_text(encoding="utf-8").split())
            assert {name: left[name] for name in names} == dict.fromkeys(names, 1), tell()
            # One that a kill left without a record is adopted when its launch's lease is over.
            until(lambda: not living_machines(self.state), "no machine lives", tell=tell)
            # A kill between GitHub's registrations and their orders leaves some that never connect.
            left_over = [runner for runner in self.github.runners() if runner.connected_at is not None]
            assert not left_over, tell()
            assert len(self.github.runners()) <= self.kills * AT_ONCE, tell()

    def kill(self) -> None:
        """End it by kill -9."""
        self.fleet.kill()
        self.kills += 1

    def kill_and_restart(self) -> None:
        """End it by kill -9 and start it again; machines that lived keep their processes."""
        self.kill()
        alive = living_machines(self.state)
        self.fleet.start()
        self.fleet.wait_until_it_serves()
        now = living_machines(self.state)
        assert {machine: now[machine] for machine in alive if machine in now} == {
            machine: pid for machine, pid in alive.items() if machine in now
        }, "a machine that lived has another process"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    state = tmp_path / "state"
    with GitHubStandIn() as github, nothing_left(state):
        github.add_repository(REPOSITORY)
        fleet = FleetProcess(state, github)
        fleet.start()
        try:
            fleet.wait_until_it_serves()
            yield Stage(fleet, github, tmp_path / "marks")
            assert fleet.stop() == 0, fleet.output()
            assert not processes_of(state)
        finally:
            if fleet.process is not None:
                fleet.kill()


def test_killed_at_any_moment(stage: Stage) -> None:
    """Nine moments over the lives of five jobs: each job runs exactly once, and nothing is left over."""
    chance = Random(SEED)
    for number in range(MOMENTS):
        moment = SPAN * (number + chance.random()) / MOMENTS
        began = monotonic()
        jobs = stage.play(f"k{number}")
        sleep(max(0.0, moment - (monotonic() - began)))
        try:
            stage.kill_and_restart()
            stage.finish(jobs)
        except AssertionError as error:
            raise AssertionError(f"killed at {moment:.3f} s (moment {number}, PADDOCK_SEED={SEED}): {error}") from error


def test_killed_again_and_again(stage: Stage) -> None:
    """A kill every half second, also while it starts: the work gets done between them."""
    chance = Random(SEED)
    jobs = stage.play("again")
    for _ in range(8):
        sleep(0.3 + 0.4 * chance.random())
        stage.kill()
        stage.fleet.start()
    stage.fleet.wait_until_it_serves()
    stage.finish(jobs)

"""The demo's judge: a play that went as written has no deviations, and each kind of deviation is found."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from paddock.core.costs.ledger import ledger
from paddock.core.decision import Decision
from paddock.core.job import Job, JobFacts
from paddock.core.runner import Runner
from paddock.core.spec import Arch
from paddock.core.states import JobState, OperationalResult, RunnerState
from paddock.entrypoints.demo.play import Played, View
from paddock.entrypoints.demo.scenario import ANY_LAUNCHES, Part, aliases, scenes
from paddock.entrypoints.demo.verdict import deviations
from tests.strategies import NOON

FIRST = 1000


def parts(arch: Arch = Arch.X64) -> dict[int, Part]:
    """Every part of the play, under an id of its job."""
    return dict(enumerate((part for scene in scenes(arch) for part in scene.parts), FIRST))


def as_written(arch: Arch = Arch.X64) -> Played:
    """A play that went just as its scenario says."""
    jobs, runners, decisions = [], [], {}
    for job_id, part in parts(arch).items():
        ending = part.ending
        ran = ending.state is JobState.FINISHED
        jobs.append(
            Job(
                JobFacts(job_id, 1, "acme/shop", part.script.labels, name=part.script.name),
                state=ending.state,
                conclusion=ending.conclusion,
                result=ending.result,
                launch=1 if ending.launches == ANY_LAUNCHES else ending.launches,
                machine=f"m-{job_id}" if ran else None,
                reason=f"because {ending.reason}" if ending.reason else "",
            )
        )
        if ran:
            runners.append(
                Runner(
                    f"m-{job_id}",
                    "acme/shop",
                    part.script.labels,
                    "launch",
                    state=RunnerState.GONE,
                    launched_at=NOON,
                    served_job=job_id,
                )
            )
        decisions[job_id] = tuple(Decision(f"job:{job_id}", NOON, "test", verdict, "") for verdict in ending.told)
    return Played(
        view=View(tuple(jobs), tuple(runners), NOON),
        began=NOON,
        parts=parts(arch),
        github={job.id: job.conclusion for job in jobs},
        decisions=decisions,
        bill=ledger([]),
        left_behind=(),
        timed_out=False,
    )


def named(name: str) -> int:
    """The id of the job of this name."""
    return next(job_id for job_id, part in parts().items() if part.script.name == name)


def with_job(name: str, **changes: Any) -> Played:  # noqa: ANN401 - any field of a job
    """The play with one record that is otherwise."""
    played = as_written()
    jobs = tuple(attrs.evolve(job, **changes) if job.id == named(name) else job for job in played.view.jobs)
    return attrs.evolve(played, view=attrs.evolve(played.view, jobs=jobs))


def without_job(name: str) -> Played:
    """The play with a job that the fleet never saw."""
    played = as_written()
    jobs = tuple(job for job in played.view.jobs if job.id != named(name))
    return attrs.evolve(played, view=attrs.evolve(played.view, jobs=jobs))


def with_a_stranger() -> Played:
    """The play with a job that nobody started."""
    played = as_written()
    stranger = Job(JobFacts(7, 1, "acme/shop", ("paddock",), name="stranger"))
    return attrs.evolve(played, view=attrs.evolve(played.view, jobs=(*played.view.jobs, stranger)))


def served_twice(name: str) -> Played:
    """The play with a job that ran on two machines."""
    played = as_written()
    again = attrs.evolve(played.view.runners[-1], machine="m-again", served_job=named(name))
    return attrs.evolve(played, view=attrs.evolve(played.view, runners=(*played.view.runners, again)))


@pytest.mark.parametrize("arch", list(Arch))
def test_a_play_that_went_well(arch: Arch) -> None:
    """Nothing is held against it, on a box of either architecture."""
    assert deviations(as_written(arch)) == ()


@pytest.mark.parametrize(
    ("play", "words"),
    [
        (lambda: attrs.evolve(as_written(), timed_out=True), "not over after"),
        (lambda: attrs.evolve(as_written(), left_behind=("m-7",)), "machine m-7 was left behind"),
        (lambda: without_job("lint"), "lint: the fleet never heard of it"),
        (with_a_stranger, "job 7 is nobody's: stranger"),
        (lambda: served_twice("unit"), "ran on 2 machines"),
        (lambda: with_job("lint", state=JobState.QUEUED), "lint: state should be finished, and is queued"),
        (lambda: with_job("lint", conclusion="failure"), "lint: conclusion should be success, and is failure"),
        (lambda: with_job("lint", result=OperationalResult.INTERRUPTED), "lint: result should be served"),
        (lambda: with_job("lint", result=None), "lint: result should be served, and is None"),
        (lambda: with_job("lint", launch=2), "lint: launches should be 1, and is 2"),
        (lambda: with_job("flaky machine", launch=1), "flaky machine: launches should be 2, and is 1"),
        (lambda: with_job("typo", reason="no idea"), "typo: its reason should say 'did you mean cpu=4'"),
        (lambda: with_job("typo", state=JobState.ABANDONED), "typo: state should be rejected"),
        (
            lambda: attrs.evolve(as_written(), decisions={}),
            "twice told: the decision 'duplicate' should have been recorded",
        ),
        (
            lambda: attrs.evolve(as_written(), github={**as_written().github, named("lint"): "cancelled"}),
            "lint: GitHub concluded cancelled, the record says success",
        ),
        (
            lambda: attrs.evolve(as_written(), github={}),
            "production: GitHub concluded None, the record says success",
        ),
    ],
)
def test_each_kind_of_deviation_is_found(play: Callable[[], Played], words: str) -> None:
    """The judge can say no, and says it in a sentence that names the job."""
    assert any(words in sentence for sentence in deviations(play())), deviations(play())


def test_a_displaced_launch_is_nobody_s_failure() -> None:
    """A launch whose machine GitHub gave to another job does not count."""
    assert deviations(with_job("lint", launch=3, displaced=2)) == ()


def test_a_matrix_may_share_its_launches() -> None:
    """Of jobs with equal labels nobody can say whose launch served whom."""
    assert deviations(with_job("test (1)", launch=0)) == ()
    assert deviations(with_job("test (1)", launch=3)) == ()


@pytest.mark.parametrize("arch", list(Arch))
def test_the_play_is_worth_watching(arch: Arch) -> None:
    """Two dozen jobs of every ending, each name once; the foreign label is served on this architecture."""
    played = parts(arch)
    names = [part.script.name for part in played.values()]
    assert len(names) == len(set(names)) >= 20
    endings = {(part.ending.state, part.ending.conclusion) for part in played.values()}
    assert {
        (JobState.FINISHED, "success"),
        (JobState.FINISHED, "failure"),
        (JobState.FINISHED, "cancelled"),
        (JobState.CANCELLED, "cancelled"),
        (JobState.REJECTED, None),
    } <= endings
    assert all(alias.runs_on.endswith(f"arch={arch}") for alias in aliases(arch))

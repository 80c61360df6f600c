"""How a run of GitHub's history becomes a load: what its jobs ask for, in as many parts as they came in."""

from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import pytest

from paddock.adapters.github.history import PastRun
from paddock.adapters.simulation.load import JobLoad
from paddock.adapters.simulation.workloads.record import History, Tally, loads, recorded
from paddock.core.job import JobFacts
from paddock.core.ports.github import GitHubJob
from paddock.core.units import HOUR, MINUTE, SECOND, Moment

RUN = PastRun(7, "acme/shop", "ci", "main", 0, "success")


def job(number: int, created: Moment = 0, **fields: Any) -> GitHubJob:  # noqa: ANN401 - attrs checks the names
    """A job that waited a second and then ran for a minute."""
    facts = JobFacts(number, 7, "acme/shop", ("paddock",), name=f"job {number}", created_at=created)
    begun = created + SECOND
    given = GitHubJob(facts, "completed", "success", number, f"r-{number}", begun, begun + MINUTE)
    return attrs.evolve(given, **fields)


@attrs.frozen
class Remembered:
    """A history of these runs, each with its jobs."""

    found: Sequence[tuple[PastRun, Sequence[GitHubJob]]]

    def runs(self, repository: str, since: Moment, until: Moment) -> Iterator[PastRun]:
        """Those of the repository and the time."""
        return (run for run, _ in self.found if run.repository == repository and since <= run.created_at < until)

    def jobs(self, repository: str, run_id: int) -> Iterator[GitHubJob]:
        """The run's."""
        return (job for run, jobs in self.found for job in jobs if (run.repository, run.run_id) == (repository, run_id))


def taken(history: History, until: Moment = 100 * HOUR) -> tuple[list[tuple[int, Moment]], Tally]:
    """The runs' ids with the moments of their parts, and what was counted."""
    tally = Tally()
    names = ["acme/shop", "acme/api"]
    found = recorded(history, names, 0, until, lambda labels: labels == ("paddock",), tally, lambda: None)
    return [(number, run.at) for number, run in found], tally


def test_a_matrix_that_took_seconds_to_make_is_one_part() -> None:
    """GitHub makes a large run's jobs one after another; they were all asked for at once."""
    (part,) = loads(RUN, [job(number, number * SECOND) for number in range(1, 9)])
    assert (part.at, len(part.jobs)) == (SECOND, 8)


def test_jobs_that_waited_for_others_are_a_later_part() -> None:
    """What `needs` held back is asked for when it is created."""
    parts = list(loads(RUN, [job(2, 5 * MINUTE), job(1)]))
    assert [(part.at, [one.name for one in part.jobs]) for part in parts] == [(0, ["job 1"]), (5 * MINUTE, ["job 2"])]


def test_a_job_that_is_listed_with_a_later_attempt_again_counts_once() -> None:
    """A re-run of failed jobs lists those that succeeded under new ids, with their old times and runner."""
    first = job(1)
    again = attrs.evolve(first, facts=attrs.evolve(first.facts, job_id=9, run_attempt=2))
    assert [len(part.jobs) for part in loads(RUN, [first, again])] == [1]


def test_two_jobs_of_one_name_that_never_ran_are_two() -> None:
    """They look alike because nothing happened to them."""
    one = job(1, started_at=None, runner_id=None, conclusion="cancelled", completed_at=MINUTE)
    other = attrs.evolve(one, facts=attrs.evolve(one.facts, job_id=2))
    assert [len(part.jobs) for part in loads(RUN, [one, other])] == [2]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("success", "success"),
        ("failure", "failure"),
        ("cancelled", "cancelled"),
        ("timed_out", "timed_out"),
        ("neutral", "success"),
        ("action_required", "failure"),
        (None, "failure"),
    ],
)
def test_conclusions_are_those_that_a_runner_can_have(said: str | None, kept: str) -> None:
    """GitHub's other words are brought to the nearest."""
    (part,) = loads(RUN, [job(1, conclusion=said)])
    assert part.jobs == (JobLoad("job 1", ("paddock",), MINUTE, kept),)


def test_only_a_cancelled_run_was_cancelled() -> None:
    """A matrix that failed fast cancels its other legs by itself: nobody cancelled the run."""
    jobs = [job(1, conclusion="failure"), job(2, conclusion="cancelled", completed_at=30 * SECOND)]
    (failed,) = loads(attrs.evolve(RUN, conclusion="failure"), jobs)
    (cancelled,) = loads(attrs.evolve(RUN, conclusion="cancelled"), jobs)
    assert (failed.cancelled_after, cancelled.cancelled_after) == (None, 30 * SECOND)


def test_clocks_that_disagree_make_no_negative_spans() -> None:
    """GitHub's times come from several machines."""
    odd = job(1, MINUTE, started_at=2 * MINUTE, completed_at=MINUTE - SECOND, conclusion="cancelled")
    (part,) = loads(attrs.evolve(RUN, conclusion="cancelled"), [odd])
    assert (part.jobs[0].duration, part.cancelled_after) == (0, 0)


def test_names_that_github_leaves_out() -> None:
    """A run without workflow and branch, a job without a name: something stands there."""
    bare = attrs.evolve(RUN, workflow="", branch="")
    (part,) = loads(bare, [attrs.evolve(job(1), facts=attrs.evolve(job(1).facts, name=""))])
    assert (part.workflow, part.branch, part.jobs[0].name) == ("ci", "main", "job")


def test_parts_of_many_runs_come_in_the_order_of_time() -> None:
    """A late part of an early run waits for the runs in between, of its own repository and of others."""
    early = attrs.evolve(RUN, run_id=1)
    later = attrs.evolve(RUN, run_id=2, created_at=HOUR)
    other = attrs.evolve(RUN, run_id=3, repository="acme/api", created_at=2 * HOUR)
    history = Remembered(
        [(early, [job(1), job(2, 3 * HOUR)]), (later, [job(3, HOUR)]), (other, [job(4, 2 * HOUR), job(5, 90 * HOUR)])]
    )
    found, tally = taken(history, until=80 * HOUR)
    assert found == [(1, 0), (2, HOUR), (3, 2 * HOUR), (1, 3 * HOUR)]
    assert (tally.runs, tally.jobs) == (3, 4)


def test_what_was_left_out_is_counted() -> None:
    """Skipped and unfinished jobs, those without labels, and those of others' labels, by label set."""
    other = attrs.evolve(job(1), facts=attrs.evolve(job(1).facts, labels=("ubuntu-latest",)))
    bare = attrs.evolve(job(2), facts=attrs.evolve(job(2).facts, labels=()))
    jobs = [other, bare, job(3, conclusion="skipped"), job(4, completed_at=None), job(5)]
    found, tally = taken(Remembered([(RUN, jobs)]))
    assert found == [(7, 0)]
    assert (tally.others, tally.never_ran, tally.labels) == (1, 3, {("ubuntu-latest",): 1})

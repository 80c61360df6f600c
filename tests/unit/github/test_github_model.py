"""The model of GitHub Actions: who gets which job, and what GitHub does by itself when nobody does anything."""

from collections import Counter

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.memory.github import (
    Event,
    JobScript,
    MemoryGitHub,
    RunnerFaults,
    RunnerRecord,
    Status,
    Timings,
)
from paddock.adapters.memory.github.jit import decode
from paddock.adapters.memory.system import ManualClock, SeededChance, SequentialIds
from paddock.core.errors import Busy, Conflict, NotFound, Rejected
from paddock.core.ports.github import Scope
from paddock.core.units import DAY, HOUR, MINUTE, SECOND
from tests.strategies import NOON

REPOSITORY = "acme/app"
SCOPE = Scope("acme", "app")
JOB = JobScript("build", ("paddock",))


@attrs.frozen
class World:
    """A model at noon, its clock, and everything it told."""

    model: MemoryGitHub
    clock: ManualClock
    events: list[Event]

    def told(self) -> list[str]:
        """The events so far, as words; they are forgotten."""
        words = [f"{event.event.removeprefix('workflow_')} {event.action}" for event in self.events]
        self.events.clear()
        return words

    def runner(self, *labels: str, scope: Scope = SCOPE, name: str = "") -> RunnerRecord:
        """A connected runner."""
        name = name or f"runner-{len(self.model.all_runners())}-{self.model.state.ids.token()[-6:]}"
        made = self.model.runners.register(scope, name, labels or ("paddock",))
        return self.model.runners.connect(made.id)

    def take(self, runner: RunnerRecord) -> int:
        """The runner takes and starts the job it was handed; the job's id."""
        assert runner.job_id is not None
        self.model.runs.acquire(runner.id, runner.job_id)
        self.model.runs.started(runner.id, runner.job_id)
        return runner.job_id


def world(seed: int = 1, timings: Timings | None = None) -> World:
    clock = ManualClock(NOON)
    events: list[Event] = []
    model = MemoryGitHub(
        clock=clock,
        ids=SequentialIds(),
        chance=SeededChance(seed),
        listener=events.append,
        timings=timings or Timings(),
    )
    model.add_repository(REPOSITORY)
    model.add_repository("acme/other")
    return World(model, clock, events)


def test_a_job_is_told_from_its_queue_to_its_end() -> None:
    """The events of one job and its run, in GitHub's order, each with the record as it was at that moment."""
    w = world()
    run = w.model.start_run(REPOSITORY, [JOB])
    assert w.told() == ["run requested", "job queued"]
    runner = w.runner()
    assert w.told() == []
    job_id = w.take(runner)
    started = w.events[-1].job
    assert started is not None
    assert (started.status, started.runner_id, started.runner_name) == (Status.IN_PROGRESS, runner.id, runner.name)
    assert w.told() == ["run in_progress", "job in_progress"]
    w.model.runs.complete(runner.id, job_id, "success")
    assert w.told() == ["job completed", "run completed"]
    assert w.model.state.runs[run.id].conclusion == "success"
    assert w.model.all_runners() == ()


@pytest.mark.parametrize(
    ("offered", "wanted", "fits"),
    [
        (("paddock",), ("paddock",), True),
        (("Paddock/CPU=4",), ("paddock/cpu=4",), True),
        (("a", "b", "c"), ("c", "a"), True),
        (("a",), ("a", "b"), False),
        (("paddock/cpu=4",), ("paddock/cpu=2",), False),
    ],
)
@pytest.mark.parametrize("runner_first", [True, False], ids=["runner first", "job first"])
def test_labels_match_as_a_case_folded_superset(
    offered: tuple[str, ...],
    wanted: tuple[str, ...],
    fits: bool,  # noqa: FBT001 - a parameter of the table
    runner_first: bool,  # noqa: FBT001 - as above
) -> None:
    """A runner gets a job if it has all of its labels, whatever their case, and whoever came first."""
    w = world()
    if runner_first:
        runner = w.runner(*offered)
    w.model.start_run(REPOSITORY, [JobScript("build", wanted)])
    if not runner_first:
        runner = w.runner(*offered)
    assert (w.model.state.runners[runner.id].job_id is not None) is fits


@pytest.mark.parametrize(
    ("scope", "repository", "fits"),
    [
        (SCOPE, REPOSITORY, True),
        (Scope("ACME"), REPOSITORY, True),
        (SCOPE, "acme/other", False),
        (Scope("acme", "other"), REPOSITORY, False),
    ],
)
def test_runners_serve_their_scope_alone(scope: Scope, repository: str, fits: bool) -> None:  # noqa: FBT001 - a table
    """A repository's runner serves it alone, an organisation's serves all its repositories."""
    w = world()
    w.model.start_run(repository, [JOB])
    assert (w.runner(scope=scope).job_id is not None) is fits


def test_a_runner_is_not_bound_to_the_job_it_was_made_for() -> None:
    """Over many seeds every idle runner gets the job at some time, and every queued job goes first at some time."""
    runners: Counter[int] = Counter()
    jobs: Counter[int] = Counter()
    for seed in range(60):
        w = world(seed)
        idle = [w.runner().id for _ in range(3)]
        w.model.start_run(REPOSITORY, [JOB])
        runners.update(number for number, one in enumerate(idle) if w.model.state.runners[one].job_id is not None)
        w = world(seed)
        run = w.model.start_run(REPOSITORY, [JOB, JobScript("b", ("paddock",)), JobScript("c", ("paddock",))])
        taken = w.runner().job_id
        jobs.update(number for number, one in enumerate(run.jobs) if one == taken)
    assert set(runners) == set(jobs) == {0, 1, 2}


@given(
    seed=st.integers(0, 10_000),
    steps=st.lists(st.sampled_from(["job", "runner", "serve", "cancel", "hour"]), max_size=25),
)
def test_the_same_world_twice(seed: int, steps: list[str]) -> None:
    """The same clock, ids and chance give the same history, and nobody ever holds a job twice."""
    histories = []
    for _ in range(2):
        w = world(seed)
        for number, step in enumerate(steps):
            play(w, step, number)
            holders = [runner.job_id for runner in w.model.all_runners() if runner.job_id is not None]
            assert len(holders) == len(set(holders))
        histories.append((w.events, w.model.jobs(), w.model.all_runners(), w.model.all_runs()))
    assert histories[0] == histories[1]


def play(w: World, step: str, number: int) -> None:
    """One step of a random history."""
    if step == "job":
        w.model.start_run(REPOSITORY, [JOB, JobScript("other", ("paddock", "big"))])
    elif step == "runner":
        w.runner(*(("paddock", "big") if number % 2 else ("paddock",)), name=f"runner-{number}")
    elif step == "hour":
        w.clock.advance(HOUR)
    elif step == "cancel" and w.model.all_runs():
        w.model.runs.cancel(REPOSITORY, w.model.all_runs()[-1].id)
    elif step == "serve":
        ready = [runner for runner in w.model.all_runners() if runner.job_id is not None and not runner.acquired]
        if ready:
            w.model.runs.complete(ready[0].id, w.take(ready[0]), "failure" if number % 3 else "success")


def test_a_queued_job_is_cancelled_after_a_day() -> None:
    """GitHub gives up on a job that nobody took: cancelled, no runner, and the run with it."""
    w = world()
    run = w.model.start_run(REPOSITORY, [JOB])
    w.clock.advance(DAY - SECOND)
    assert w.model.jobs()[0].status is Status.QUEUED
    assert w.model.next_deadline() == NOON + DAY
    w.clock.advance(SECOND)
    job = w.model.jobs()[0]
    assert (job.conclusion, job.runner_id, job.runner_name) == ("cancelled", None, None)
    assert w.model.state.runs[run.id].conclusion == "cancelled"
    assert w.runner().job_id is None


def test_a_job_that_its_runner_never_took_waits_again() -> None:
    """Handed to a dead runner, a job is invisible for ten minutes, and then goes to another."""
    w = world()
    w.runner()
    w.model.start_run(REPOSITORY, [JOB])
    other = w.runner()
    assert other.job_id is None
    w.clock.advance(10 * MINUTE)
    w.model.settle()
    assert w.model.state.runners[other.id].job_id == w.model.jobs()[0].id


def test_deleting_a_runner_with_a_job_on_its_way_is_not_refused() -> None:
    """The idle-stop race: GitHub deletes the runner, and the job it was about to take is delayed by ten minutes."""
    w = world()
    w.model.start_run(REPOSITORY, [JOB])
    runner = w.runner()
    assert w.model.runners.delete(runner.id) is True
    waiting = w.runner()
    assert waiting.job_id is None
    w.clock.advance(10 * MINUTE)
    w.model.settle()
    assert w.model.state.runners[waiting.id].job_id is not None


def test_a_busy_runner_is_not_deleted() -> None:
    """From the moment it took the job, before it even started."""
    w = world()
    w.model.start_run(REPOSITORY, [JOB])
    runner = w.runner()
    w.model.runs.acquire(runner.id, w.model.jobs()[0].id)
    with pytest.raises(Busy):
        w.model.runners.delete(runner.id)


@pytest.mark.parametrize("conclusion", ["failure", "cancelled"])
def test_a_silent_runner_costs_the_job(conclusion: str) -> None:
    """Ten minutes after the last renewal GitHub concludes the job, in either of the two words it has for it."""
    w = world()
    w.model.start_run(REPOSITORY, [attrs.evolve(JOB, lost_conclusion=conclusion)])
    runner = w.runner()
    job_id = w.take(runner)
    w.model.runs.renew(runner.id, job_id)
    w.clock.advance(9 * MINUTE)
    w.model.runs.renew(runner.id, job_id)
    w.model.runs.lose(runner.id)
    w.clock.advance(9 * MINUTE)
    assert w.model.jobs()[0].conclusion is None
    w.clock.advance(MINUTE)
    assert w.model.jobs()[0].conclusion == conclusion
    assert w.model.all_runners() == ()
    with pytest.raises(NotFound):
        w.model.runs.complete(runner.id, job_id, "success")


def test_a_cancel_ends_what_waits_and_asks_what_runs() -> None:
    """Queued, handed-over and waiting jobs end at once; a running one is asked, and says itself how it ended."""
    w = world()
    scripts = [JobScript("runs", ("a",)), JobScript("handed", ("b",)), JobScript("queued", ("c",))]
    run = w.model.start_run(REPOSITORY, [*scripts, JobScript("waits", ("d",), environment="production")])
    runner, handed = w.runner("a"), w.runner("b")
    job_id = w.take(runner)
    assert w.model.runs.cancel(REPOSITORY, run.id) is True
    assert [job.conclusion for job in w.model.jobs()] == [None, "cancelled", "cancelled", "cancelled"]
    assert w.model.state.jobs[job_id].cancel_requested
    assert w.model.state.runners[handed.id].job_id is None
    w.model.runs.complete(runner.id, job_id, "cancelled")
    assert w.model.state.runs[run.id].conclusion == "cancelled"
    assert w.model.runs.cancel(REPOSITORY, run.id) is False


def test_the_runner_of_a_withdrawn_job_serves_another() -> None:
    """A runner that had not taken the cancelled job is idle again, and gets the next one that fits."""
    w = world()
    run = w.model.start_run(REPOSITORY, [JOB])
    runner = w.runner()
    later = w.model.start_run(REPOSITORY, [JOB])
    w.model.runs.cancel(REPOSITORY, run.id)
    assert w.model.state.runners[runner.id].job_id == later.jobs[0]


def test_a_protected_job_waits_for_its_approval() -> None:
    """A job with a protected environment is told as waiting, no runner gets it, and approval queues it."""
    w = world()
    w.model.start_run(REPOSITORY, [attrs.evolve(JOB, environment="production")])
    assert w.told() == ["run requested", "job waiting"]
    runner = w.runner()
    assert runner.job_id is None
    w.model.runs.approve(w.model.jobs()[0].id)
    assert w.told() == ["job queued"]
    assert w.model.state.runners[runner.id].job_id is not None


def test_a_rerun_makes_new_jobs_of_the_failed_ones() -> None:
    """Only a completed run, only its failed and cancelled jobs, with new ids, at the next attempt, without faults."""
    w = world()
    faulty = JobScript("bad", ("bad",), faults=RunnerFaults(result="failure"))
    run = w.model.start_run(REPOSITORY, [faulty, JobScript("good", ("good",))])
    runner = w.runner("bad")
    w.model.runs.complete(runner.id, w.take(runner), "failure")
    with pytest.raises(Rejected, match="already running"):
        w.model.runs.rerun_failed(REPOSITORY, run.id)
    runner = w.runner("good")
    w.model.runs.complete(runner.id, w.take(runner), "success")
    w.told()
    again = w.model.runs.rerun_failed(REPOSITORY, run.id)
    assert w.told() == ["run requested", "job queued"]
    new = w.model.jobs()[-1]
    assert (again.attempt, new.attempt, new.name, new.script.faults) == (2, 2, "bad", RunnerFaults())
    assert new.id not in run.jobs
    assert [job.name for job in w.model.runs.latest(again)] == ["good", "bad"]
    runner = w.runner("bad")
    w.model.runs.complete(runner.id, w.take(runner), "success")
    assert w.model.state.runs[run.id].conclusion == "success"
    with pytest.raises(Rejected, match="no failed jobs"):
        w.model.runs.rerun_failed(REPOSITORY, run.id)


def test_a_session_belongs_to_one_process() -> None:
    """A second connection conflicts; after the first has left, it is let in."""
    w = world()
    runner = w.runner()
    with pytest.raises(Conflict):
        w.model.runners.connect(runner.id)
    w.model.runners.disconnect(runner.id)
    assert w.model.runners.connect(runner.id).online


def test_a_runner_that_stops_polling_is_offline() -> None:
    """From its first poll on a runner must go on polling, or it gets no job."""
    w = world()
    runner = w.runner()
    w.model.runners.beat(runner.id)
    w.clock.advance(50 * SECOND)
    w.model.runners.beat(runner.id)
    w.clock.advance(50 * SECOND)
    assert w.model.all_runners()[0].online
    w.clock.advance(10 * SECOND)
    assert not w.model.all_runners()[0].online
    w.model.start_run(REPOSITORY, [JOB])
    assert w.model.all_runners()[0].job_id is None


def test_a_registration_that_never_connects_is_deleted() -> None:
    """After a day; one that did connect stays."""
    w = world()
    w.model.runners.register(SCOPE, "never", ["x"])
    w.runner("y", name="once")
    w.clock.advance(DAY)
    assert [runner.name for runner in w.model.all_runners()] == ["once"]


def test_faults_of_the_registration_hit_the_first_ones_made_for_the_job() -> None:
    """A job's fault hits as many registrations with its labels as it says, and no other label set's."""
    w = world()
    w.model.start_run(REPOSITORY, [attrs.evolve(JOB, faults=RunnerFaults(session_conflict=True, times=2))])
    made = [w.model.runners.register(SCOPE, name, [label]) for name, label in (("a", "x"), ("b", "paddock"))]
    made += [w.model.runners.register(SCOPE, name, ["PADDOCK"]) for name in ("c", "d")]
    assert [runner.faults.session_conflict for runner in made] == [False, True, True, False]


def test_a_ghost_loses_job_and_registration_once() -> None:
    """The acquire call fails, the registration is gone, and the job goes to the next runner, which gets it."""
    w = world()
    w.model.start_run(REPOSITORY, [attrs.evolve(JOB, faults=RunnerFaults(ghost=True))])
    ghost = w.runner()
    assert ghost.job_id is not None
    with pytest.raises(NotFound):
        w.model.runs.acquire(ghost.id, ghost.job_id)
    assert w.model.all_runners() == ()
    assert w.take(w.runner()) == ghost.job_id


def test_a_listener_may_call_the_model() -> None:
    """What a listener does in answer to an event is told after it, in order."""
    w = world()

    def answer(event: Event) -> None:
        if event.action == "queued":
            w.model.runs.cancel(REPOSITORY, event.run.id)

    w.model.state.listeners.append(answer)
    w.model.start_run(REPOSITORY, [JOB])
    assert w.told() == ["run requested", "job queued", "job completed", "run completed"]


def test_the_jit_configuration_has_githubs_shape() -> None:
    """Three files, the registration's own id in the first, and too long for a standard SSM parameter."""
    w = world()
    runner = w.model.runners.register(SCOPE, "paddock--i-0123456789abcdef0--12345678", ["paddock"])
    encoded = w.model.jit_config(runner)
    files = decode(encoded)
    assert list(files) == [".runner", ".credentials", ".credentials_rsaparams"]
    assert (files[".runner"]["AgentId"], files[".runner"]["AgentName"]) == (str(runner.id), runner.name)
    assert 4096 < len(encoded) < 4500
    assert runner.token not in repr(runner)

"""Errors that nobody foresaw are faults of ours; each concerns its own job, event or kind of machine, and no other."""

from collections.abc import Callable
from typing import Any

import pytest

from paddock.adapters.simulation.wires import Wired
from paddock.core.errors import Unavailable
from paddock.core.job import Job, JobFacts
from paddock.core.messages import Assignment, JobObserved, Observed, ReportEvent, RunCompleted, RunnerReported
from paddock.core.records import JOBS
from paddock.core.settings import FleetSettings
from paddock.core.states import JobState
from paddock.core.units import HOUR, MINUTE, SECOND
from tests.faults import Failing
from tests.strategies import NOON
from tests.world.invariants import check
from tests.world.world import World

TOGETHER = "table.together.write"


class Sick:
    """A port in one method of which we stumble over whatever is `meant`."""

    def __init__(self, port: object, method: str, meant: Callable[[Any], bool]) -> None:
        self._port = port
        self._method = method
        self._meant = meant

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the port has
        method = getattr(self._port, name)
        return self._stumbling(method) if name == self._method else method

    def _stumbling(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def stumbling(first: Any, *args: Any) -> Any:  # noqa: ANN401 - as the port's method
            if self._meant(first):
                raise KeyError("a fault of ours")
            return method(first, *args)

        return stumbling


def sick(call: str, meant: Callable[[Any], bool]) -> Callable[[str, object], object]:
    """Put it around the port of this call."""
    port, _, method = call.rpartition(".")
    return lambda name, inner: Sick(inner, method, meant) if name == port else inner


def concerned(first: Any) -> set[int]:  # noqa: ANN401 - what a port is given
    """The jobs that a call is about."""
    match first:
        case str():
            return {int(first)}
        case Job():
            return {first.id}
        case Assignment():
            return {first.job_id}
    return {int(write.key) for write in first if write.kind is JOBS}


@pytest.mark.parametrize("call", ["table.jobs.add", "table.jobs.update", "assignments.put"])
def test_a_fault_of_ours_in_one_job_does_not_stop_its_batch(call: str) -> None:
    """Its request comes back until the queue gives it up, or its machine; the others of its batch are served."""
    bad: list[int] = []
    short, long = (sick(each, lambda first: not concerned(first).isdisjoint(bad)) for each in (TOGETHER, call))
    world = World(around=lambda name, port: long(name, short(name, port)))
    first, *others = world.push_jobs(3)
    bad.append(first)
    world.run(HOUR)
    assert [world.record(job).state for job in others] == [JobState.FINISHED] * 2
    known = world.table.jobs.get(str(first))
    assert world.jobs.depth().dead or (known is not None and known.displaced)
    assert "fault" in world.verdicts(first)
    told = [decision.reason for decision in world.decisions.about(f"job:{first}") if decision.verdict == "fault"]
    assert told[0] == "a fault of ours: KeyError: 'a fault of ours'"


@pytest.mark.parametrize(
    ("message", "subject"),
    [
        (RunnerReported(ReportEvent.STARTED, "i-1", 1, 1, "x", NOON), "machine:i-1"),
        (JobObserved(JobFacts(5, 6, "acme/app", ("paddock",)), Observed.IN_PROGRESS, NOON), "job:5"),
    ],
)
@pytest.mark.parametrize("log", ["is there", "is away"])
def test_a_fault_of_ours_in_one_event_does_not_stop_its_batch(
    message: RunnerReported | JobObserved, subject: str, log: str
) -> None:
    """Whichever place it has in it, and whether or not it can be written down: it ends as a dead letter."""
    failing = Failing()
    for call in ("table.runners.get", "table.jobs.add", *(["decisions.append"] if log == "is away" else [])):
        failing.errors[call] = KeyError("ours")  # type: ignore[assignment]  # on purpose
    world = World(around=failing.around)
    world.events.send([message, RunCompleted(1, 1, "acme/app", "success")])
    assert world.fleet.complete_once() == 2
    assert (world.events.depth().on_loan, world.events.depth().waiting) == (1, 0)
    world.run(HOUR)
    assert world.events.depth().dead == 1
    told = [(decision.actor, decision.verdict) for decision in world.decisions.about(subject)]
    assert set(told) == ({("fleet", "fault")} if log == "is there" else set())


def test_a_fault_over_the_whole_batch_loses_no_request() -> None:
    """What concerns all of them brings all of them back."""
    broken = [True]

    def around(name: str, port: object) -> Wired:
        return Wired(name, port, lambda what, act: stumble() if what == "table.switches.get" and broken else act())

    def stumble() -> None:
        raise ValueError("a fault of ours")

    world = World(around=around)
    jobs = world.push_jobs(3)
    world.run(MINUTE)
    assert {world.record(job).state for job in jobs} == {JobState.QUEUED}
    broken.clear()
    world.run(HOUR)
    assert {world.record(job).state for job in jobs} == {JobState.FINISHED}


def test_a_kind_of_machine_that_cannot_be_launched_does_not_undo_the_others() -> None:
    """The circuits cannot be written for one; the other is launched, and its request is done."""
    failing = Failing({"table.circuits.update": Unavailable("away")})
    world = World(around=failing.around)
    world.fleet.circuits.open("us-east-1a", "c7i.large", "for the test", SECOND)
    world.clock.advance(MINUTE)
    plain, other = world.push_job(), world.push_job(labels="paddock/arch=arm64")
    world.deliver()
    world.fleet.dispatch_once()
    assert world.record(plain).state is JobState.QUEUED
    assert world.record(other).state is JobState.LAUNCHED
    assert world.jobs.depth().waiting == 1
    failing.errors.clear()
    world.run_until_quiet()
    assert {world.record(job).state for job in (plain, other)} == {JobState.FINISHED}
    check(world)


def test_a_fault_over_one_repository_does_not_keep_the_others_from_being_compared() -> None:
    """The sweep against GitHub says which, and why."""
    around = sick("github.workflows.unfinished_jobs", lambda repository: repository == "acme/bad")
    world = World(settings=FleetSettings(repositories=("acme/bad", "acme/app")), around=around)
    world.push_job()
    report = world.fleet.house.sweep_github()
    assert (report.by_kind["repositories"], report.by_kind["adopted"]) == (1, 1)
    assert (report.attempted, report.succeeded, report.failed) == (3, 2, 1)
    assert report.errors == ("acme/bad: KeyError: 'a fault of ours'",)

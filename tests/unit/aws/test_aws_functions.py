"""The functions behind the queues: what must come back is named in the answer, and nothing else is."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.memory.queue import MemoryQueue
from paddock.adapters.telemetry.catalogue import catalogue
from paddock.adapters.telemetry.decisions import ToldDecisions
from paddock.adapters.wire import message_text
from paddock.core.errors import AccessDenied, InvalidInput, PaddockError, Throttled, Unavailable
from paddock.core.job import JobFacts
from paddock.core.messages import (
    JobObserved,
    JobRequested,
    MachineChanged,
    MachineWarned,
    Observed,
    ReportEvent,
    RunnerReported,
    WarningKind,
)
from paddock.core.ports.queues import Depth
from paddock.core.states import JobState
from paddock.core.task import TaskReport
from paddock.core.units import MINUTE, SECOND
from paddock.core.usecases.handled import Again, Done, Left, delay_after
from paddock.entrypoints.aws_lambda import dispatch, events, reports, schedules
from paddock.entrypoints.aws_lambda.batch import Batch, records_of
from paddock.entrypoints.aws_lambda.dispatch import DispatchFunction
from paddock.entrypoints.aws_lambda.events import EventsFunction
from paddock.entrypoints.aws_lambda.logs import start_logging
from paddock.entrypoints.aws_lambda.reports import ReportsFunction
from paddock.entrypoints.aws_lambda.schedules import SchedulesFunction
from paddock.entrypoints.aws_lambda.settings import InvalidEnvironment
from tests.aws.invocations import ROLE_ID, STACK, Context, Desk, failed, lines, logging_kept, record, sqs_event
from tests.faults import Failing
from tests.strategies import NOON
from tests.world.world import World

MACHINE, OTHER = "i-0123456789abcdef0", "i-0123456789abcdef1"
UNREADABLE = ["no JSON", "{}", '{"kind": "job_requested", "version": 99}']
STATE_CHANGE = {
    "version": "0",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "time": "2026-11-22T12:00:00Z",
    "detail": {"instance-id": MACHINE, "state": "terminated"},
}


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Logging is as it was, whatever a function did to it."""
    with logging_kept():
        yield


@pytest.fixture
def desk() -> Desk:
    """The queue."""
    return Desk()


def job(world: World) -> JobFacts:
    """A job that GitHub knows; its webhook never comes by itself."""
    number = world.push_job(labels="paddock/cpu=4")
    found = world.github.state.jobs[number]
    return JobFacts(found.id, found.run_id, found.repository, found.labels, created_at=NOON)


def a_world(failing: Failing | None = None) -> World:
    return World(around=failing.around) if failing else World()


def report(machine: str = MACHINE, event: ReportEvent = ReportEvent.STARTED) -> RunnerReported:
    return RunnerReported(event, machine, 1, 1, "paddock-1", NOON)


# -- dispatch --------------------------------------------------------------------------------------------------------


def test_requests_that_are_done_are_not_named(desk: Desk) -> None:
    """A batch of two jobs: both have machines, and Lambda deletes both messages."""
    world = a_world()
    jobs = [job(world), job(world)]
    function = DispatchFunction(world.fleet, desk)
    asked = [record(JobRequested(each, NOON, f"guid-{number}"), number) for number, each in enumerate(jobs)]
    assert failed(function(sqs_event(*asked))) == []
    assert [world.record(each.job_id).state for each in jobs] == [JobState.LAUNCHED] * 2
    assert (desk.deferred, desk.buried) == ({}, [])


def test_each_decision_of_a_batch_bears_its_own_jobs_delivery(desk: Desk) -> None:
    """Though the batch is dispatched as one."""
    told: list[str] = []

    def telling(name: str, port: Any) -> object:  # noqa: ANN401 - any port
        return ToldDecisions(port, told.append, catalogue(), "paddock-ci") if name == "decisions" else port

    world = World(around=telling)
    jobs = [job(world), job(world)]
    asked = [record(JobRequested(each, NOON, f"guid-{each.job_id}"), number) for number, each in enumerate(jobs)]
    DispatchFunction(world.fleet, desk)(sqs_event(*asked))
    found = [json.loads(line) for line in told if '"launched"' in line]
    assert [(line["job"], line["attempt"], line["delivery"]) for line in found] == [
        (each.job_id, each.run_attempt, f"guid-{each.job_id}") for each in jobs
    ]
    assert all(line["machine"] and "machine" not in line["facts"] for line in found)


def test_only_the_request_that_failed_comes_back(desk: Desk) -> None:
    """The table is away for its job: it is deferred for longer with each time, and named; its neighbour is done."""
    failing = Failing()
    world = a_world(failing)
    first, second = job(world), job(world)
    function = DispatchFunction(world.fleet, desk)
    assert failed(function(sqs_event(record(JobRequested(first, NOON), 1)))) == []
    failing.errors["table.jobs.add"] = Unavailable("away")
    for receives, delay in [(1, 5 * SECOND), (2, 20 * SECOND), (3, 80 * SECOND), (9, 15 * MINUTE)]:
        answer = function(sqs_event(record(JobRequested(second, NOON), 2, receives=receives)))
        assert failed(answer) == ["message-2"]
        assert desk.deferred == {"receipt-2": delay}


def test_a_text_that_cannot_be_read_is_buried_at_once(desk: Desk) -> None:
    """It is a dead letter, Lambda deletes it, and the readable one in its batch is dispatched."""
    world = a_world()
    wanted = job(world)
    function = DispatchFunction(world.fleet, desk)
    bodies = [*UNREADABLE, message_text(report())]  # what may not come by this queue is as good as unreadable
    batch = [record(body, number) for number, body in enumerate(bodies)]
    assert failed(function(sqs_event(*batch, record(JobRequested(wanted, NOON), 9)))) == []
    assert desk.buried == bodies
    assert world.record(wanted.job_id).state is JobState.LAUNCHED


def test_what_cannot_be_buried_comes_back(desk: Desk) -> None:
    """The dead-letter queue is away: nothing is lost."""
    desk.error = Unavailable("away")
    assert failed(DispatchFunction(a_world().fleet, desk)(sqs_event(record("no JSON", 1)))) == ["message-1"]


def test_what_cannot_be_deferred_is_named_all_the_same(desk: Desk) -> None:
    """It comes back when its loan is over."""
    world = a_world(Failing({"table.jobs.add": Unavailable("away")}))
    desk.error = Throttled("too fast", SECOND)
    answer = DispatchFunction(world.fleet, desk)(
        sqs_event(record(JobRequested(JobFacts(1, 1, "a/b", ("paddock",)), 0)))
    )
    assert failed(answer) == ["message-1"]


def test_an_empty_batch_asks_nothing_of_anybody(desk: Desk) -> None:
    """Nor does one in which nothing can be read."""
    failing = Failing()
    function = DispatchFunction(a_world(failing).fleet, desk)
    failing.calls.clear()
    assert failed(function(sqs_event())) == []
    assert failed(function(sqs_event(record("no JSON")))) == []
    assert failing.calls == []


@pytest.mark.parametrize("event", [{}, {"Records": None}, {"Records": [{}]}, {"Records": [{"messageId": "1"}]}])
def test_what_is_no_event_of_sqs_is_refused(event: dict[str, Any], desk: Desk) -> None:
    """The function is wired to something else: an error that Lambda counts."""
    with pytest.raises(InvalidInput, match="SQS"):
        DispatchFunction(a_world().fleet, desk)(event)


FATES = st.sampled_from([Done(), Again(SECOND, "away"), Left("a fault"), "unreadable"])


@given(st.lists(FATES, max_size=10), st.booleans())
def test_an_answer_names_exactly_what_must_come_back(fates: list[Any], away: bool) -> None:  # noqa: FBT001 - hypothesis
    """Whatever becomes of each message, and whether or not the queue can be reached meanwhile."""
    desk = Desk(error=Unavailable("away") if away else None)
    bodies = ["no JSON" if fate == "unreadable" else "{}" for fate in fates]
    batch = Batch(desk, records_of(sqs_event(*(record(body, number) for number, body in enumerate(bodies)))))

    def read(text: str) -> str:
        if text == "no JSON":
            raise InvalidInput("message", text, "must be JSON")
        return text

    readable = (fate for fate in fates if fate != "unreadable")
    for lent in batch.read(read):
        batch.settle(lent.record, next(readable))
    kept = {f"message-{number}" for number, fate in enumerate(fates) if fate != Done() and fate != "unreadable"}
    lost = {f"message-{number}" for number, fate in enumerate(fates) if fate == "unreadable"} if away else set()
    named = failed(batch.answer())
    assert set(named) == kept | lost
    assert len(named) == len(set(named))
    again = {f"receipt-{number}" for number, fate in enumerate(fates) if isinstance(fate, Again)}
    assert set(desk.deferred) == (set() if away else again)


# -- events ----------------------------------------------------------------------------------------------------------


def the_events(world: World, desk: Desk) -> EventsFunction:
    return EventsFunction(world.fleet, desk, world.clock)


def test_ec2s_word_and_ours_come_by_one_queue(desk: Desk) -> None:
    """Of machines that nobody knows, too: they are tolerated, and so is everything that is told twice."""
    world = a_world()
    ours = [
        MachineWarned(OTHER, WarningKind.SPOT, NOON + 2 * MINUTE, NOON),
        MachineChanged(OTHER, "stopped", NOON, NOON),
        JobObserved(JobFacts(5, 6, "acme/app", ("paddock",)), Observed.COMPLETED, NOON, "success"),
    ]
    batch = [record(json.dumps(STATE_CHANGE), 1), *(record(message, 2 + at) for at, message in enumerate(ours))]
    function = the_events(world, desk)
    assert failed(function(sqs_event(*batch))) == failed(function(sqs_event(*batch))) == []
    assert desk.buried == []


def test_an_event_that_met_a_passing_fault_comes_back(desk: Desk) -> None:
    """It alone, after a while that grows; the others are done."""
    failing = Failing({"table.runners.get": Unavailable("away")})
    world = a_world(failing)
    batch = [record(json.dumps(STATE_CHANGE), 1, receives=2), record("no JSON", 2)]
    assert failed(the_events(world, desk)(sqs_event(*batch))) == ["message-1"]
    assert desk.deferred == {"receipt-1": 20 * SECOND}
    assert desk.buried == ["no JSON"]


def test_an_event_waits_as_long_as_the_other_side_asks(desk: Desk) -> None:
    """A throttle names its own time."""
    world = a_world(Failing({"table.runners.get": Throttled("too fast", 7 * SECOND)}))
    assert failed(the_events(world, desk)(sqs_event(record(json.dumps(STATE_CHANGE))))) == ["message-1"]
    assert desk.deferred == {"receipt-1": 7 * SECOND}


@pytest.mark.parametrize(
    ("error", "delays"),
    [
        (Unavailable("away"), [5, 20, 80, 320, 900]),
        (Throttled("too fast", 5 * SECOND), [5, 20, 80, 320, 900]),
        (Throttled("contended", SECOND), [1, 4, 16, 64, 256]),
        (Throttled("no calls left until the hour is over", 40 * MINUTE), [2400] * 5),
    ],
)
def test_a_passing_fault_that_lasts_is_waited_for_ever_longer(error: PaddockError, delays: list[int]) -> None:
    """At each of the five loans, and never for less than the other side's own time."""
    assert [delay_after(error, receives) for receives in range(1, 6)] == [delay * SECOND for delay in delays]


@pytest.mark.parametrize("error", [AccessDenied("no"), KeyError("ours")])
def test_an_event_that_can_never_be_handled_is_kept(error: Exception, desk: Desk) -> None:
    """It stays on loan until the queue's own time, so that it is a dead letter in the end; why is written down."""
    world = a_world(Failing({"table.runners.get": error}))  # type: ignore[dict-item]  # a fault of ours, too
    assert failed(the_events(world, desk)(sqs_event(record(json.dumps(STATE_CHANGE))))) == ["message-1"]
    assert desk.deferred == {}
    assert [each.actor for each in world.decisions.about(f"machine:{MACHINE}")] == ["fleet"]


def test_a_report_does_not_come_by_the_events_queue(desk: Desk) -> None:
    """Nobody says there who sent it."""
    body = message_text(report())
    assert failed(the_events(a_world(), desk)(sqs_event(record(body)))) == []
    assert desk.buried == [body]


# -- reports ---------------------------------------------------------------------------------------------------------


def the_reports(world: World, desk: Desk) -> ReportsFunction:
    return ReportsFunction(world.fleet, desk, ROLE_ID)


@pytest.mark.parametrize(("error", "tries"), [("table.runners.get", 4), ("decisions.append", 4)])
def test_a_report_outlives_minutes_of_throttling(error: str, tries: int, desk: Desk) -> None:
    """For a dead one there is no way back: who sent it would be whoever puts it back. It may be a forged one, too."""
    failing = Failing({error: Throttled("too fast", 5 * SECOND)})
    world = a_world(failing)
    queue: MemoryQueue[RunnerReported] = MemoryQueue(world.clock)
    sender = MACHINE if error == "table.runners.get" else OTHER
    queue.send([report()])
    function, began, told = the_reports(world, desk), world.clock.now(), []
    while (due := queue.next_due() or world.clock.now()) and queue.depth() != Depth(0, 0, 0):
        world.clock.advance(max(0, due - world.clock.now()))
        if world.clock.now() - began >= 2 * MINUTE:
            failing.errors.clear()
        (lent,) = queue.receive(1)
        told.append(lent.receives)
        batch = sqs_event(record(lent.message, receives=lent.receives, sender=f"{ROLE_ID}:{sender}"))
        if failed(function(batch)):
            queue.defer(lent.receipt, desk.deferred["receipt-1"])
        else:
            queue.delete([lent.receipt])
        assert queue.depth().dead == 0
    assert told == list(range(1, tries + 2))
    assert error in failing.calls


def forged(world: World, subject: str) -> list[str]:
    return [each.reason for each in world.decisions.about(f"machine:{subject}") if each.verdict == "forged_report"]


def test_a_report_of_its_sender_is_believed(desk: Desk) -> None:
    """SQS says that the machine sent it."""
    world = a_world()
    assert failed(the_reports(world, desk)(sqs_event(record(report(), sender=f"{ROLE_ID}:{MACHINE}")))) == []
    assert forged(world, MACHINE) == []


@pytest.mark.parametrize(
    ("message", "sender", "subject", "words"),
    [
        (report(), f"{ROLE_ID}:{OTHER}", OTHER, MACHINE),
        (report(), "AIDAEXAMPLE", "AIDAEXAMPLE", "no machine"),
        (report(), f"AROAOTHEROTHEROTHER12:{MACHINE}", f"AROAOTHEROTHEROTHER12:{MACHINE}", "no machine"),
        (report(machine="AIDAEXAMPLE"), "AIDAEXAMPLE", "AIDAEXAMPLE", "no machine"),
        (MachineChanged(OTHER, "terminated", NOON, NOON), f"{ROLE_ID}:{MACHINE}", MACHINE, "MachineChanged"),
        (JobRequested(JobFacts(1, 1, "a/b", ("paddock",)), NOON), f"{ROLE_ID}:{MACHINE}", MACHINE, "JobRequested"),
    ],
)
def test_a_forged_report_is_refused_and_told(
    message: object, sender: str, subject: str, words: str, desk: Desk
) -> None:
    """It does nothing, is filed under its sender, and does not come back."""
    failing = Failing()
    world = a_world(failing)
    failing.calls.clear()
    assert failed(the_reports(world, desk)(sqs_event(record(message, sender=sender)))) == []
    assert set(failing.calls) == {"decisions.append"}
    assert (desk.deferred, desk.buried) == ({}, [])
    (reason,) = forged(world, subject)
    assert words in reason


def test_a_forgery_in_a_batch_harms_no_report(desk: Desk) -> None:
    """A true one that cannot be handled now comes back; the forged one and the unreadable one do not."""
    world = a_world(Failing({"table.runners.get": Unavailable("away")}))
    mine = f"{ROLE_ID}:{MACHINE}"
    batch = [record(report(OTHER), 1, sender=mine), record("{", 2, sender=mine), record(report(), 3, sender=mine)]
    assert failed(the_reports(world, desk)(sqs_event(*batch))) == ["message-3"]
    assert desk.buried == ["{"]


def test_a_forgery_that_cannot_be_written_down_comes_back(desk: Desk) -> None:
    """Until it can be: that somebody forges is what must be known."""
    world = a_world(Failing({"decisions.append": Unavailable("away")}))
    assert failed(the_reports(world, desk)(sqs_event(record(report(OTHER), sender=f"{ROLE_ID}:{MACHINE}")))) == [
        "message-1"
    ]


# -- schedules -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [{"task": "sweep"}, {"source": "aws.events", "detail": {"task": "sweep"}}])
def test_a_sweep_is_told_in_one_line(event: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """What was attempted, what of it succeeded and what failed: "never ran" and "achieved nothing" are two things."""
    start_logging()
    facts = SchedulesFunction(a_world().fleet.house.tasks())(event)["sweep"]
    assert {name: facts[name] for name in ("attempted", "succeeded", "failed")} == {
        "attempted": 0,
        "succeeded": 0,
        "failed": 0,
    }
    (line,) = lines(capsys)
    assert (line["task"], line["level"], line["facts"]) == ("sweep", "INFO", facts)


def test_a_comparison_with_github_counts_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    """Each failure has a line of its own besides."""
    start_logging()
    world = a_world(Failing({"github.workflows.unfinished_jobs": Unavailable("away")}))
    facts = SchedulesFunction(world.fleet.house.tasks())({"task": "sweep_github"})["sweep_github"]
    assert facts["failed"] == 1
    assert facts["attempted"] == int(facts["succeeded"] or 0) + 1
    warning, line = lines(capsys)
    assert warning["level"] == "WARNING"
    assert "away" in warning["message"]
    assert line["facts"] == facts


def test_the_mirror_is_a_task_where_there_is_one() -> None:
    """What it did is told as a sweep's is; without a bucket the rule is refused, and the error names the variable."""

    def mirror(*, dry_run: bool = False, cursor: str = "") -> TaskReport:
        assert (dry_run, cursor) == (False, "")
        return TaskReport(2, 1, 1, by_kind={"present": 1, "unfetched": 1}, errors=("runners/1: away",))

    keeping = a_world().fleet.house.tasks({"mirror": mirror})
    facts = SchedulesFunction(keeping)({"task": "mirror"})["mirror"]
    assert facts == {"attempted": 2, "succeeded": 1, "failed": 1, "left": 0, "present": 1, "unfetched": 1}
    with pytest.raises(InvalidInput, match="PADDOCK_CACHE_BUCKET"):
        SchedulesFunction(a_world().fleet.house.tasks())({"task": "mirror"})


def test_a_run_that_could_not_begin_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """Lambda counts the error, and the line says that nothing succeeded."""
    start_logging()
    world = a_world(Failing({"table.jobs.page": Unavailable("away")}))
    with pytest.raises(PaddockError, match="away"):
        SchedulesFunction(world.fleet.house.tasks())({"task": "sweep"})
    line = lines(capsys)[-1]
    assert line["facts"] == {"attempted": 1, "succeeded": 0, "failed": 1}
    assert "Unavailable" in line["traceback"]


def test_once_a_minute_everything_that_is_due_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    """One rule starts all of it; a task that fails is raised when the others are done, and is due again."""
    start_logging()
    failing = Failing({"table.jobs.page": Unavailable("away")})
    world = a_world(failing)
    function = SchedulesFunction(world.fleet.house.tasks())
    with pytest.raises(Unavailable, match="away"):
        function({"task": "housekeeping"})
    failing.errors.clear()
    done = [(line["task"], line["level"]) for line in lines(capsys) if "facts" in line]
    assert done == [("sweep", "ERROR"), ("sweep_github", "INFO")]
    assert function({"task": "housekeeping"}) == {}
    world.clock.advance(MINUTE)
    assert list(function({"task": "housekeeping"})) == ["sweep"]
    world.clock.advance(15 * MINUTE)
    assert list(function({"task": "housekeeping"})) == ["sweep", "sweep_github"]


@pytest.mark.parametrize("event", [{}, {"task": "swep"}, {"task": ["sweep"]}, {"detail": "sweep"}, {"detail": {}}])
def test_a_task_that_is_none_is_refused(event: dict[str, Any]) -> None:
    """The rule is wrong: the error names the tasks."""
    with pytest.raises(InvalidInput, match="sweep_github"):
        SchedulesFunction(a_world().fleet.house.tasks())(event)


# -- starts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [dispatch, events, reports, schedules])
def test_a_function_without_settings_fails_and_is_built_anew_at_the_next_event(
    module: Any,  # noqa: ANN401 - a module
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error names what is missing, each time: whoever mends it need not restart anything."""
    for name in STACK:
        monkeypatch.delenv(name, raising=False)
    for missing in (len(STACK) - 1, len(STACK) - 2):
        with pytest.raises(InvalidEnvironment) as refused:
            module.handler(sqs_event(), Context())
        assert len(refused.value.problems) == missing
        monkeypatch.setenv("PADDOCK_TABLE", "paddock-ci")

"""What functions ask of AWS when something goes wrong, and what they ask once a day: by their real handlers, all of it.

A fleet that has everything a stack can have, but for machines: nobody turns those on that it launches, so that each
thing goes wrong when the test says so. What is judged is who called what by which right (`rights.allowed`).
"""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from moto.s3.models import s3_backends

from paddock.adapters.memory.system import SeededChance
from paddock.adapters.process.machines import box_arch
from paddock.adapters.standin.app import Failure
from paddock.adapters.system import SystemClock
from paddock.adapters.wire import message_text
from paddock.core.job import Job
from paddock.core.messages import JobObserved, JobRequested, Observed, ReportEvent, RunnerReported
from paddock.core.runner import Runner
from paddock.core.shortage import Shortage
from paddock.core.spec import Market
from paddock.core.states import JobState, OperationalResult, RunnerState
from paddock.core.task import Task, TaskChange, TaskIs
from paddock.core.units import DAY, HOUR
from tests.aws.ec2 import a_request
from tests.aws.events import spot_warning, state_change
from tests.aws.invocations import record, sqs_event
from tests.aws.machine import ACCOUNT, ROLE_ID
from tests.aws.pump import FunctionError
from tests.aws.recorded import Call, Reply, Request
from tests.aws.rights import arn_of, asked
from tests.aws.story import Story
from tests.aws.weather import refusal
from tests.aws.whole import HANDLERS, QUEUES, REPOSITORY, Weather, Whole, whole_fleet
from tests.aws.wire import Behind
from tests.end_to_end.rights import allowed

POOL = f"pools: {{web: {{machine: {{cpu: 2, arch: {box_arch()}}}, hot: 1}}}}"
PATIENCE = 30.0  # seconds, at the usual pace
CONFIG = "config/paddock.yml"
LETTERS = 200  # so many that a dry run asks how many there are
JSON = (("Content-Type", "application/x-amz-json-1.1"),)
BEHIND = tuple(HANDLERS.values())
ALARM = {"Sns": {"MessageId": "1", "Message": "paddock-ci-faults rings", "Subject": "ALARM"}}


@attrs.define
class Accidents:
    """A layer of the wire: DynamoDB refuses whoever is `refused`, and `then` is done with a launch of dispatch's.

    And the Pricing API, of which moto has nothing: it lists no product.
    """

    refused: set[str] = attrs.field(factory=set)
    then: Callable[[str], None] | None = None

    def __call__(self, call: Call, request: Request, behind: Behind) -> Reply:
        """Refuse, or let pass and do what is to be done."""
        if call.service == "dynamodb" and call.caller.function in self.refused:
            return refusal("dynamodb", 400, "ThrottlingException")
        if call.service == "pricing":  # moto knows no prices
            return Reply(200, b'{"FormatVersion": "aws_v1", "PriceList": []}', JSON)
        reply = behind(request)
        if call.action == "ec2:CreateFleet" and call.caller.function == "dispatch" and self.then is not None:
            done, self.then = self.then, None
            done(reply.body.decode().partition("<instanceIds><item>")[2].partition("<")[0])
        return reply


@attrs.frozen
class Desk:
    """Where the test makes things happen."""

    fleet: Whole
    story: Story
    accidents: Accidents
    clock: SystemClock = attrs.field(factory=SystemClock)

    def launched(self, name: str, launch: int = 1) -> Job:
        """A job of a run of its own, once it has a machine, of this launch of its at least."""
        self.story.start(1, name)
        (job,) = self.fleet.github.run(self.story.runs[-1]).jobs
        return self.placed(job, launch)

    def placed(self, number: int, launch: int = 1) -> Job:
        """The job, once it has a machine, of this launch of its at least."""
        jobs, found = self.fleet.profile.table().jobs, list[Job]()

        def has_one() -> bool:
            known = jobs.get(str(number))
            found[:] = [known] if known is not None and known.state is JobState.LAUNCHED else []
            return bool(found) and found[0].launch >= launch

        self.until(has_one)
        return found[0]

    def until(self, happened: Callable[[], bool]) -> None:
        """Wait for it."""
        try:
            self.story.until(happened, PATIENCE)
        finally:
            self.show()

    def show(self) -> None:
        """What the functions wrote last: shown with a failure."""
        for function in (*BEHIND, "schedules"):
            print(function, self.fleet.log(function)[-1_500:], sep="\n")  # noqa: T201 - see above

    def until_called(self, function: str, action: str, resource: str, leading: str = "") -> None:
        """Wait until a function has made such a call; ``leading`` begins a partition key of it."""
        arn = arn_of(resource.format(self.fleet.profile.environment().table))

        def called() -> bool:
            made = (one for call in self.recorded.of(function) for one in asked(call))
            return any(
                (one.action, one.resource) == (action, arn)
                and any(key.startswith(leading) for key in one.context.get("dynamodb:LeadingKeys", [""]))
                for one in made
            )

        self.until(called)

    @property
    def recorded(self) -> Any:  # noqa: ANN401 - `Recorded`
        """What was called so far."""
        return self.fleet.wire.recorded

    def told(self, machine: str, event: ReportEvent, **more: Any) -> None:  # noqa: ANN401 - of whatever types
        """A machine reports."""
        job = more.pop("job", None)
        report = RunnerReported(
            event=event,
            machine=machine,
            job_id=0 if job is None else job.id,
            launch=0 if job is None else job.launch,
            runner_name="" if job is None else job.runner_name or "",
            at=self.clock.now(),
            **more,
        )
        answer = self.fleet.functions["reports"].invoke(sqs_event(record(report, sender=f"{ROLE_ID}:{machine}")))
        assert answer == {"batchItemFailures": []}, answer

    def happens(self, event: dict[str, Any]) -> None:
        """EC2 tells of something."""
        answer = self.fleet.functions["events"].invoke(sqs_event(record(json.dumps(event))))
        assert answer == {"batchItemFailures": []}, answer

    def nobodys(self) -> str:
        """A machine of this fleet that no record knows: its launcher died."""
        (machine,) = self.fleet.profile.machines().launch(a_request(f"t-{len(self.recorded.calls)}")).machines
        return machine.id

    def keep_house(self, task: str) -> Any:  # noqa: ANN401 - plain data
        """Do a task."""
        answer: Any = self.fleet.schedule.fire({"task": task})
        assert isinstance(answer, dict), (task, answer, self.fleet.log("schedules")[-3_000:])
        return answer.get(task, answer)


def test_what_goes_wrong_takes_rights_too(tmp_path: Path, agent: Path) -> None:
    """The configuration is missing, texts cannot be read, machines are lost in every way; and a day's housekeeping."""
    accidents = Accidents()
    with whole_fleet(tmp_path, agent, 5, Weather(layers=(accidents,)), more=POOL, rich=True, sooner=False) as fleet:
        fleet.hypervisor.stop()
        desk = Desk(fleet, Story(fleet, tmp_path / "marks", SeededChance(5)), accidents)
        without_configuration(desk)
        letters(desk)
        launches(desk)
        job = losses(desk)
        strangers(desk)
        tables_away(desk, job)
        house(desk, job)
        with pytest.raises(FunctionError, match="InvalidInput"):
            fleet.functions["slack"].invoke({"Records": [ALARM]})
        allowed(fleet)


def without_configuration(desk: Desk) -> None:
    """No function starts without paddock.yml, and each says that it is not there."""
    fleet, name = desk.fleet, desk.fleet.profile.environment().config.bucket
    text = fleet.clients.s3.get_object(Bucket=name, Key=CONFIG)["Body"].read()
    fleet.clients.s3.delete_object(Bucket=name, Key=CONFIG)
    for function in (*BEHIND, "schedules"):
        fleet.functions[function].start_anew()
        with pytest.raises(FunctionError, match="NotFound"):
            fleet.functions[function].invoke(sqs_event())
    fleet.clients.s3.put_object(Bucket=name, Key=CONFIG, Body=text)


def letters(desk: Desk) -> None:
    """What cannot be read is put among the dead by whoever should have read it."""
    for queue in QUEUES:
        desk.fleet.clients.sqs.send_message(QueueUrl=desk.fleet.queues[queue], MessageBody="not a message")
        desk.until_called(HANDLERS[queue], "sqs:SendMessage", f"queue/{{}}-{queue}-dead")


def launches(desk: Desk) -> None:
    """GitHub refuses a registration, so the machine is ended; then the table is away when the machines have come."""
    fleet, accidents = desk.fleet, desk.accidents
    fleet.profile.table().shortages.add(over(desk))
    for _ in range(2):  # orders are first written together, then one by one
        fleet.github.fail_next("repo-generate-jitconfig", Failure(403, message="Not accessible by integration"))
    desk.launched("unregistered", launch=2)  # both are over: what follows befalls the next one
    desk.until_called("dispatch", "sqs:SendMessage", "queue/{}-jobs")
    accidents.then = lambda _: accidents.refused.add("dispatch")
    desk.story.start(1, "cut-off")
    desk.until_called("dispatch", "sqs:ChangeMessageVisibility", "queue/{}-jobs")
    accidents.refused.clear()
    desk.story.hurry()
    desk.until_called("dispatch", "ec2:DescribeInstances", "*")
    accidents.then = lambda machine: gone_already(desk, machine)
    desk.story.start(1, "too-late")
    desk.until_called("dispatch", "dynamodb:DeleteItem", "table/{}", ROLE_ID)


def gone_already(desk: Desk, machine: str) -> None:
    """Somebody has closed the machine's record before it got its orders."""
    now = desk.clock.now()
    desk.fleet.profile.table().runners.add(
        Runner(machine, REPOSITORY, (), "", state=RunnerState.GONE, launched_at=now, gone_at=now)
    )


def losses(desk: Desk) -> Job:
    """A machine does not start, EC2 takes one back, another says so itself; a job whose machine is there is left."""
    job = desk.launched("lost")
    desk.told(job.machine or "", ReportEvent.FAILED_TO_START, job=job, result=OperationalResult.FAILED_TO_START)
    job = desk.placed(job.id)
    desk.happens(spot_warning(job.machine or "", "eu-west-1a", desk.clock))
    job, taken = desk.launched("taken"), OperationalResult.INTERRUPTED
    desk.told(job.machine or "", ReportEvent.FINISHED, job=job, result=taken, interrupted_by="spot")
    return desk.placed(job.id)


def strangers(desk: Desk) -> None:
    """Machines without a record: the cloud speaks of one, another speaks for itself."""
    desk.happens(spot_warning(desk.nobodys(), "eu-west-1a", desk.clock))
    desk.told(desk.nobodys(), ReportEvent.READY)
    ended = desk.nobodys()
    desk.fleet.clients.ec2.terminate_instances(InstanceIds=[ended])
    desk.happens(state_change(ended, "terminated", desk.clock))


def tables_away(desk: Desk, job: Job) -> None:
    """Messages that cannot be handled now are put off."""
    for function, queue, message in (
        ("events", "events", job_done(desk, job)),
        ("reports", "reports", RunnerReported(ReportEvent.READY, job.machine or "", 0, 0, "", desk.clock.now())),
    ):
        desk.accidents.refused.add(function)
        answer = desk.fleet.functions[function].invoke(sqs_event(record(message, sender=f"{ROLE_ID}:{job.machine}")))
        assert answer["batchItemFailures"], answer
        desk.accidents.refused.clear()
        desk.until_called(function, "sqs:ChangeMessageVisibility", f"queue/{{}}-{queue}")


def house(desk: Desk, job: Job) -> None:
    """All tasks on one day, on which each of them finds something to do."""
    fleet, table, now = desk.fleet, desk.fleet.profile.table(), desk.clock.now()
    fleet.pumps["jobs"].stop()  # dispatch would forget the shortage, too
    fleet.schedule.stop()  # and whoever looks at dead letters hides them from others for a while
    facts = attrs.evolve(job.facts, job_id=1, created_at=now - 8 * DAY)
    table.jobs.add(Job(facts, JobState.FINISHED, received_at=facts.created_at, conclusion="success"))
    table.shortages.add(over(desk))
    old_package(desk)
    for queue, message in (("jobs", JobRequested(job.facts, now)), ("events", job_done(desk, job))):
        texts = [message_text(message), *(f"no message, {number}" for number in range(LETTERS))]
        for start in range(0, len(texts), 10):
            ten = enumerate(texts[start : start + 10])
            entries: Any = [{"Id": str(each), "MessageBody": text} for each, text in ten]
            fleet.clients.sqs.send_message_batch(QueueUrl=fleet.queues[f"{queue}-dead"], Entries=entries)
    if not table.tasks.add(Task("dead_letters", asked="now", asked_dry=True)):  # it may have been done before
        table.tasks.update("dead_letters", TaskIs(), TaskChange(asked="now", asked_dry=True))
    desk.keep_house("housekeeping")
    desk.keep_house("dead_letters")


def old_package(desk: Desk) -> None:
    """A copy of the runner that nobody wants any more, by its age."""
    name = desk.fleet.profile.environment().cache
    for version in ("2.300.0", "2.301.0", "2.302.0"):
        key = f"runners/{version}/linux-x64/actions-runner-linux-x64-{version}.tar.gz"
        desk.fleet.clients.s3.put_object(Bucket=name, Key=key, Body=b"old")
        with desk.fleet.wire.alone:
            stored: Any = s3_backends[ACCOUNT]["aws"].get_object(name, key)
            stored.last_modified -= timedelta(days=90)


def over(desk: Desk) -> Shortage:
    """A shortage of an hour ago."""
    zone = next(iter(desk.fleet.profile.environment().ec2.subnets))
    return Shortage(zone, "m7i.large", Market.SPOT, "InsufficientInstanceCapacity", desk.clock.now() - HOUR)


def job_done(desk: Desk, job: Job) -> JobObserved:
    """GitHub's word on a job of which it speaks once more."""
    return JobObserved(job.facts, Observed.IN_PROGRESS, desk.clock.now(), runner_name="somebody", runner_id=1)

"""What people and fate do to a whole fleet on AWS: runs are started, machines taken back; and the end.

Everything is drawn by chance of a seed. What the threads of the fleet make of it in which order is not in the seed.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
from moto.sqs.models import sqs_backends

from paddock.adapters.aws.dynamodb.items import Items
from paddock.adapters.memory.github import JobScript, Step
from paddock.core.costs.ledger import Bill
from paddock.core.job import Job
from paddock.core.paging import pages
from paddock.core.ports.system import Chance
from paddock.core.records import JOBS, LEDGER, RUNNERS, Kind
from paddock.core.runner import Runner
from paddock.core.states import JobState
from paddock.core.usecases.listing import live_jobs
from tests.aws.deployed import queues
from tests.aws.judge import REGION
from tests.aws.machine import ACCOUNT
from tests.aws.whole import LABEL, QUEUES, REPOSITORY, Whole

TICK = 0.1  # seconds
HURRY = 1.0  # seconds, at the usual pace
REVIVED = ("jobs", "events")
"""The queues whose dead letters come back. A report's does not: its sender must be the machine that it speaks of."""


@attrs.frozen(kw_only=True)
class Fate:
    """What happens: ``warned`` draws, for each spot machine, whether it is taken back (None: none is)."""

    warned: Callable[[], bool] | None = None


@attrs.define
class Story:
    """Runs of jobs, whose steps leave a line each in ``marks``. ``kept``: machines that are not waited for."""

    fleet: Whole
    marks: Path
    chance: Chance
    fate: Fate = Fate()
    runs: list[int] = attrs.field(factory=list)
    warned: dict[str, float] = attrs.field(factory=dict)
    kept: tuple[str, ...] = ()
    _met: set[str] = attrs.field(factory=set)
    _hurried: float = 0.0

    def start(self, count: int, name: str, naps: Sequence[float] = (0.0,), label: str = LABEL) -> None:
        """Start a run of so many jobs of this label, which take one of these naps each."""
        scripts = []
        for number in range(count):
            nap = naps[self.chance.below(len(naps))]
            mark = f'echo "$GITHUB_RUN_ID $GITHUB_JOB $GITHUB_RUN_ATTEMPT" >> {self.marks}'
            steps = (Step("begin", f"{mark}.begun"), Step("work", f"sleep {nap}"), Step("end", f"{mark}.ended"))
            scripts.append(JobScript(f"{name}-{number}", (label,), steps))
        # Each on a branch of its own: a run that has a newer one beside it is not run again.
        self.runs.append(self.fleet.github.start_run(REPOSITORY, scripts, head_branch=name).run_id)

    def waiting(self) -> int:
        """How many jobs GitHub has not concluded."""
        return sum(job.conclusion is None for job in self.fleet.github.jobs())

    def tick(self) -> None:
        """Let a moment pass, and what fate has in mind happen."""
        time.sleep(TICK)
        self.fleet.hypervisor.look_for_errors()
        self._take_back()

    def _take_back(self) -> None:
        now = time.monotonic()
        if self.fate.warned is not None:
            for host in list(self.fleet.hypervisor.hosts.values()):
                if host.id not in self._met and host.market == "spot":
                    self._met.add(host.id)
                    if self.fate.warned():
                        self.warned[host.id] = now + self.chance.below(1_500) / 1_000
        for machine, at in self.warned.items():
            if at and now >= at:
                self.warned[machine] = 0.0
                self.fleet.hypervisor.warn(machine, 0.5 + self.chance.below(1_500) / 1_000)

    def until(self, happened: Callable[[], bool], seconds: float) -> None:
        """Wait until it happened, as long as the machine's pace lets it take; else an AssertionError."""
        end = time.monotonic() + seconds * self.fleet.pace
        while not happened():
            if time.monotonic() > end:
                raise AssertionError(f"after {seconds} s still not; left: " + "\n".join(self.left()))
            self.tick()

    def until_settled(self, seconds: float) -> None:
        """Wait until nothing is left to do, as long as the machine's pace lets it take; else an AssertionError."""
        end = time.monotonic() + seconds * self.fleet.pace
        while left := self.left():
            if time.monotonic() > end:
                raise AssertionError(f"after {seconds} s still: " + "\n".join(left))
            self.tick()

    def told(self) -> str:
        """What happened, in numbers."""
        fleet = self.fleet
        functions = fleet.functions.values()
        turns = [turn for pump in fleet.pumps.values() for turn in pump.turns]
        lines = (
            f"pace {fleet.pace}; {len(fleet.github.jobs())} jobs of {len(self.runs)} runs",
            f"machines, by who ended them: {dict(Counter(one.by for one in fleet.hypervisor.past))}",
            f"warned: {len(self.warned)}",
            f"environments started and dead: {[(one.name, one.starts, one.deaths) for one in functions]}",
            f"batches: {len(turns)}, failed {sum(bool(turn.error) for turn in turns)}",
            f"messages deleted {sum(len(turn.deleted) for turn in turns)}",
            f"messages back {sum(len(turn.left) for turn in turns)}, again {sum(len(turn.again) for turn in turns)}",
            f"in two hands at once {sum(pump.together for pump in fleet.pumps.values())}",
            f"handed to nobody: {[(name, len(pump.unhanded)) for name, pump in fleet.pumps.items()]}",
            f"calls: {dict(Counter(call.caller.function for call in fleet.wire.recorded.calls))}",
        )
        return "\n".join(lines)

    def left(self) -> list[str]:
        """What is still to be done; the cheapest looks first."""
        github, fleet = self.fleet.github, self.fleet
        left = [str(job) for job in github.jobs() if job.conclusion is None]
        left += [
            f"run {run} {github.run(run).conclusion}" for run in self.runs if github.run(run).conclusion != "success"
        ]
        left = left or [
            f"machine {one}" for one in (*fleet.hypervisor.hosts, *fleet.hypervisor.asleep) if one not in self.kept
        ]
        left = left or [
            f"instance {one.id}"
            for one in fleet.hypervisor.instances().values()
            if one.state != "terminated" and one.id not in self.kept
        ]
        left = left or [f"{told} events of EC2's" for told in [fleet.hypervisor.untold] if told]
        if left:
            return left
        left = [f"{queue}: {depth}" for queue in QUEUES if (depth := depth_of(fleet, queue)) != (0, 0)]
        left += [f"dead of {queue}: {len(dead)}" for queue in REVIVED if (dead := fleet.dead(queue))]
        if left:
            self.hurry()
            return left
        table = fleet.profile.table()
        left += [f"{job}" for job in live_jobs(table)]
        runners = _page(table.runners, "live", "live")
        return left + [f"{runner}" for runner in runners if runner.machine not in self.kept]

    def hurry(self) -> None:
        """Nothing is left but messages that were put off, some for a quarter of an hour: they shall do no harm now.

        What was given up is put back by the task for that, and what has to wait for its second try by the operator. Not
        with every tick: what is put off again would be given up within a second.
        """
        fleet, now = self.fleet, time.monotonic()
        if now < self._hurried + HURRY * fleet.pace:
            return
        self._hurried = now
        with fleet.wire.alone:
            for name, url in fleet.queues.items():
                for message in sqs_backends[ACCOUNT][REGION].get_queue(url.rpartition("/")[2])._messages:
                    if name not in fleet.pumps or not fleet.pumps[name].has_in_hand(message.id):
                        message.change_visibility(0)
        if any(fleet.dead(queue) for queue in REVIVED):
            fleet.schedule.fire({"task": "dead_letters"})
            for queue in (fleet.profile.jobs(), fleet.profile.events()):
                queue.redrive()


def depth_of(fleet: Whole, queue: str) -> tuple[int, int]:
    """How many messages wait, and how many are on loan."""
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    told = fleet.clients.sqs.get_queue_attributes(QueueUrl=fleet.queues[queue], AttributeNames=names)["Attributes"]
    return int(told["ApproximateNumberOfMessages"]), int(told["ApproximateNumberOfMessagesNotVisible"])


def _page(store: Any, index: str, value: Any) -> list[Any]:  # noqa: ANN401 - of any kind
    return list(pages(lambda cursor: store.page(index, value, cursor=cursor)))


@attrs.frozen(kw_only=True)
class Books:
    """What the fleet has written down, all of it."""

    jobs: dict[int, Job]
    runners: dict[str, Runner]
    bills: dict[str, Bill]
    orders: list[str]
    unforgotten: list[str]


def books_of(fleet: Whole) -> Books:
    """Read from the table as a whole, so that nothing can hide from an index."""
    items = fleet.items()

    def all_of(kind: Kind[Any]) -> list[Any]:
        mine = [item for item in items if item["pk"]["S"].startswith(f"{kind.prefix}#")]
        return [Items(kind).record(item) for item in mine]

    return Books(
        jobs={job.id: job for job in all_of(JOBS)},
        runners={runner.machine: runner for runner in all_of(RUNNERS)},
        bills={bill.machine: bill for bill in all_of(LEDGER)},
        orders=[item["pk"]["S"] for item in items if "body" in item],
        unforgotten=[item["pk"]["S"] for item in items if item["sk"]["S"] == "ASSIGNMENT" and "ttl" not in item],
    )


def check(story: Story) -> Books:
    """Everything that must be true in the end."""
    fleet, books = story.fleet, books_of(story.fleet)
    # No job is lost: GitHub's word and ours agree on each, and what the cloud took was run again to its end.
    told = {job.id: job for job in fleet.github.jobs()}
    assert set(told) <= set(books.jobs), f"unknown: {set(told) - set(books.jobs)}"
    for number, job in told.items():
        record = books.jobs[number]
        assert (record.state, record.conclusion) == (JobState.FINISHED, job.conclusion), (record, job)
    assert {fleet.github.run(run).conclusion for run in story.runs} == {"success"}
    # None is served twice.
    served = Counter(runner.served_job for runner in books.runners.values() if runner.served_job is not None)
    assert not {job: count for job, count in served.items() if count > 1}
    for suffix in ("begun", "ended"):
        lines = Counter(Path(f"{story.marks}.{suffix}").read_text().splitlines())
        assert not {line: count for line, count in lines.items() if count > 1}, suffix
    names = Counter(tuple(line.split()[:2]) for line in Path(f"{story.marks}.ended").read_text().splitlines())
    assert {(str(job.run_id), job.name) for job in told.values()} == set(names)
    # No machine is left, no orders that nobody took, and nothing among the dead; the table forgets the rest by itself.
    instances = fleet.hypervisor.instances()
    assert {one.state for one in instances.values()} == {"terminated"}
    assert not fleet.hypervisor.hosts
    assert not fleet.hypervisor.asleep
    assert books.orders == books.unforgotten == []
    assert {queue: fleet.dead(queue) for queue in REVIVED} == {queue: {} for queue in REVIVED}
    # A report may be dead, if it was tried as often as its queue allows or never could be: others' word was enough.
    reports, dead = fleet.pumps["reports"], fleet.dead("reports")
    tried = Counter(message for turn in reports.turns for message in turn.handed)
    assert {message: tried[message] for message in dead if message not in reports.unhanded} == {
        message: queues()["reports"].receives for message in dead if message not in reports.unhanded
    }
    assert set(reports.unhanded) <= set(dead)
    # Every machine has one bill, and is closed.
    past = {one.id: one for one in fleet.hypervisor.past}
    unbilled = [f"{past.get(one)}, {books.runners.get(one)}" for one in sorted(set(instances) - set(books.bills))]
    assert not unbilled, "\n".join(unbilled)
    assert set(books.bills) == set(books.runners) == set(instances)
    for machine, bill in books.bills.items():
        runner = books.runners[machine]
        assert not runner.live
        assert runner.gone_at is not None
        assert bill.start == runner.launched_at
        assert all(one.start < one.end for one in bill.entries), bill
        assert bill.entries[-1].end >= runner.gone_at
        assert len({one.phase for one in bill.entries}) == len(bill.entries) or runner.naps
    left = [one for one in fleet.github.runners() if one.connected_at is not None]
    assert not left, left
    return books

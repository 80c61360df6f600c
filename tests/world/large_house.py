"""A fleet of any size on adapters in memory, in the middle of an ordinary day, and a meter of its calls."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from paddock.adapters.memory import (
    ManualClock,
    MemoryDecisions,
    MemoryMachines,
    MemoryQueue,
    SeededChance,
    SequentialIds,
)
from paddock.adapters.memory.assignments import MemoryAssignments
from paddock.adapters.memory.bundles import memory_github, memory_table
from paddock.adapters.memory.github import MemoryGitHub
from paddock.adapters.memory.github.scripts import JobScript
from paddock.adapters.memory.github.values import Event, JobRecord
from paddock.adapters.memory.objects import MemoryObjects
from paddock.adapters.report.costs import RENDERINGS
from paddock.adapters.simulation.wires import Wired, wired
from paddock.core.costs.ledger import Bill, Interval, Phase
from paddock.core.fleet import Fleet
from paddock.core.job import Job, JobFacts
from paddock.core.messages import EventMessage, JobMessage, RunCompleted
from paddock.core.paging import pages
from paddock.core.pools.pool import Stock
from paddock.core.ports.github import Scope
from paddock.core.ports.machines import LaunchRequest, Machine
from paddock.core.runner import Runner, runner_name
from paddock.core.settings import FleetSettings
from paddock.core.spec import Market, RunnerSpec
from paddock.core.states import JobState, OperationalResult, RunnerState
from paddock.core.task import Task, TaskRun
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Moment
from paddock.core.usecases.house.chores import Reporting, chores
from paddock.core.usecases.house.housekeeping import Housekeeping
from tests.world.housekeeping_budgets import Load

NOW: Moment = 1_795_348_800 * SECOND
SMALL, LARGE = ("paddock/cpu=4",), ("paddock/cpu=16",)
_PAGE = 100  # GitHub's largest
_STATUSES = 5  # of runs: GitHub is asked for each by itself
_A_RUN = 4  # jobs
_A_JOB = 5  # deliveries, those of its run among them
_SHARES = 20
POOL = "ci"
TYPES_USED = ("m7i.large", "m7i.xlarge", "c7g.large", "r7i.large")


@attrs.frozen
class Size:
    """How much of everything there is.

    Of twenty live ``jobs`` one waits, four have machines that boot, and the others run; ``machines`` beyond theirs are
    ready and have no work. Of the ``ended`` jobs ``old`` are
    older than a week, the others of the last seven days. ``hour`` are the jobs whose webhooks came within an hour, of
    which some ``failed``, ``dead`` the dead letters of each queue, ``stale`` the registrations that were left.
    ``booked`` are the machines that ended on the day before, and are billed; every other one was a pool's.
    """

    machines: int = 5_000
    jobs: int = 2_000
    ended: int = 98_000
    old: int = 20_000
    hour: int = 5_000
    failed: int = 20
    dead: int = 150
    stale: int = 150
    repositories: int = 200
    booked: int = 0


class Meter:
    """Counts the calls of ports by their names (``table.jobs.page``).

    What GitHub lists counts as the pages that are read of it; unfinished jobs, which it lists by their runs, as what
    the adapter asks: for runs of each status, and for each run.
    """

    def __init__(self) -> None:
        """Nothing was called yet."""
        self.calls: Counter[str] = Counter()

    def around(self, name: str, port: object) -> Wired:
        """Watch the port's calls."""
        return Wired(name, port, self._count)

    def of(self, *parts: str) -> int:
        """The calls whose names begin or end with one of these."""
        return sum(count for name, count in self.calls.items() if name.startswith(parts) or name.endswith(parts))

    @property
    def total(self) -> int:
        """All calls."""
        return self.calls.total()

    @property
    def pages(self) -> int:
        """The pages of listings among them."""
        return self.of(".page", ".registered", ".since", ".unfinished_jobs")

    def _count(self, what: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - see Interceptor
        self.calls[what] += 1
        answer = call()
        if not isinstance(answer, Iterator):
            return answer
        return self._of_runs(what, answer) if what.endswith(".unfinished_jobs") else self._paged(what, answer)

    def _paged(self, what: str, items: Iterator[Any]) -> Iterator[Any]:
        for number, item in enumerate(items):
            self.calls[what] += bool(number) and number % _PAGE == 0
            yield item

    def _of_runs(self, what: str, jobs: Iterator[Any]) -> Iterator[Any]:
        self.calls[what] += _STATUSES - 1
        runs: set[int] = set()
        for job in jobs:
            self.calls[what] += job.facts.run_id not in runs
            runs.add(job.facts.run_id)
            yield job


class LargeHouse:
    """The fleet, built at once. ``meter`` counts what its tasks call; ``table`` and the others are the bare ports."""

    def __init__(self, size: Size = Size(), settings: FleetSettings = FleetSettings(repositories=("acme/*",))) -> None:
        """Args: how large it is; what the operator decided: by default that repositories are named by a glob."""
        self.size, self.settings = size, settings
        self.clock, self.meter = ManualClock(NOW), Meter()
        self.ids = SequentialIds()
        self.table, self.assignments, self.decisions = memory_table(), MemoryAssignments(), MemoryDecisions()
        self.machines = MemoryMachines(self.clock, self.ids, page_size=1_000)  # as EC2's
        self.model = MemoryGitHub(clock=self.clock, ids=self.ids, chance=SeededChance(1))
        self.jobs: MemoryQueue[JobMessage] = MemoryQueue(self.clock, visibility=SECOND, max_receives=1)
        self.events: MemoryQueue[EventMessage] = MemoryQueue(self.clock, visibility=SECOND, max_receives=1)
        self.archive = MemoryObjects(self.clock)
        self.repositories = [f"acme/app-{number}" for number in range(size.repositories)]
        for name in self.repositories:
            self.model.add_repository(name)
        self._past()
        self._webhooks()
        self._dead_letters()
        self._present()

    def repository(self, number: int) -> str:
        """One of the repositories, in turn: of a run of four jobs always the same."""
        return self.repositories[number // _A_RUN % len(self.repositories)]

    # -- what was -----------------------------------------------------------------------------------------------

    def _past(self) -> None:
        recent = self.size.ended - self.size.old
        week = 7 * DAY - HOUR
        for number in range(self.size.old):
            self.ended(number, NOW - 9 * DAY + number * (2 * DAY - HOUR) // self.size.old)
        for number in range(recent):
            self.ended(self.size.old + number, NOW - HOUR - week + number * week // recent)
        for number in range(self.size.stale):
            self.stale(number)
        for number in range(self.size.booked):
            self.booked(number, NOW // DAY * DAY - DAY + number * (DAY - HOUR) // self.size.booked)

    def ended(self, number: int, at: Moment) -> None:
        """A job that was created then and ended a little later, on a machine that is gone: both are billed."""
        machine, repository = f"i-past{number:013x}", self.repository(number)
        facts = JobFacts(number, number // _A_RUN, repository, SMALL, name="build", workflow="ci", created_at=at)
        self._write(
            self.table.jobs,
            Job(
                facts,
                JobState.FINISHED,
                received_at=at,
                launch=1,
                machine=machine,
                launched_at=at + SECOND,
                started_at=at + 20 * SECOND,
                finished_at=at + MINUTE,
                conclusion="success",
                result=OperationalResult.SERVED,
            ),
        )
        if at < NOW - 7 * DAY:
            job = Interval(Phase.JOB, at + MINUTE, 1_000, 10, 5)
            self._write(
                self.table.ledger, Bill(machine, at, (job,), "m7i.large", Market.SPOT, repository, "ci", number)
            )
        if at > NOW - DAY:
            self._write(
                self.table.runners,
                Runner(machine, repository, SMALL, "t", RunnerState.GONE, launched_at=at, gone_at=at + MINUTE),
            )

    def booked(self, number: int, at: Moment) -> None:
        """The bill of a machine that was launched then, and had a job for ten minutes."""
        boot, job = Interval(Phase.BOOT, at + MINUTE, 100, 1, 5), Interval(Phase.JOB, at + 11 * MINUTE, 1_000, 10, 50)
        pooled = number % 2 == 1
        bill = Bill(
            machine=f"i-book{number:013x}",
            start=at,
            intervals=(boot, job),
            instance_type=TYPES_USED[number % len(TYPES_USED)],
            market=Market.ON_DEMAND if pooled else Market.SPOT,
            repository=self.repository(number),
            workflow=f"flow {number % 300}",
            job_id=number,
            pool=POOL if pooled else None,
            stock=Stock.HOT if pooled else None,
        )
        self._write(self.table.ledger, bill)

    def stale(self, number: int, repository: str | None = None) -> None:
        """A registration that was left when its machine went, two hours ago."""
        machine, name = f"i-left-{number:06}", repository or self.repository(number * _A_RUN)
        gone = Runner(machine, name, SMALL, "t", RunnerState.GONE, launched_at=NOW - 3 * HOUR, gone_at=NOW - 2 * HOUR)
        self._write(self.table.runners, gone)
        self.model.runners.register(self._scope(name), runner_name(machine, "x"), SMALL)

    def _webhooks(self) -> None:
        """Those of the last hour. The newest failed, each in its one attempt; those before are settled."""
        run = self.model.start_run(self.repositories[0], [JobScript("job", SMALL)])
        self.model.runs.cancel(run.repository, run.id)
        job = self.model.jobs(run.id)[0]
        count, well = self.size.hour * _A_JOB, (self.size.hour - self.size.failed) * _A_JOB
        for number in range(count):
            self.clock.set(NOW - HOUR + (number + 1) * (HOUR - 2 * MINUTE) // count)
            self.delivered(number, 200 if number % _A_JOB or number < well else 500, job)
        self.clock.set(NOW)
        self.table.tasks.add(Task("sweep_github", run="the last one", cursor=str(NOW - 10 * MINUTE)))

    def delivered(self, number: int, status: int, job: JobRecord) -> None:
        """One attempt to deliver a webhook, and its answer."""
        state = self.model.state
        run, repository = state.runs[job.run_id], state.repository(job.repository)
        event = Event(f"guid-{number}", "workflow_job", "queued", self.clock.now(), repository, run, job)
        self.model.deliveries.record(event, status)

    def _dead_letters(self) -> None:
        for queue in (self.jobs, self.events):
            self.die(queue, self.size.dead)

    def die(self, queue: MemoryQueue[Any], count: int) -> None:
        """So many messages are given up."""
        queue.send([RunCompleted(number, 1, "acme/app-0", None) for number in range(count)])
        queue.receive(count or 1)
        self.clock.advance(SECOND)
        queue.depth()
        self.clock.set(NOW)

    # -- what is ------------------------------------------------------------------------------------------------

    def _present(self) -> None:
        self.clock.set(NOW - 3 * MINUTE)
        machines: list[Machine] = []
        while len(machines) < self.size.machines:
            request = LaunchRequest(f"token-{len(machines)}", 1, RunnerSpec(), Market.SPOT, 40)
            machines.extend(self.machines.launch(request).machines)
        self.clock.set(NOW)
        rest = iter(machines)
        # Those that run first: GitHub gives a runner whichever job of its repository waits.
        for state, share in ((JobState.RUNNING, 15), (JobState.LAUNCHED, 4), (JobState.QUEUED, 1)):
            self._in(state, self.size.jobs * share // _SHARES, rest)
        for number, machine in enumerate(rest):
            self._ready(machine, self.repository(number * _A_RUN))

    def _in(self, state: JobState, count: int, machines: Iterator[Machine]) -> None:
        """So many jobs in this state, in runs of four."""
        for start in range(0, count, _A_RUN):
            scripts = [JobScript(f"job {number}", SMALL) for number in range(min(_A_RUN, count - start))]
            run = self.model.start_run(self.repository(start), scripts)
            for job_id in run.jobs:
                if state is JobState.QUEUED:
                    self._write(self.table.jobs, attrs.evolve(self._job(job_id), lease_until=NOW + MINUTE))
                else:
                    self._placed(state, job_id, run.repository, next(machines))

    def _job(self, job_id: int) -> Job:
        seen = self.model.state.jobs[job_id]
        facts = JobFacts(job_id, seen.run_id, seen.repository, SMALL, name=seen.name, workflow="ci", created_at=NOW)
        return Job(facts, received_at=NOW)

    def _placed(self, state: JobState, job_id: int, repository: str, machine: Machine) -> None:
        runner = self._runner(machine, repository, SMALL, RunnerState.BOOTING)
        number, at = runner.runner_id or 0, machine.launched_at
        if state is JobState.RUNNING:
            self.model.runners.connect(number)
            job_id = self.model.state.runners[number].job_id or 0
            self.model.runs.acquire(number, job_id)
            self.model.runs.started(number, job_id)
            runner = attrs.evolve(runner, state=RunnerState.BUSY, served_job=job_id, busy_at=NOW, ready_at=NOW)
        job = attrs.evolve(self._job(job_id), state=state, launch=1, machine=machine.id, launched_at=at)
        if state is JobState.RUNNING:
            job = attrs.evolve(job, started_at=NOW, runner_name=runner.runner_name)
        self._write(self.table.jobs, job)
        self._write(self.table.runners, attrs.evolve(runner, assigned_job=job_id))

    def _ready(self, machine: Machine, repository: str) -> None:
        runner = self._runner(machine, repository, LARGE, RunnerState.READY)
        assert runner.runner_id is not None
        self.model.runners.connect(runner.runner_id)
        self._write(self.table.runners, attrs.evolve(runner, ready_at=NOW))

    def _runner(self, machine: Machine, repository: str, labels: tuple[str, ...], state: RunnerState) -> Runner:
        known = self.model.runners.register(self._scope(repository), runner_name(machine.id, "x"), labels)
        return Runner(
            machine.id,
            repository,
            labels,
            machine.token,
            state,
            runner_id=known.id,
            runner_name=known.name,
            zone=machine.zone,
            instance_type=machine.instance_type,
            market=machine.market,
            launched_at=machine.launched_at,
        )

    def _scope(self, repository: str) -> Scope:
        return Scope(*repository.split("/"))

    def _write(self, store: Any, record: object) -> None:  # noqa: ANN401 - of any kind
        if not store.add(record):
            raise AssertionError(f"two of one key: {record}")

    # -- what is done -------------------------------------------------------------------------------------------

    def housekeeping(self) -> Housekeeping:
        """A process of the fleet with every task that needs no network, each call of which is counted."""
        around = self.meter.around
        table = attrs.evolve(wired("table", self.table, around), tasks=self.table.tasks)
        github = wired("github", memory_github(self.model), around)
        jobs, events = around("jobs", self.jobs), around("events", self.events)
        decisions: Any = around("decisions", self.decisions)
        archive: Any = around("archive", self.archive)
        fleet = Fleet(
            settings=self.settings,
            table=table,
            jobs=jobs,
            events=events,
            github=github,
            machines=around("machines", self.machines),
            assignments=around("assignments", self.assignments),
            decisions=decisions,
            clock=self.clock,
            ids=self.ids,
        )
        others = chores(
            settings=self.settings,
            table=table,
            github=github,
            queues={"jobs": jobs, "events": events},
            archive=archive,
            decisions=decisions,
            clock=self.clock,
            reporting=Reporting(stack="local", renderings=RENDERINGS),
        )
        return fleet.house.tasks(others)

    def run(self, name: str) -> TaskRun:
        """One run of the task; from now on the meter tells of this run alone."""
        keeping = self.housekeeping()
        self.meter.calls.clear()
        run = keeping.run(name)
        assert run is not None
        return run


def load_of(house: LargeHouse) -> Load:
    """What the fleet's tasks meet that no bound of ours holds down."""
    state, cursor = house.model.state, house.table.tasks.get("sweep_github")
    since = max(NOW - HOUR, int(cursor.cursor) if cursor is not None and cursor.cursor else 0)
    unfinished = [job for jobs in state.unfinished.values() for job in jobs]
    return Load(
        machines=house.size.machines,
        runners=len(list(pages(lambda cursor: house.table.runners.page("live", "live", cursor=cursor)))),
        jobs=house.size.jobs,
        deliveries=sum(1 for _ in house.model.deliveries.since(since)),
        runs=len({state.jobs[job].run_id for job in unfinished}),
        unfinished=len(unfinished) - house.size.jobs,
        registered=len(state.runners),
        bills=house.size.booked,
        pools=len(house.settings.pools),
    )

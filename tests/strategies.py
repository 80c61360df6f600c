"""Hypothesis strategies for every record and message: the shared vocabulary of the property tests.

``RECORDS`` and ``MESSAGES`` hold one strategy per class, so that a test can go over all of them and a new kind that is
missing here is noticed. Texts are any Unicode that JSON can carry; times are small enough to be dates.
"""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from paddock.core.circuit import Circuit, Interruption
from paddock.core.costs.ledger import Bill, Interval, LedgerEntry, Phase
from paddock.core.costs.price import PriceSource
from paddock.core.decision import Decision, Fact
from paddock.core.job import Job, JobFacts
from paddock.core.launch import Launch
from paddock.core.messages import (
    Assignment,
    EventMessage,
    JobObserved,
    JobRequested,
    MachineChanged,
    MachineWarned,
    Observed,
    Registration,
    ReportEvent,
    RunCompleted,
    RunnerPackage,
    RunnerReported,
    WarningKind,
)
from paddock.core.pace import Pace
from paddock.core.pools.pool import Bounds, Stock
from paddock.core.pools.schedule import Day, Schedule, Targets, Window
from paddock.core.pools.standing import PoolAim, PoolStanding
from paddock.core.rerun import Rerun, RerunState
from paddock.core.run import Run
from paddock.core.runner import Nap, Runner
from paddock.core.shortage import Shortage
from paddock.core.spec import MAX_DISK_GIB, Arch, Market, Range, RetryMode, RunnerSpec
from paddock.core.states import CircuitState, JobState, OperationalResult, RunnerState
from paddock.core.switch import Advised, Switch
from paddock.core.task import Task, TaskReport
from paddock.core.units import DAY, HOUR, Moment, Span

NOON: Moment = 1_795_348_800 * 1_000_000
"""2026-11-22T12:00:00Z: the moment at which fixed stories begin."""

texts: SearchStrategy[str] = st.text(max_size=40)
"""Any text without surrogates, the empty one included."""

slugs: SearchStrategy[str] = st.from_regex(r"[a-z0-9][a-z0-9-]{0,19}", fullmatch=True)
repositories: SearchStrategy[str] = st.builds("{}/{}".format, slugs, slugs)
machine_ids: SearchStrategy[str] = st.from_regex(r"i-[0-9a-f]{17}", fullmatch=True)
job_ids: SearchStrategy[int] = st.integers(min_value=1, max_value=2**53)
moments: SearchStrategy[Moment] = st.integers(min_value=0, max_value=NOON + 3650 * DAY)
spans: SearchStrategy[Span] = st.integers(min_value=0, max_value=30 * DAY)
prices: SearchStrategy[int] = st.integers(min_value=0, max_value=100_000_000)
label_sets: SearchStrategy[tuple[str, ...]] = st.lists(texts, max_size=4).map(tuple)
results: SearchStrategy[OperationalResult | None] = st.none() | st.sampled_from(OperationalResult)
conclusions: SearchStrategy[str | None] = st.sampled_from(
    [None, "success", "failure", "cancelled", "skipped", "new word"]
)


@st.composite
def ranges(draw: st.DrawFn, most: int = 512) -> Range:
    """A range that holds at least one number."""
    least = draw(st.integers(min_value=1, max_value=most))
    return Range(least, draw(st.none() | st.integers(min_value=least, max_value=most)))


specs: SearchStrategy[RunnerSpec] = st.builds(
    RunnerSpec,
    cpu=ranges(),
    ram=st.none() | ranges(),
    families=st.lists(slugs, max_size=3).map(tuple),
    arch=st.sampled_from(Arch),
    image=st.none() | texts,
    disk=st.none() | st.integers(min_value=8, max_value=MAX_DISK_GIB),
    spot=st.booleans(),
    retry=st.sampled_from(RetryMode),
    pool=st.none() | slugs,
)

job_facts: SearchStrategy[JobFacts] = st.builds(
    JobFacts,
    job_id=job_ids,
    run_id=job_ids,
    repository=repositories,
    labels=label_sets,
    run_attempt=st.integers(min_value=1, max_value=50),
    name=texts,
    workflow=texts,
    head_sha=texts,
    head_branch=texts,
    private=st.booleans(),
    installation_id=st.none() | job_ids,
    created_at=moments,
)

jobs: SearchStrategy[Job] = st.builds(
    Job,
    facts=job_facts,
    state=st.sampled_from(JobState),
    received_at=moments,
    spec=st.none() | specs,
    launch=st.integers(min_value=0, max_value=9),
    displaced=st.integers(min_value=0, max_value=9),
    launch_id=st.none() | texts,
    machine=st.none() | machine_ids,
    runner_name=st.none() | texts,
    not_before=moments,
    lease_until=moments,
    launched_at=st.none() | moments,
    started_at=st.none() | moments,
    finished_at=st.none() | moments,
    conclusion=conclusions,
    result=results,
    reason=texts,
    inherited=st.booleans(),
    missing_at=st.none() | moments,
    wakes=st.integers(min_value=0, max_value=9),
)

runners: SearchStrategy[Runner] = st.builds(
    Runner,
    machine=machine_ids,
    repository=repositories,
    labels=label_sets,
    launch_id=texts,
    state=st.sampled_from(RunnerState),
    runner_id=st.none() | job_ids,
    runner_name=st.none() | texts,
    assigned_job=st.none() | job_ids,
    served_job=st.none() | job_ids,
    pool=st.none() | slugs,
    instance_type=texts,
    vcpu=st.integers(min_value=0, max_value=512),
    arch=st.sampled_from(Arch),
    market=st.sampled_from(Market),
    zone=texts,
    price=st.none() | prices,
    disk=st.integers(min_value=0, max_value=MAX_DISK_GIB),
    launched_at=moments,
    ready_at=st.none() | moments,
    busy_at=st.none() | moments,
    idle_at=st.none() | moments,
    gone_at=st.none() | moments,
    heartbeat_at=st.none() | moments,
    result=results,
    reason=texts,
    stock=st.none() | st.sampled_from(Stock),
    spare_of=st.none() | slugs,
    digest=slugs,
    since=st.none() | moments,
    claimed_at=st.none() | moments,
    claim=st.none() | slugs,
    naps=st.lists(st.builds(Nap, moments, st.none() | moments, st.none() | moments), max_size=3).map(tuple),
    forced=st.none() | st.booleans(),
    disk_used=st.none() | st.integers(1, MAX_DISK_GIB),
    priced=st.none() | st.sampled_from(PriceSource),
)

launches: SearchStrategy[Launch] = st.builds(
    Launch,
    id=slugs,
    spec=specs,
    market=st.sampled_from(Market),
    jobs=st.lists(job_ids, max_size=4).map(tuple),
    created_at=moments,
    machines=st.none() | st.lists(machine_ids, max_size=4).map(tuple),
    errors=st.lists(texts, max_size=3).map(tuple),
    disk=st.integers(min_value=0, max_value=MAX_DISK_GIB),
    stock=st.none() | st.sampled_from(Stock),
    count=st.integers(min_value=0, max_value=100),
    claimed=st.booleans(),
    digest=slugs,
)

runs: SearchStrategy[Run] = st.builds(
    Run,
    run_id=job_ids,
    repository=repositories,
    fork=st.booleans(),
    event=texts,
    head_repository=texts,
)

reruns: SearchStrategy[Rerun] = st.builds(
    Rerun,
    run_id=job_ids,
    repository=repositories,
    attempt=st.integers(min_value=1, max_value=9),
    suspects=st.lists(job_ids, max_size=3).map(tuple),
    state=st.sampled_from(RerunState),
    times=st.integers(min_value=0, max_value=3),
    reason=texts,
)

numbers = st.integers(min_value=0, max_value=99)
targets: SearchStrategy[Targets] = st.builds(Targets, numbers, numbers)

windows: SearchStrategy[Window] = st.builds(
    Window,
    name=slugs,
    begins=st.integers(0, 1439),
    ends=st.integers(0, 1440),
    hot=numbers,
    stopped=numbers,
    days=st.lists(st.sampled_from(Day), max_size=2, unique=True).map(tuple),
    zone=st.none() | st.sampled_from(["UTC", "Europe/Berlin"]),
    priority=st.integers(-9, 9),
)

schedules: SearchStrategy[Schedule] = st.builds(
    Schedule, st.sampled_from(["UTC", "Asia/Tokyo"]), st.lists(windows, max_size=2).map(tuple)
)

standings: SearchStrategy[PoolStanding] = st.builds(
    PoolStanding,
    name=slugs,
    launching=st.none() | slugs,
    launches=numbers,
    expected=st.lists(machine_ids, max_size=3).map(tuple),
    boots=st.lists(spans, max_size=3).map(tuple),
    failures=numbers,
    paused_until=moments,
    targets=st.none() | targets,
    schedule=st.none() | schedules,
    evidence=st.lists(texts, max_size=2).map(tuple),
    sized_at=st.none() | moments,
    aim=st.none()
    | st.builds(
        PoolAim,
        specs,
        targets,
        st.none() | texts,
        st.none() | moments,
        targets,
        usual=targets,
        schedule=schedules,
        bounds=st.builds(Bounds, targets, targets),
    ),
    first_at=st.none() | moments,
)

circuits: SearchStrategy[Circuit] = st.builds(
    Circuit,
    zone=slugs,
    instance_type=slugs,
    state=st.sampled_from(CircuitState),
    opened_at=st.none() | moments,
    openings=st.integers(min_value=0, max_value=9),
    until=st.none() | moments,
    probe=st.none() | slugs,
    probed_at=st.none() | moments,
    manual=st.booleans(),
    changed_at=moments,
    reason=texts,
)

interruptions: SearchStrategy[Interruption] = st.builds(
    Interruption,
    machine=machine_ids,
    zone=slugs,
    instance_type=slugs,
    at=moments,
    told_at=moments,
    weighed=st.booleans(),
)

shortages: SearchStrategy[Shortage] = st.builds(
    Shortage, zone=slugs, instance_type=slugs, market=st.sampled_from(Market), code=slugs, until=moments
)

ledger_entries: SearchStrategy[LedgerEntry] = st.builds(
    LedgerEntry,
    machine=machine_ids,
    phase=st.sampled_from(Phase),
    start=moments,
    end=moments,
    compute=st.none() | prices,
    storage=prices,
    network=prices,
    instance_type=texts,
    market=st.sampled_from([market.value for market in Market]),
    repository=repositories,
    workflow=texts,
    job_id=st.none() | job_ids,
    pool=st.none() | slugs,
    stock=st.none() | st.sampled_from(Stock),
    priced=st.sampled_from(PriceSource),
    environment=slugs,
)

intervals: SearchStrategy[Interval] = st.builds(
    Interval, phase=st.sampled_from(Phase), end=moments, compute=st.none() | prices, storage=prices, network=prices
)

bills: SearchStrategy[Bill] = st.builds(
    Bill,
    machine=machine_ids,
    start=moments,
    intervals=st.lists(intervals, min_size=1, max_size=5).map(tuple),
    instance_type=texts,
    market=st.sampled_from(Market),
    repository=repositories,
    workflow=texts,
    job_id=st.none() | job_ids,
    pool=st.none() | slugs,
    stock=st.none() | st.sampled_from(Stock),
    priced=st.none() | st.sampled_from(PriceSource),
    zone=st.none() | slugs,
    forced=st.none() | st.booleans(),
    disk=st.none() | st.integers(1, MAX_DISK_GIB),
    disk_used=st.none() | st.integers(1, MAX_DISK_GIB),
    environment=slugs,
)

switches: SearchStrategy[Switch] = st.builds(
    Switch,
    name=slugs,
    on=st.booleans(),
    at=moments,
    reason=texts,
    advised=st.none() | st.builds(Advised, at=moments, by=slugs),
)

paces: SearchStrategy[Pace] = st.builds(
    Pace,
    name=slugs,
    version=st.integers(0, 2**40),
    used=st.dictionaries(slugs, st.lists(moments, max_size=6).map(tuple), max_size=3),
    lines=st.dictionaries(slugs, moments, max_size=3),
)

counts = st.integers(0, 2**31)

task_reports: SearchStrategy[TaskReport] = st.builds(
    TaskReport,
    attempted=counts,
    succeeded=counts,
    failed=counts,
    left=counts,
    by_kind=st.dictionaries(slugs, counts, max_size=3),
    errors=st.lists(texts, max_size=2).map(tuple),
    acts=st.lists(texts, max_size=2).map(tuple),
    cursor=texts,
    more=counts,
)

tasks: SearchStrategy[Task] = st.builds(
    Task,
    name=slugs,
    every=st.integers(0, 2**40),
    run=texts,
    until=moments,
    first_at=st.none() | moments,
    began_at=st.none() | moments,
    ended_at=st.none() | moments,
    report=st.none() | task_reports,
    error=st.none() | texts,
    achieved_at=st.none() | moments,
    cursor=texts,
    asked=texts,
    asked_dry=st.booleans(),
    answered=texts,
    answer=st.none() | task_reports,
)

RECORDS: Mapping[type[Any], SearchStrategy[Any]] = {
    Job: jobs,
    Runner: runners,
    Launch: launches,
    Run: runs,
    PoolStanding: standings,
    Circuit: circuits,
    Interruption: interruptions,
    Shortage: shortages,
    Rerun: reruns,
    Bill: bills,
    Switch: switches,
    Pace: paces,
    Task: tasks,
}
"""A strategy for each class of record."""

job_requests: SearchStrategy[JobRequested] = st.builds(JobRequested, job=job_facts, received_at=moments, delivery=texts)

job_observations: SearchStrategy[JobObserved] = st.builds(
    JobObserved,
    job=job_facts,
    status=st.sampled_from(Observed),
    received_at=moments,
    conclusion=conclusions,
    runner_id=st.none() | job_ids,
    runner_name=st.none() | texts,
    started_at=st.none() | moments,
    completed_at=st.none() | moments,
    delivery=texts,
)

run_completions: SearchStrategy[RunCompleted] = st.builds(
    RunCompleted,
    run_id=job_ids,
    run_attempt=st.integers(min_value=1, max_value=50),
    repository=repositories,
    conclusion=conclusions,
    head_branch=texts,
    workflow_id=st.none() | job_ids,
    received_at=moments,
    delivery=texts,
)

reports: SearchStrategy[RunnerReported] = st.builds(
    RunnerReported,
    event=st.sampled_from(ReportEvent),
    machine=machine_ids,
    job_id=job_ids,
    launch=st.integers(min_value=0, max_value=9),
    runner_name=texts,
    at=moments,
    job_name=texts,
    conclusion=conclusions,
    result=results,
    exit_code=st.none() | st.integers(min_value=-255, max_value=255),
    ready_at=st.none() | moments,
    started_at=st.none() | moments,
    finished_at=st.none() | moments,
    reason=texts,
    detail=texts,
    interrupted_by=st.none() | texts,
    phases=st.dictionaries(slugs, spans, max_size=4),
    peaks=st.dictionaries(slugs, st.integers(min_value=0, max_value=1 << 40), max_size=3),
    runner_id=st.none() | job_ids,
    repository=texts,
    run_id=st.none() | job_ids,
    run_attempt=st.none() | st.integers(min_value=1, max_value=99),
)

packages: SearchStrategy[RunnerPackage] = st.builds(
    RunnerPackage,
    version=slugs,
    url=texts,
    sha256=st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    filename=slugs,
    digests=st.dictionaries(slugs, st.from_regex(r"[0-9a-f]{64}", fullmatch=True), max_size=3),
)

assignments: SearchStrategy[Assignment] = st.builds(
    Assignment,
    machine=machine_ids,
    job_id=job_ids,
    launch=st.integers(min_value=0, max_value=9),
    repository=repositories,
    labels=label_sets,
    runner_name=slugs,
    runner_id=job_ids,
    package=packages,
    jit_config=texts,
    registration=st.none() | st.builds(Registration, url=texts, token=texts, group=texts),
    max_runtime=spans,
    idle_timeout=st.integers(min_value=0, max_value=HOUR),
    setup_info=texts,
    created_at=moments,
)

machine_warnings: SearchStrategy[MachineWarned] = st.builds(
    MachineWarned, machine=machine_ids, warning=st.sampled_from(WarningKind), at=moments, received_at=moments
)

machine_changes: SearchStrategy[MachineChanged] = st.builds(
    MachineChanged, machine=machine_ids, state=slugs, at=moments, received_at=moments
)

MESSAGES: Mapping[type[Any], SearchStrategy[Any]] = {
    JobRequested: job_requests,
    JobObserved: job_observations,
    RunCompleted: run_completions,
    RunnerReported: reports,
    MachineWarned: machine_warnings,
    MachineChanged: machine_changes,
    Assignment: assignments,
}
"""A strategy for each class of message."""

events: SearchStrategy[EventMessage] = st.one_of(
    job_observations, run_completions, reports, machine_warnings, machine_changes
)
"""What the reports queue carries."""

facts: SearchStrategy[Fact] = st.none() | st.booleans() | st.integers(min_value=-(2**53), max_value=2**53) | texts

decisions: SearchStrategy[Decision] = st.builds(
    Decision,
    subject=st.builds("{}:{}".format, st.sampled_from(["job", "machine", "delivery"]), slugs),
    at=moments,
    actor=slugs,
    verdict=slugs,
    reason=texts,
    facts=st.dictionaries(slugs, facts, max_size=4),
)

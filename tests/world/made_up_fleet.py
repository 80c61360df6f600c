"""A made-up morning of a fleet, with everything that can happen to a job."""

from collections.abc import Sequence
from typing import Any

import attrs

from paddock.core.costs.bill import bill_of
from paddock.core.costs.ledger import CostLedger, Rates, ledger
from paddock.core.decision import Decision
from paddock.core.job import Job, JobFacts
from paddock.core.runner import Runner
from paddock.core.spec import Arch, Market
from paddock.core.states import JobState, OperationalResult, RunnerState
from paddock.core.units import MINUTE, SECOND, Moment

MORNING: Moment = 1_795_352_400 * SECOND  # 2026-11-22T13:00:00Z
NOW: Moment = MORNING + 6 * MINUTE
HOSTILE = '</title><script>alert("1")</script><img src=x onerror=alert(1)> & \'"\x1b[31m\u202e'

S, F, C = "success", "failure", "cancelled"


@attrs.frozen
class Fleet:
    """Jobs, machines, their bills and what was decided."""

    jobs: tuple[Job, ...]
    runners: tuple[Runner, ...]
    ledger: CostLedger
    decisions: dict[int, tuple[Decision, ...]]


def at(seconds: float) -> Moment:
    """So many seconds into the morning."""
    return MORNING + round(seconds * SECOND)


def a_job(number: int, name: str = "build", queued: float = 0, **changes: Any) -> Job:  # noqa: ANN401 - any field of a job
    """A queued job of the morning; everything else by keyword."""
    facts = JobFacts(
        job_id=40_000_000_000 + number,
        run_id=9_000_000_000 + number // 4,
        repository=changes.pop("repository", "acme/shop"),
        labels=changes.pop("labels", ("paddock/cpu=4",)),
        name=name,
        workflow="ci",
        created_at=at(queued),
    )
    return attrs.evolve(Job(facts=facts, received_at=at(queued + 0.4)), **changes)


def a_runner(number: int, launched: float = 3, **changes: Any) -> Runner:  # noqa: ANN401 - any field of a machine
    """A machine of the morning; everything else by keyword."""
    return attrs.evolve(
        Runner(
            machine=f"i-0{number:016x}",
            repository="acme/shop",
            labels=("paddock/cpu=4",),
            launch_id=f"launch{number}",
            instance_type="c7i.xlarge",
            vcpu=4,
            market=Market.SPOT,
            zone="eu-west-1a",
            price=98_230,
            disk=40,
            launched_at=at(launched),
        ),
        **changes,
    )


def served(
    number: int,
    name: str,
    queued: float,
    boot: float,
    run: float,
    conclusion: str = S,
    *,
    launch: int = 1,
    extra: float = 0,
    **changes: Any,  # noqa: ANN401 - any field of either
) -> tuple[Job, Runner]:
    """A job and the machine that served it."""
    launched = queued + 1.6 + extra
    start = launched + boot
    runner_changes = {
        key: changes.pop(key) for key in ("instance_type", "vcpu", "arch", "market", "price") if key in changes
    }
    result = changes.get("result", OperationalResult.SERVED)
    machine = a_runner(
        number,
        launched,
        state=RunnerState.GONE,
        ready_at=at(start - 1.2),
        busy_at=at(start),
        idle_at=at(start + run),
        gone_at=at(start + run + 2.5),
        assigned_job=40_000_000_000 + number,
        served_job=40_000_000_000 + number,
        result=result,
        **runner_changes,
    )
    job = a_job(
        number,
        name,
        queued,
        state=JobState.FINISHED,
        conclusion=conclusion,
        launch=launch,
        launched_at=at(launched),
        started_at=at(start),
        finished_at=at(start + run),
        machine=machine.machine,
        runner_name=f"paddock--{machine.machine}--7f3a",
        **{"result": OperationalResult.SERVED, **changes},
    )
    return job, machine


def morning() -> Fleet:
    """Twenty jobs: served, red, cancelled, refused, abandoned, interrupted, relaunched, and still on their way."""
    arm: dict[str, Any] = {"instance_type": "m8g.2xlarge", "vcpu": 8, "arch": Arch.ARM64, "price": 197_560}
    arm_labels = ("paddock/cpu=8/arch=arm64",)
    pairs = [
        served(1, "lint", 0, 14, 21),
        served(2, "unit tests (3.11)", 0, 15, 74),
        served(3, "unit tests (3.12)", 1, 14, 69),
        served(4, "unit tests (3.13)", 1, 17, 71, F),
        served(5, "build wheel", 2, 16, 38),
        served(6, "build image / arm64", 2, 19, 142, labels=arm_labels, **arm),
        served(7, "integration (postgres 16, redis 7, a name that goes on and on and on)", 20, 18, 118),
        served(
            8,
            "load test",
            34,
            15,
            96,
            F,
            result=OperationalResult.INTERRUPTED,
            reason="AWS took the spot machine back two minutes after its notice",
        ),
        served(9, "docs", 60, 14, 33, repository="acme/handbook", labels=("paddock",)),
        served(
            10, "e2e (chromium)", 61, 16, 88, extra=35, launch=2, reason="a machine failed to start; the second did"
        ),
        served(11, "e2e (firefox)", 61, 17, 92),
        served(
            12, "nightly report", 130, 15, 12, C, repository="acme/handbook", labels=("self-hosted", "paddock", "cpu=2")
        ),
        served(13, "release", 150, 15, 47, market=Market.ON_DEMAND, price=None, labels=("paddock/spot=false",)),
    ]
    jobs = [job for job, _ in pairs]
    runners = [runner for _, runner in pairs]
    runners.append(
        a_runner(
            90,
            63,
            state=RunnerState.GONE,
            assigned_job=jobs[9].id,
            gone_at=at(95),
            result=OperationalResult.FAILED_TO_START,
            reason="the agent could not fetch the runner package",
        )
    )
    live = a_runner(14, 262, state=RunnerState.BUSY, ready_at=at(276), busy_at=at(278), **arm)
    boot = a_runner(15, 346, state=RunnerState.BOOTING)
    runners += [live, boot]
    jobs += [
        a_job(
            14,
            "deploy staging",
            260,
            state=JobState.RUNNING,
            launch=1,
            launched_at=at(262),
            started_at=at(278),
            machine=live.machine,
            labels=arm_labels,
        ),
        a_job(15, "deploy docs", 343, state=JobState.LAUNCHED, launch=1, launched_at=at(346), machine=boot.machine),
        a_job(
            16,
            "train model",
            180,
            labels=("paddock/cpu=64/gpu=1",),
            state=JobState.REJECTED,
            finished_at=at(180.6),
            reason="gpu = '1': is no key of ours: runner, cpu, ram, family, arch, image, disk, spot, retry, pool",
        ),
        a_job(
            17,
            "fuzz",
            90,
            state=JobState.ABANDONED,
            launch=2,
            finished_at=at(186),
            reason="quarantined: 2 launches in a row failed in the same way: the image has no runner",
        ),
        a_job(18, "preview", 210, state=JobState.CANCELLED, finished_at=at(222), reason="GitHub cancelled it"),
        a_job(19, "backfill", 300, not_before=at(372), reason="acme/shop has 8 of its 8 machines"),
        a_job(20, HOSTILE, 320, state=JobState.DISPATCHING, launch=1, repository="acme/<b>bold</b>"),
    ]
    runners += [
        a_runner(
            91 + n,
            93 + 45 * n,
            state=RunnerState.GONE,
            assigned_job=jobs[16].id,
            gone_at=at(130 + 50 * n),
            result=OperationalResult.FAILED_TO_START,
            reason="the image has no runner",
        )
        for n in range(2)
    ]
    decisions = {job.id: decisions_about(job) for job in jobs}
    return Fleet(tuple(jobs), tuple(runners), bills_of(jobs, runners), decisions)


def decisions_about(job: Job) -> tuple[Decision, ...]:
    """What the use-cases would have said about it."""
    start = job.facts.created_at + 400_000
    said = [
        Decision(job.subject, start, "intake", "accepted", "its labels ask for 4 to 8 vCPU, x64, spot", {"fork": False})
    ]
    if job.state is JobState.REJECTED:
        said = [Decision(job.subject, start, "intake", "rejected", job.reason)]
    elif job.state is JobState.QUEUED:
        said.append(Decision(job.subject, start + SECOND, "admission", "wait", job.reason, {"machines": 8, "limit": 8}))
    elif job.launch:
        said.append(
            Decision(
                job.subject,
                start + SECOND,
                "dispatch",
                "launch",
                "one spot machine, the cheapest of 6 types that fit",
                {"types": 6, "market": "spot", "zone": None},
            )
        )
    return tuple(said)


def bills_of(jobs: Sequence[Job], runners: Sequence[Runner]) -> CostLedger:
    """The bills of those machines that are gone."""
    by_id = {job.id: job for job in jobs}
    return ledger(
        entry
        for runner in runners
        if runner.gone_at is not None
        for entry in bill_of(runner, by_id.get(runner.served_job or 0), Rates()).entries
    )

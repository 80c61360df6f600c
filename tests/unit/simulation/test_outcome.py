"""The outcome as data: what scripts read."""

import json
from collections.abc import Sequence

import attrs
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.report.figures import figures, machine_costs, percentile
from paddock.adapters.report.outcome import outcome
from paddock.core.costs.ledger import CostLedger, Phase
from paddock.core.job import Job
from paddock.core.runner import Runner
from paddock.core.spec import Market
from paddock.core.states import JobState
from paddock.core.units import SECOND
from tests.strategies import jobs as any_job
from tests.strategies import runners as any_runner
from tests.world.made_up_fleet import a_job, a_runner, bills_of, morning, served

JOB_KEYS = [
    *("id", "name", "repository", "labels", "state", "conclusion", "reason", "wait_s", "duration_s", "machine"),
    "launches",
]
MACHINE_KEYS = [
    *("id", "instance_type", "vcpu", "arch", "market", "launched", "ended", "lifetime_s", "job", "result", "cost_usd"),
]


def test_a_served_job_is_told_in_full() -> None:
    """Every field of a job has its value, spans in seconds."""
    job, machine = served(1, "lint", 0, 14, 21.25)
    told = outcome([job], [machine], CostLedger(()))["jobs"]
    assert told == [
        {
            "id": 40_000_000_001,
            "name": "lint",
            "repository": "acme/shop",
            "labels": ["paddock/cpu=4"],
            "state": "finished",
            "conclusion": "success",
            "reason": "",
            "wait_s": 15.6,
            "duration_s": 21.25,
            "machine": "i-00000000000000001",
            "launches": 1,
        }
    ]


def test_a_machine_is_told_in_full_with_its_bill() -> None:
    """A machine's money is its ledger entries' sum to the micro-dollar, as a number of dollars."""
    job, machine = served(1, "lint", 0, 14, 60)
    bill = bills_of([job], [machine])
    told = outcome([job], [machine], bill)
    assert told["machines"] == [
        {
            "id": "i-00000000000000001",
            "instance_type": "c7i.xlarge",
            "vcpu": 4,
            "arch": "x64",
            "market": "spot",
            "launched": "2026-11-22T13:00:01Z",
            "ended": "2026-11-22T13:01:18Z",
            "lifetime_s": 76.5,
            "job": 40_000_000_001,
            "result": "served",
            "cost_usd": bill.total / 1_000_000,
        }
    ]
    # 76.5 s of 98,230 an hour, 40 GiB of 80,000 a month, and an address of 5,000 an hour: each rounded down.
    assert bill.total == 98_230 * 765 // 36_000 + 80_000 * 40 * 765 // (730 * 36_000) + 5_000 * 765 // 36_000
    assert told["cost_usd"] == told["machines"][0]["cost_usd"]


def test_what_is_unknown_is_null_and_never_zero() -> None:
    """A waiting job has no wait, a live machine no end and no cost, an unnamed type no name."""
    told = outcome([a_job(1)], [a_runner(1, price=None, instance_type="", vcpu=0)], CostLedger(()))
    job, machine = told["jobs"][0], told["machines"][0]
    assert [job[key] for key in ("conclusion", "wait_s", "duration_s", "machine")] == [None] * 4
    for key in ("instance_type", "vcpu", "ended", "lifetime_s", "job", "result", "cost_usd"):
        assert machine[key] is None, key
    assert told["cost_usd"] is None
    assert told["summary"]["wait_median_s"] is None
    assert told["summary"]["wait_p95_s"] is None
    assert told["summary"]["cost_estimated_usd"] is None


def test_a_machine_whose_price_is_unknown_is_missing_from_the_total_and_counted() -> None:
    """The sum is of what is known, and the summary says how many machines it lacks."""
    known, unknown = served(1, "a", 0, 10, 50), served(2, "b", 0, 10, 50, price=None)
    jobs, machines = [known[0], unknown[0]], [known[1], unknown[1]]
    told = outcome(jobs, machines, bills_of(jobs, machines))
    assert told["cost_usd"] == bills_of([known[0]], [known[1]]).total / 1_000_000
    assert [machine["cost_usd"] is None for machine in told["machines"]] == [False, True]
    assert told["summary"]["machines_unpriced"] == 1


def test_an_empty_fleet_cost_nothing_and_that_is_known() -> None:
    """Without any machine the cost is a true zero; without any job there is no wait."""
    told = outcome([], [], CostLedger(()))
    assert (told["jobs"], told["machines"], told["cost_usd"]) == ([], [], 0)
    assert told["summary"]["wait_median_s"] is None
    assert set(told["summary"]["jobs_by_state"].values()) == {0}


def test_jobs_come_in_the_order_of_queueing_and_machines_in_that_of_launch() -> None:
    """The order does not depend on how the stores listed them."""
    jobs = [a_job(3, queued=9), a_job(1, queued=5), a_job(2, queued=5)]
    machines = [a_runner(2, 8), a_runner(1, 8), a_runner(3, 1)]
    told = outcome(jobs, machines, CostLedger(()))
    assert [job["id"] % 10 for job in told["jobs"]] == [1, 2, 3]
    assert [machine["id"][-1] for machine in told["machines"]] == ["3", "1", "2"]


def test_the_summary_of_the_morning() -> None:
    """Jobs by state (states that nobody is in are a true zero), waits by nearest rank, machines."""
    fleet = morning()
    summary = outcome(fleet.jobs, fleet.runners, fleet.ledger)["summary"]
    assert summary["jobs"] == 20
    assert summary["jobs_by_state"] == {
        "queued": 1,
        "dispatching": 1,
        "launched": 1,
        "running": 1,
        "finished": 13,
        "cancelled": 1,
        "rejected": 1,
        "abandoned": 1,
    }
    assert (summary["wait_median_s"], summary["wait_p95_s"]) == (16.6, 52.6)
    assert (summary["machines"], summary["machines_unpriced"]) == (18, 3)


def test_the_estimated_part_is_the_compute_of_spot_machines() -> None:
    """Spot prices rest on the catalogue's estimate; disk, addresses and on-demand machines do not."""
    spot, firm = served(1, "a", 0, 10, 90), served(2, "b", 0, 10, 90, market=Market.ON_DEMAND)
    jobs, machines = [spot[0], firm[0]], [spot[1], firm[1]]
    bill = bills_of(jobs, machines)
    compute = sum(entry.compute or 0 for entry in bill.entries if entry.machine == spot[1].machine)
    told = outcome(jobs, machines, bill)
    assert told["summary"]["cost_estimated_usd"] == compute / 1_000_000
    assert 0 < compute < bill.total


@given(st.lists(any_job, max_size=4), st.lists(any_runner, max_size=4, unique_by=lambda runner: runner.machine))
def test_any_fleet_is_told_with_the_same_keys_and_is_json(jobs: Sequence[Job], machines: Sequence[Runner]) -> None:
    """No record makes it fail, no key ever vanishes, and strict JSON (no NaN) carries it."""
    told = outcome(jobs, machines, bills_of(jobs, machines))
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert {tuple(sorted(job)) for job in told["jobs"]} <= {tuple(sorted(JOB_KEYS))}
    assert {tuple(sorted(machine)) for machine in told["machines"]} <= {tuple(sorted(MACHINE_KEYS))}


@given(st.lists(any_runner, max_size=6, unique_by=lambda runner: runner.machine))
def test_money_adds_up_to_the_micro_dollar(machines: Sequence[Runner]) -> None:
    """The parts, the machines' bills and the ledger's own total are one sum.

    So is what machines of unknown price cost asleep, which is known; what all of such a machine costs is not.
    """
    bill = bills_of([], machines)
    numbers = figures([], machines, bill)
    assert numbers.known == bill.total
    costs = machine_costs(machines, bill)
    asleep = [one for one in bill.entries if one.phase is Phase.SLEEP and costs[one.machine] is None]
    assert sum(cost or 0 for cost in costs.values()) + sum(one.amount or 0 for one in asleep) == bill.total
    assert numbers.unpriced == sum(runner.gone_at is None or runner.price is None for runner in machines)
    assert 0 <= numbers.estimated_per_cent <= 100


def test_the_share_that_is_estimated_is_never_rounded_away() -> None:
    """One micro-dollar of estimate is 1 %, and all but one is 99 %: neither none nor all."""
    (job, machine) = served(1, "a", 0, 10, 50)
    numbers = figures([job], [machine], bills_of([job], [machine]))
    little = attrs.evolve(numbers, compute=1_000_000, storage=0, network=0, estimated=1)
    assert little.estimated_per_cent == 1
    assert attrs.evolve(little, estimated=999_999).estimated_per_cent == 99
    assert attrs.evolve(little, estimated=1_000_000).estimated_per_cent == 100
    assert attrs.evolve(little, estimated=0).estimated_per_cent == 0


def test_machine_time_is_counted_by_phase() -> None:
    """Boot, idle, job, drain and EC2's minimum are told apart, from the ledger."""
    job, machine = served(1, "a", 0, 10, 20)
    phases = figures([job], [machine], bills_of([job], [machine])).phases
    assert {phase: span / SECOND for phase, span in phases.items()} == {
        Phase.BOOT: 8.8,
        Phase.IDLE: 1.2,
        Phase.SLEEP: 0,
        Phase.JOB: 20,
        Phase.DRAIN: 2.5,
        Phase.MINIMUM: 27.5,
    }


@given(st.lists(st.integers(0, 10**9), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_least_value_that_covers_its_share(values: Sequence[int], per_cent: int) -> None:
    """Nearest rank: at least so many per cent are not above it, and no lesser value of the list will do."""
    found = percentile(values, per_cent)
    assert found in values
    covered = [sum(value <= bound for value in values) * 100 >= per_cent * len(values) for bound in sorted(values)]
    assert sorted(values)[covered.index(True)] == found


def test_the_median_of_nothing_is_unknown() -> None:
    """No values, no percentile; and an even number of values takes the lower middle one."""
    assert percentile([], 50) is None
    assert percentile([4, 1, 3, 2], 50) == 2
    assert figures([a_job(1, state=JobState.QUEUED)], [], CostLedger(())).wait_median is None

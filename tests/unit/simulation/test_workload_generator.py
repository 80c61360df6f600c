"""Generated loads: the same for the same seed everywhere, and shaped as their parameters say."""

import hashlib
import tracemalloc
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice, pairwise
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.adapters.simulation.load import RunLoad, Workload
from paddock.adapters.simulation.workloads import (
    GeneratorParameters,
    LabelShare,
    Office,
    Quantiles,
    built_in_day,
    generated,
)
from paddock.adapters.simulation.workloads.parameters import TUESDAY, asking
from paddock.core.errors import InvalidInput
from paddock.core.labels import parse_labels
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, datetime_of, moment_of

MONDAY = TUESDAY - DAY
BUILT_IN = "3270b95a88a49356591edb7547955ff7367474e18e4d28f1a05d5fb55b490b71"


def jobs(runs: Iterable[RunLoad]) -> int:
    """How many jobs the runs have."""
    return sum(len(run.jobs) for run in runs)


def week(**changes: Any) -> list[RunLoad]:  # noqa: ANN401 - attrs checks the names
    """A week from Monday on, with about 7,000 jobs."""
    parameters = attrs.evolve(GeneratorParameters(jobs_per_day=1_000, start=MONDAY), **changes)
    return list(generated(parameters, 11, 7).runs())


def by_hour(runs: Iterable[RunLoad]) -> Counter[int]:
    """Runs by their hour of the day, in UTC."""
    return Counter(datetime_of(run.at).hour for run in runs)


def test_a_part_of_a_hundred_jobs_asks_for_each_pool_and_the_others_are_as_before() -> None:
    """Whatever the shares of the label sets are among themselves."""
    before = week()
    labels = asking(GeneratorParameters().labels, {"web": 30, "arm": 10})
    after = week(labels=labels)
    counts = Counter(job.labels for run in after for job in run.jobs)
    part = {name: 100 * counts[f"paddock/pool={name}",] / jobs(after) for name in ("web", "arm")}
    assert 24 < part["web"] < 36
    assert 5 < part["arm"] < 15
    others = {labels for labels in counts if "pool=" not in labels[0]}
    assert others == {job.labels for run in before for job in run.jobs}
    plain = GeneratorParameters().labels
    assert [one.labels for one in asking(plain, {})] == [one.labels for one in plain]


@pytest.mark.parametrize(
    ("pools", "field"), [({"web": 0}, "pools.web"), ({"web": 60, "arm": 40}, "pools"), ({"web": 101}, "pools")]
)
def test_parts_of_a_hundred_that_cannot_be(pools: dict[str, int], field: str) -> None:
    """None is no part, and something must be left for the others."""
    with pytest.raises(InvalidInput) as refused:
        asking(GeneratorParameters().labels, pools)
    assert refused.value.field == field


def test_a_generated_load_is_a_workload() -> None:
    """The types say so; this line is where they are asked."""
    load: Workload = built_in_day()
    assert load.name == "built-in day"


def test_the_built_in_day_is_the_same_on_every_machine() -> None:
    """To the last microsecond of its jobs: this is what makes two people's simulations comparable."""
    digest = hashlib.sha256()
    for run in built_in_day().runs():
        digest.update(repr(attrs.astuple(run)).encode())
    assert digest.hexdigest() == BUILT_IN


def test_the_built_in_day_is_a_tuesday_of_about_two_thousand_jobs() -> None:
    """In order, within 24 hours, with failing and cancelled runs, and labels that the parser takes."""
    runs = list(built_in_day().runs())
    assert 1_900 <= jobs(runs) <= 2_100
    assert {datetime_of(run.at).strftime("%A") for run in runs} == {"Tuesday"}
    assert all(before.at <= after.at for before, after in pairwise(runs))
    assert {run.repository for run in runs} <= set(built_in_day().repositories)
    assert any(run.cancelled_after for run in runs)
    assert {job.conclusion for run in runs for job in run.jobs} == {"success", "failure"}
    assert {str(parse_labels(job.labels)) for run in runs for job in run.jobs}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1 << 70), st.integers(1, 2), st.integers(1, 3_000), st.integers(1, 30))
def test_every_load_is_in_order_and_comes_again(seed: int, days: int, per_day: int, repositories: int) -> None:
    """Whatever the parameters: sorted by time, inside its days, and the second pass is the first."""
    parameters = GeneratorParameters(jobs_per_day=per_day, repositories=repositories)
    load = generated(parameters, seed, days)
    runs = list(load.runs())
    assert runs == list(load.runs())
    assert load.repositories == tuple(sorted(load.repositories))
    assert all(before.at <= after.at for before, after in pairwise(runs))
    for run in runs:
        assert TUESDAY <= run.at < TUESDAY + days * DAY
        assert run.repository in load.repositories
        assert run.jobs
        assert all(job.duration > 0 for job in run.jobs)


def test_another_seed_is_another_load() -> None:
    """And nothing but the seed is needed to tell them apart."""
    parameters = GeneratorParameters(jobs_per_day=200)
    assert list(generated(parameters, 1, 1).runs()) != list(generated(parameters, 2, 1).runs())


def test_working_days_have_as_many_jobs_as_were_asked_for() -> None:
    """Over four weeks the mean of Monday to Friday is the number, and a weekend's day has 0.7 of it, cron included."""
    parameters = GeneratorParameters(jobs_per_day=1_000, start=MONDAY)
    by_day: Counter[int] = Counter()
    for run in generated(parameters, 3, 28).runs():
        by_day[datetime_of(run.at).weekday()] += len(run.jobs)
    working = sum(by_day[day] for day in range(5)) / 20
    weekend = (by_day[5] + by_day[6]) / 8
    assert abs(working - 1_000) < 60
    assert 0.6 < weekend / working < 0.8


def test_an_office_pushes_by_its_own_clock() -> None:
    """Nine to six in Tokyo is another time of the day than in New York, and daylight saving moves it by an hour."""
    tokyo = by_hour(week(offices=(Office("Asia/Tokyo"),), scheduled=0))
    new_york = by_hour(week(offices=(Office("America/New_York"),), scheduled=0))
    assert sum(tokyo[hour] for hour in range(9)) > 0.7 * sum(tokyo.values())  # 9 to 18 there
    assert sum(new_york[hour] for hour in range(14, 23)) > 0.7 * sum(new_york.values())
    summer = moment_of(datetime(2026, 7, 6, tzinfo=UTC))
    flat = (0,) * 9 + (1,) + (0,) * 14
    at_nine = Office("Europe/Berlin", hours=flat)
    assert set(by_hour(week(offices=(at_nine,), scheduled=0))) == {8}
    assert set(by_hour(week(offices=(at_nine,), scheduled=0, start=summer))) == {7}


def test_offices_share_the_pushes() -> None:
    """Twice the share, twice the runs."""
    flat = (1,) + (0,) * 23
    noon = (0,) * 12 + (1,) + (0,) * 11
    hours = by_hour(week(offices=(Office("UTC", 1, flat), Office("UTC", 2, noon)), scheduled=0, burst=None))
    assert set(hours) == {0, 12}
    assert 1.7 < hours[12] / hours[0] < 2.3


def test_hours_differ_more_than_chance_alone_would_have_it() -> None:
    """With the burst factor, counts by hour vary at least half as much again as without."""

    def dispersion(burst: int | None) -> float:
        flat = Office("UTC", hours=(1,) * 24, week=(1,) * 7)
        counts = Counter(run.at // HOUR for run in week(offices=(flat,), scheduled=0, burst=burst, jobs_per_day=2_000))
        mean = sum(counts.values()) / (7 * 24)
        return sum((counts[MONDAY // HOUR + hour] - mean) ** 2 for hour in range(7 * 24)) / (7 * 24) / mean

    assert dispersion(None) < 1.5
    assert dispersion(14) > 2


def test_cron_comes_at_full_hours() -> None:
    """Scheduled runs are called nightly, are on main, and most of them come at minute 0, 15, 30 or 45."""
    scheduled = [run for run in week() if run.workflow == "nightly"]
    round_ones = [run for run in scheduled if run.at // MINUTE % 15 == 0]
    assert len(round_ones) > len(scheduled) / 2
    assert {run.branch for run in scheduled} == {"main"}
    assert {run.cancelled_after for run in scheduled} == {None}


def test_the_shares_are_those_that_were_asked_for() -> None:
    """Scheduled, failing and cancelled runs, pull requests: each within a small distance of its share."""
    runs = [run for run in week(jobs_per_day=6_000) if datetime_of(run.at).weekday() < 5]
    share = {
        "scheduled": sum(run.workflow == "nightly" for run in runs),
        "cancelled": sum(run.cancelled_after is not None for run in runs),
        "failing": sum(any(job.conclusion == "failure" for job in run.jobs) for run in runs),
    }
    assert {name: round(count * 100 / len(runs)) for name, count in share.items()} == {
        "scheduled": 26,
        "cancelled": 1,
        "failing": 17,
    }
    pushed = [run for run in runs if run.workflow == "ci"]
    assert 0.55 < sum(run.branch != "main" for run in pushed) / len(pushed) < 0.64


def test_a_cancelled_run_would_have_gone_on() -> None:
    """Its first job lasts longer than it takes until somebody cancels it, and no job of it fails before."""
    cancelled = [run for run in week(cancelled=300) if run.cancelled_after is not None]
    assert len(cancelled) > 100
    for run in cancelled:
        assert run.cancelled_after is not None
        assert run.jobs[0].duration > run.cancelled_after
        assert {job.conclusion for job in run.jobs} == {"success"}


def test_a_failing_run_has_one_job_that_fails() -> None:
    """The others end as they would have."""
    for run in week(failing=1_000, cancelled=0, jobs_per_day=100):
        assert [job.conclusion for job in run.jobs].count("failure") == 1


def test_the_legs_of_a_matrix_are_alike() -> None:
    """One label set, numbered names, and durations that are closer to one another than to other matrices'."""
    large = [run for run in week(jobs_per_day=3_000) if len(run.jobs) > 8 and run.cancelled_after is None]
    assert large
    for run in large:
        first, *legs = run.jobs
        assert first.name == "build"
        assert [leg.name for leg in legs] == [f"test ({number})" for number in range(1, len(legs) + 1)]
        assert len({leg.labels for leg in legs}) == 1
    medians = sorted(sorted(leg.duration for leg in run.jobs[1:])[len(run.jobs) // 2] for run in large)
    assert medians[-1] > 20 * medians[0]
    close = [run for run in large if max(j.duration for j in run.jobs[1:]) < 20 * min(j.duration for j in run.jobs[1:])]
    assert len(close) > len(large) * 3 // 4


def test_fan_out_labels_and_durations_are_the_parameters() -> None:
    """Whoever knows better than the literature says so."""
    runs = week(
        fan_out=((3, 1),),
        labels=(LabelShare(("gpu", "linux")),),
        durations=Quantiles((0, 65_536), (7 * SECOND, 7 * SECOND)),
        repositories=1,
        owner="octo-org",
        cancelled=0,
    )
    assert {len(run.jobs) for run in runs} == {3}
    assert {(job.labels, job.duration) for run in runs for job in run.jobs} == {(("gpu", "linux"), 7 * SECOND)}
    assert {run.repository for run in runs} == {"octo-org/repository-1"}


def test_a_few_repositories_make_most_of_the_load() -> None:
    """The largest of 24 has about a quarter of the runs, and the smaller half less than a tenth."""
    counted = Counter(run.repository for run in week(jobs_per_day=3_000)).most_common()
    total = sum(count for _, count in counted)
    assert counted[0][0] == "acme/repository-01"
    assert 0.15 < counted[0][1] / total < 0.45
    assert sum(count for _, count in counted[12:]) < total / 10


def test_the_mean_job_takes_as_long_as_published() -> None:
    """6.4 minutes, though a few take hours."""
    durations = [job.duration for run in week(jobs_per_day=8_000, cancelled=0) for job in run.jobs]
    assert 5.9 * MINUTE < sum(durations) / len(durations) < 6.9 * MINUTE
    assert max(durations) > 3 * HOUR


def test_a_large_load_is_not_held_in_memory() -> None:
    """The first 60,000 jobs of a load of a million a day take less than a megabyte at any time."""
    load = generated(GeneratorParameters(jobs_per_day=1_000_000), 1, 365)
    for _ in load.runs():  # what is imported and cached at the first run does not count
        break
    tracemalloc.start()
    try:
        assert jobs(islice(load.runs(), 21_000)) > 50_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"jobs_per_day": 0}, "jobs_per_day"),
        ({"repositories": 0}, "repositories"),
        ({"failing": 1_001}, "failing"),
        ({"scheduled": -1}, "scheduled"),
        ({"scheduled": 600, "cancelled": 500}, "cancelled"),
        ({"offices": ()}, "offices"),
        ({"labels": ()}, "labels"),
        ({"fan_out": ()}, "fan_out"),
        ({"fan_out": ((0, 1),)}, "fan_out"),
        ({"burst": 0}, "burst"),
    ],
)
def test_parameters_that_make_no_sense(changes: dict[str, Any], field: str) -> None:
    """The error names the field."""
    with pytest.raises(InvalidInput) as told:
        GeneratorParameters(**changes)
    assert told.value.field == field


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "../etc/passwd", "", "/etc/localtime"])
def test_a_time_zone_that_nobody_knows(zone: str) -> None:
    """It is told, with an example."""
    with pytest.raises(InvalidInput, match="such as Europe/Berlin"):
        Office(zone)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"share": 0}, "office.share"),
        ({"hours": (1,) * 23}, "office.hours"),
        ({"hours": (0,) * 24}, "office.hours"),
        ({"hours": (-1,) + (1,) * 23}, "office.hours"),
        ({"week": (0, 0, 0, 0, 0, 1, 1)}, "office.week"),
    ],
)
def test_an_office_without_hours(changes: dict[str, Any], field: str) -> None:
    """Weights that weigh nothing are refused, and so is a week without a working day to measure by."""
    with pytest.raises(InvalidInput) as told:
        Office("UTC", **changes)
    assert told.value.field == field


def test_labels_and_days_there_must_be() -> None:
    """A job without a label, a set without a share, a load without a day."""
    with pytest.raises(InvalidInput, match="one label at least"):
        LabelShare(())
    with pytest.raises(InvalidInput, match="1 or more"):
        LabelShare(("paddock",), 0)
    with pytest.raises(InvalidInput, match="days = 0"):
        generated(GeneratorParameters(), 1, 0)


def test_a_load_of_cron_alone() -> None:
    """Every share may be all or nothing."""
    runs = week(scheduled=1_000, cancelled=0)
    assert {run.workflow for run in runs} == {"nightly"}
    assert {run.workflow for run in week(scheduled=0, failing=0)} == {"ci"}

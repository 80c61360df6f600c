"""What is told of a workload before it is simulated."""

from paddock.adapters.simulation.load import JobLoad, RunLoad
from paddock.adapters.simulation.outcome import Spread
from paddock.adapters.simulation.workloads import built_in_day
from paddock.adapters.simulation.workloads.summary import OTHERS, days, plain_labels, summary_of
from paddock.core.units import DAY, HOUR, SECOND
from tests.world.workloads import Given


def run(at: int, *durations: int, labels: tuple[str, ...] = ("paddock",), repository: str = "acme/shop") -> RunLoad:
    return RunLoad(at, repository, "ci", tuple(JobLoad("job", labels, one * SECOND) for one in durations))


def test_everything_is_counted() -> None:
    """Runs, jobs, hours, label sets and repositories, the largest first."""
    failing = JobLoad("job", ("gpu",), 5 * SECOND, "failure")
    runs = [
        run(HOUR - 1, 10, 20, 30),
        run(HOUR, 40, repository="acme/api"),
        RunLoad(DAY + 1, "acme/api", "ci", (failing,), cancelled_after=SECOND),
    ]
    found = summary_of(Given(runs))
    assert (found.runs, found.cancelled, found.jobs, found.failing, found.largest) == (3, 1, 5, 1, 3)
    assert (found.began, found.ended) == (HOUR - 1, DAY + 1)
    assert found.hours == {0: 3, HOUR: 1, DAY: 1}
    assert found.repositories == [("acme/shop", 3), ("acme/api", 2)]
    assert [labels for labels, _ in found.labels] == [("paddock",), ("gpu",)]
    assert found.durations == Spread(5, 21 * SECOND, 20 * SECOND, 40 * SECOND, 40 * SECOND, 40 * SECOND)
    assert [(start, hours[:2], sum(hours)) for start, hours in days(found)] == [(0, [3, 1], 4), (DAY, [1, 0], 1)]


def test_quantiles_are_nearest_ranks() -> None:
    """Of 1 to 100 seconds the p95 is 95."""
    found = summary_of(Given([run(0, *range(1, 101))])).durations
    assert (found.p50, found.p95, found.p99, found.most) == tuple(n * SECOND for n in (50, 95, 99, 100))


def test_salt_makes_no_label_set_of_its_own() -> None:
    """Labels that were made unique for each job are counted together; notes, too."""
    assert plain_labels(["Paddock=4711-1/cpu=8", "gpu"]) == ("Paddock/cpu=8", "gpu")
    assert plain_labels(["paddock=4711-1"]) == ("paddock",)
    assert plain_labels(["paddock/x-step=a/cpu=4/x-b=1"]) == ("paddock/cpu=4",)
    runs = [run(number, 1, labels=(f"paddock={number}/cpu=4",)) for number in range(30)]
    assert [labels for labels, _ in summary_of(Given(runs)).labels] == [("paddock/cpu=4",)]


def test_however_many_label_sets_there_are_some_are_kept() -> None:
    """Beyond a thousand they are counted together."""
    runs = [run(number, 1, labels=(f"label-{number}",)) for number in range(1_200)]
    found = summary_of(Given(runs)).labels
    assert found[0][0] == OTHERS
    assert (found[0][1].count, len(found)) == (200, 1_001)


def test_nothing_at_all_has_a_summary() -> None:
    """A load without a run is told as such."""
    found = summary_of(Given([]))
    assert (found.began, found.jobs, found.durations, list(days(found))) == (None, 0, Spread(), [])


def test_the_built_in_day_in_numbers() -> None:
    """The figures that the page gives of it."""
    found = summary_of(built_in_day())
    assert (found.jobs, found.runs, len(list(days(found)))) == (2_014, 756, 1)

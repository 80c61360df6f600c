"""The benchmark's plumbing: what it measures is only as good as that."""

from paddock.core.codec import to_data
from tests.bench.__main__ import report, table
from tests.bench.groups import memory_path, records, webhook
from tests.bench.harness import Figure, cpu_nanoseconds, start_nanoseconds


def test_the_report_is_flat_and_by_name() -> None:
    """One object per figure with value, unit and meaning, so that two reports can be laid side by side."""
    figures = [Figure("a.b", 1.5, "us", "a thing", 1500.0), Figure("c", 2, "B", "another")]
    assert report(figures) == {
        "a.b": {"value": 1.5, "unit": "us", "what": "a thing"},
        "c": {"value": 2, "unit": "B", "what": "another"},
    }
    assert [next(iter(column.cells)) for column in table(figures, 500.0).columns] == [
        "a.b",
        "1.5",
        "us",
        "3",
        "a thing",
    ]


def test_measuring_calls_the_work_and_gives_the_time_of_one_call() -> None:
    """Twice the repeats are not twice the figure, and the work is really done."""
    calls: list[int] = []
    took = cpu_nanoseconds(lambda: calls.append(1), repeats=5, runs=3)
    assert len(calls) == 1 + 5 * 3
    assert 0 <= took < 1e9
    assert start_nanoseconds("pass", runs=1) > 0


def test_the_payload_is_what_the_figure_says() -> None:
    """Eleven thousand bytes, give or take a field, and the delivery is taken in: the harness raises if it is not."""
    assert abs(len(webhook.payload()) - webhook.SIZE) < 200
    assert len(webhook.settings(200).aliases) == 200


def test_the_measured_record_is_a_full_one() -> None:
    """A job's size is not flattered by fields left empty: only what a first launch cannot have is."""
    data = to_data(records.a_finished_job())
    assert {key for key, value in data.items() if value in (None, "", 0)} == {
        "displaced",
        "not_before",
        "reason",
        "failure",
    }
    assert {figure.name for figure in records.figures()} >= {"job_record.bytes"}


def test_the_measured_path_ends_with_finished_jobs() -> None:
    """The jobs per second are those of jobs that really went all the way."""
    assert memory_path.one_morning() > 0

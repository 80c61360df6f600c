"""The benchmark's plumbing: what it measures is only as good as that."""

import ast
import pkgutil
from collections.abc import Iterator
from pathlib import Path

from paddock.core.codec import to_data
from tests.bench import agent_package, groups
from tests.bench.__main__ import GROUPS, main, report, shown
from tests.bench.groups import imports, memory_path, records, webhook
from tests.bench.harness import Figure, cpu_nanoseconds, start_nanoseconds
from tests.bench.made_package import make

FAMILIES = {"agent_log": "agent", "imports": "import_ms", "records": "job_record"}
"""What the figures of a group are called, where it is not the group's own name."""
MAKERS = frozenset({"Figure", "microseconds", "milliseconds", "per_second"})


def named(path: Path) -> Iterator[str]:
    """The names of the figures that a module makes, as far as they stand in its text."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS:
            first = node.args[0].values[0] if isinstance(node.args[0], ast.JoinedStr) else node.args[0]
            assert isinstance(first, ast.Constant), ast.unparse(node)
            yield str(first.value)


def test_every_group_can_be_asked_for_by_its_modules_name() -> None:
    """A module that is not registered would never be run; a name that is not there is refused with those that are."""
    assert set(GROUPS) == {module.name for module in pkgutil.iter_modules(groups.__path__)}
    assert main(["agent", "no-such-group"]) == 2


def test_figures_are_named_for_their_group() -> None:
    """So that one knows which group to run for a figure that was seen."""
    home = Path(str(groups.__file__)).parent
    found = {name: sorted(named(home / f"{name}.py")) for name in GROUPS}
    found["agent"] += named(Path(agent_package.__file__))
    for group, names in found.items():
        assert names
        assert [name for name in names if not name.startswith(f"{FAMILIES.get(group, group)}.")] == []
    assert {"agent.start_ms", "agent.start_cpu_ms", "agent.unpack_s", "agent.tls_mb"} <= set(found["agent"])
    assert {"agent.log_mb_per_s"} <= set(found["agent_log"])
    assert {"webhook.loopback_cpu_us"} <= set(found["webhook"])
    assert {"bundle.mb"} <= set(found["bundle"])
    assert {"reports.p99_ms"} <= set(found["reports"])
    assert {"webhook", "dispatch"} <= imports.BUNDLED.keys()  # each is a figure: import_ms.webhook and so on


def test_the_made_package_is_what_its_words_say(tmp_path: Path) -> None:
    """The agent's own unpacking takes it, and finds as many files and bytes."""
    made = make(tmp_path, tmp_path / "pipe", fillers=3)
    into = tmp_path / "into"
    into.mkdir()
    agent_package.unpack(made, into)
    files = [path for path in into.rglob("*") if path.is_file()]
    assert (len(files), sum(path.stat().st_size for path in files)) == (made.files, made.unpacked)
    assert made.archive == tmp_path / f"{made.sha256}.tar.gz"
    assert made.packed < made.unpacked / 2


def test_the_report_is_flat_and_by_name() -> None:
    """One object per figure with value, unit and meaning, so that two reports can be laid side by side."""
    figures = [Figure("a.b", 1.5, "us", "a thing", 1500.0), Figure("c", 2, "B", "another")]
    assert report(figures) == {
        "a.b": {"value": 1.5, "unit": "us", "what": "a thing"},
        "c": {"value": 2, "unit": "B", "what": "another"},
    }
    assert [next(iter(column.cells)) for column in shown(figures, 500.0).columns] == [
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
        "inherited",
        "missing_at",
        "wakes",
        "not_before",
        "on_demand",
        "reason",
        "failure",
    }
    assert {figure.name for figure in records.figures()} >= {"job_record.bytes"}


def test_the_measured_path_ends_with_finished_jobs() -> None:
    """The jobs per second are those of jobs that really went all the way."""
    assert memory_path.one_morning() > 0

"""Traces: what was written is read again, and every mistake is told with its place and what would be right."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paddock.adapters.simulation.load import JobLoad, RunLoad, Workload
from paddock.adapters.simulation.workloads import GeneratorParameters, generated, read_trace, write_trace
from paddock.adapters.simulation.workloads.cells import CONCLUSIONS
from paddock.core.errors import InvalidInput
from paddock.core.units import HOUR, MINUTE, SECOND
from tests.world.workloads import Given

SUFFIXES = (".csv", ".jsonl", ".csv.gz", ".jsonl.gz", ".ndjson")
NINE = 1_795_510_800 * SECOND  # 2026-11-24T09:00:00Z
NUMBERS = count()

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(lambda text: text.strip() != "")
names = st.from_regex(r"[A-Za-z0-9._-]{1,8}/[A-Za-z0-9._-]{1,8}", fullmatch=True)
spans = st.integers(0, 400 * HOUR) | st.integers(0, 400 * 3600).map(lambda seconds: seconds * SECOND)
job_loads = st.builds(
    JobLoad, texts, st.lists(texts, min_size=1, max_size=3).map(tuple), spans, st.sampled_from(CONCLUSIONS)
)
run_loads = st.builds(
    RunLoad,
    st.integers(0, 9) | st.integers(0, 250_000_000_000 * SECOND),
    names,
    texts,
    st.lists(job_loads, min_size=1, max_size=3).map(tuple),
    texts,
    st.none() | spans,
)


def saved(folder: Path, text: str, name: str = "trace.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def read(folder: Path, text: str) -> list[RunLoad]:
    return list(read_trace(saved(folder, text)).runs())


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(runs=st.lists(run_loads, max_size=5))
def test_what_was_written_is_read_again(suffix: str, runs: list[RunLoad], tmp_path: Path) -> None:
    """Every run with its jobs, in order, in every format, whatever their names and labels hold."""
    runs.sort(key=lambda run: run.at)
    path = tmp_path / f"{next(NUMBERS)}{suffix}"
    assert write_trace(Given(runs), path) == sum(len(run.jobs) for run in runs)
    if runs or "csv" in suffix:
        trace: Workload = read_trace(path)
        assert list(trace.runs()) == runs
        assert trace.repositories == Given(runs).repositories
        assert trace.name == path.name


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_generated_load_survives_its_file(suffix: str, tmp_path: Path) -> None:
    """As the generator makes them, to the millisecond; and it can be gone through again and again."""
    load = generated(GeneratorParameters(jobs_per_day=300), 4, 1)
    write_trace(load, tmp_path / f"load{suffix}")
    trace = read_trace(tmp_path / f"load{suffix}")
    assert list(trace.runs()) == list(load.runs()) == list(trace.runs())


@pytest.mark.parametrize("suffix", [".csv.gz", ".jsonl.gz"])
def test_the_same_load_is_the_same_file(suffix: str, tmp_path: Path) -> None:
    """No time of writing and no name is in it."""
    load = generated(GeneratorParameters(jobs_per_day=50), 4, 1)
    for name in ("one", "two"):
        write_trace(load, tmp_path / f"{name}{suffix}")
    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


def test_what_a_file_looks_like(tmp_path: Path) -> None:
    """The columns and values that the page describes."""
    jobs = (JobLoad("build", ("paddock/cpu=4",), 90 * SECOND), JobLoad("gpu", ("self-hosted", "gpu"), 1_500_000))
    runs = [RunLoad(NINE, "acme/shop", "ci", jobs), RunLoad(NINE + 1, "acme/shop", "ci", jobs[:1], "x", MINUTE)]
    write_trace(Given(runs), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines() == [
        "at,repository,workflow,run,branch,job,labels,duration,conclusion,cancelled_after",
        "2026-11-24T09:00:00Z,acme/shop,ci,1,main,build,paddock/cpu=4,90,success,",
        "2026-11-24T09:00:00Z,acme/shop,ci,1,main,gpu,self-hosted;gpu,1.5,success,",
        "2026-11-24T09:00:00.000001Z,acme/shop,ci,2,x,build,paddock/cpu=4,90,success,60",
    ]
    write_trace(Given(runs), tmp_path / "a.jsonl")
    lines = (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[1]) == {
        "at": "2026-11-24T09:00:00Z",
        "repository": "acme/shop",
        "workflow": "ci",
        "run": "1",
        "branch": "main",
        "job": "gpu",
        "labels": ["self-hosted", "gpu"],
        "duration": 1.5,
        "conclusion": "success",
    }
    assert json.loads(lines[2])["cancelled_after"] == 60


@pytest.mark.parametrize("name", ["=HYPERLINK(A1)", "+1", "-1", "@x", "'quoted", "\tx"])
def test_no_name_is_a_formula_to_a_spreadsheet(name: str, tmp_path: Path) -> None:
    """Names of jobs are strangers' words: a cell never begins with what a spreadsheet would run."""
    run = RunLoad(NINE, "acme/shop", "ci", (JobLoad(name, ("paddock",), SECOND),))
    write_trace(Given([run]), tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["job"] == f"'{name}"
    assert list(read_trace(tmp_path / "a.csv").runs()) == [run]


def test_the_least_that_a_trace_must_say(tmp_path: Path) -> None:
    """Time, repository, labels, duration; each row is then a run of its own, of a workflow named ci, on main."""
    text = "at,repository,labels,duration\n0,acme/shop,paddock,60\n0,acme/shop,paddock,61\n"
    job = JobLoad("job", ("paddock",), 60 * SECOND)
    first = RunLoad(0, "acme/shop", "ci", (job,))
    assert read(tmp_path, text) == [first, attrs.evolve(first, jobs=(attrs.evolve(job, duration=61 * SECOND),))]
    lines = '{"at":0,"repository":"acme/shop","labels":"paddock","duration":60}\n'
    assert read(tmp_path, lines) == [first]


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("0", 0),
        ("1795510800.25", NINE + 250_000),
        ("2026-11-24T09:00:00Z", NINE),
        ("2026-11-24T10:00:00+01:00", NINE),
        ("2026-11-24 09:00:00 Z", NINE),
        ("2026-11-24t09:00z", NINE),
        ("2026-11-24T09:00:00.5Z", NINE + 500_000),
        (" 2026-11-24T09:00:00.000001Z ", NINE + 1),
    ],
)
def test_times_as_people_write_them(text: str, micros: int, tmp_path: Path) -> None:
    """RFC 3339 with any offset, a blank for the T, or seconds."""
    assert read(tmp_path, f"at,repository,labels,duration\n{text},a/b,paddock,1\n")[0].at == micros


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("0", 0),
        ("90", 90 * SECOND),
        ("90.5", 90_500_000),
        ("0.0000019", 1),
        ("0:01:30", 90 * SECOND),
        ("26:00:00", 26 * HOUR),
        ("1m30s", 90 * SECOND),
        ("2h", 2 * HOUR),
    ],
)
def test_spans_as_people_write_them(text: str, span: int, tmp_path: Path) -> None:
    """Seconds, a spreadsheet's hours, minutes and seconds, or the configuration's form."""
    assert read(tmp_path, f"at,repository,labels,duration\n0,a/b,paddock,{text}\n")[0].jobs[0].duration == span


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_spreadsheets_save(delimiter: str, tmp_path: Path) -> None:
    """A byte order mark, columns in any order and case, unknown ones, semicolons, CRLF, blank lines, short rows."""
    lines = [
        ["Duration", " AT ", "Repository", "cost centre", "Labels", "cancelled_after"],
        ["60", "0", "a/b", "17", "x", ""],
        [],
        ["60", "1", "a/b", "", "y"],
        ["", "", "", "", "", ""],
    ]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(lines)
    found = read(tmp_path, "\ufeff" + text.getvalue())
    assert [(run.at, run.jobs[0].labels) for run in found] == [(0, ("x",)), (SECOND, ("y",))]


def test_rows_of_one_run_are_one_run(tmp_path: Path) -> None:
    """Rows of one time, repository and run belong together though others stand between; later ones are another part."""
    text = (
        "at,repository,run,job,labels,duration,cancelled_after\n"
        "0,a/b,1,one,x,1,\n"
        "0,a/c,1,two,x,1,\n"
        "0,a/b,2,three,x,1,\n"
        "0,a/b,1,four,x,1,30\n"
        "5,a/b,1,five,x,1,\n"
    )
    assert [(run.at, [job.name for job in run.jobs], run.cancelled_after) for run in read(tmp_path, text)] == [
        (0, ["one", "four"], 30 * SECOND),
        (0, ["two"], None),
        (0, ["three"], None),
        (5 * SECOND, ["five"], None),
    ]


def test_a_name_may_hold_line_breaks_and_the_lines_are_counted_all_the_same(tmp_path: Path) -> None:
    """A quoted cell over three lines; the mistake behind it is told with the line that an editor shows."""
    text = 'at,repository,labels,duration,job\n0,a/b,x,1,"one\ntwo\nthree"\n0,a/b,x,1,plain\n0,a/b,x,long,y\n'
    with pytest.raises(InvalidInput, match=r"trace\.csv:6: duration = 'long'"):
        read(tmp_path, text)
    assert read(tmp_path, text.rpartition("0,")[0])[0].jobs[0].name == "one\ntwo\nthree"


HEAD = "at,repository,labels,duration,conclusion,run,workflow\n"
MISTAKES = [
    ("", "trace.csv:1: holds nothing"),
    ("\n\n", "trace.csv:1: holds nothing"),
    ("at,repository,labels\n", "trace.csv:1: duration = '': is missing"),
    (
        "at,repository,labels,durations\n",
        "trace.csv:1: durations = '': is no column of a trace; did you mean duration?",
    ),
    ("at,at,repository,labels,duration\n", "trace.csv:1: at = '': is named twice"),
    (HEAD + "noon,a/b,x,1\n", "trace.csv:2: at = 'noon': must be a time such as 2026-11-24T09:00:05Z"),
    (HEAD + "2026-11-24T09:00:00,a/b,x,1\n", "says no time zone: write 2026-11-24T09:00:00Z if it is UTC"),
    (HEAD + "2026-02-30T09:00:00Z,a/b,x,1\n", "is no time that a calendar has"),
    (HEAD + "2026-11-24T09:00:00+99:00,a/b,x,1\n", "is no time that a calendar has"),
    (HEAD + "1969-12-31T23:59:59Z,a/b,x,1\n", "must be between 1970 and 9999"),
    (HEAD + "-1,a/b,x,1\n", "at = '-1': must be a time"),
    (HEAD + "٣,a/b,x,1\n", "at = '٣': must be a time"),
    (HEAD + ",a/b,x,1\n", "trace.csv:2: at = '': must not be empty"),
    (HEAD + "0,shop,x,1\n", "repository = 'shop': must be owner/name"),
    (HEAD + "0,a/b/c,x,1\n", "repository = 'a/b/c': must be owner/name"),
    (HEAD + "0,a/b,;,1\n", "labels = ';': must be at least one label"),
    (HEAD + '0,a/b,"[1]",1\n', "labels = '[1]': must be labels parted by semicolons"),
    (HEAD + '0,a/b,"[""a""",1\n', "must be labels parted by semicolons"),
    (HEAD + "0,a/b,x,-5\n", "duration = '-5': must be a span of 0 or more: write seconds such as 90"),
    (HEAD + "0,a/b,x,1e3\n", "duration = '1e3'"),
    (HEAD + "0,a/b,x,1,green\n", "conclusion = 'green': must be one of success, failure, cancelled, timed_out"),
    (HEAD + "5,a/b,x,1\n4,a/b,x,1\n", "trace.csv:3: at = '4': is before the line above: sort the rows"),
    (
        HEAD + "0,a/b,x,1,,7,ci\n0,a/b,x,1,,7,cd\n",
        "trace.csv:3: workflow = 'cd': is not what line 2 says of the same run",
    ),
    (HEAD + "0,a/b,x,1,success,1,ci,9,9\n", "trace.csv:2: has 9 cells, and the first line names 7 columns"),
    (HEAD + '0,a/b,"x"y,1\n', "trace.csv:2: is no CSV"),
    (HEAD + '0,a/b,"x\n', "is no CSV"),
    (HEAD + "0,a/b,x," + "9" * 200 + "\n", "…': must be a span"),
    ('[{"at": 0}]\n', "is one JSON list: write one object on each line"),
    ('{"at": 0,\n', "trace.csv:1: is no JSON object"),
    ('{"at": 0, "repository": "a/b", "labels": ["x"], "duration": 1}\n7\n', "trace.csv:2: is no JSON object: write"),
    ('{"at": ' + "[" * 100_000 + "\n", "is no JSON object"),
    ('{"at": true, "repository": "a/b", "labels": ["x"], "duration": 1}\n', "at = 'true': must be a text or a number"),
    ('{"at": 0, "repository": "a/b", "labels": [null], "duration": 1}\n', "must be a list of texts"),
    ('{"at": 0, "repository": "a/b", "labels": [], "duration": 1}\n', "labels = []: must be at least one label"),
    ('{"at": 0, "repository": "a/b", "labels": ["x"]}\n', "duration = '': must not be empty"),
    ('{"at": 0, "repository": "a/b", "labels": ["x"], "duration": NaN}\n', "duration = 'NaN'"),
    ('{"at": 0, "repository": "a/b", "labels": ["x"], "duraton": 1}\n', "did you mean duration?"),
]


@pytest.mark.parametrize(("text", "told"), MISTAKES, ids=[f"{n}" for n in range(len(MISTAKES))])
def test_every_mistake_is_told_with_its_place(text: str, told: str, tmp_path: Path) -> None:
    """File, line, column, value, and what would be right."""
    with pytest.raises(InvalidInput) as error:
        read(tmp_path, text)
    assert told in str(error.value)
    assert str(error.value).startswith(f"{tmp_path}/trace.csv:")
    assert len(str(error.value)) < 400


def test_a_mistake_anywhere_shows_before_the_simulation_begins(tmp_path: Path) -> None:
    """Asking for the repositories reads the whole file, so that nothing fails after an hour."""
    with pytest.raises(InvalidInput, match=r":3: duration"):
        assert read_trace(saved(tmp_path, HEAD + "0,a/b,x,1\n1,a/b,x,?\n")).repositories


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"at,repository,labels,duration\n0,a/b,caf\xe9,1\n", ":2: is not UTF-8"),
        (
            gzip.compress(b"at,repository,labels,duration\n" + b"0,a/b,x,1\n" * 9)[:-9],
            "the gzip file is damaged or cut off",
        ),
        (b"\x1f\x8bnonsense", "the gzip file is damaged or cut off"),
        (b"x" * 2_000_000, ":1: is longer than"),
        (b"\x00\x01\x02\n", ":1: at"),
    ],
    ids=["latin", "cut", "damaged", "endless", "binary"],
)
def test_files_that_are_no_text(content: bytes, told: str, tmp_path: Path) -> None:
    """Each is told in words."""
    path = tmp_path / "trace.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidInput) as error:
        list(read_trace(path).runs())
    assert told in str(error.value)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    """A missing one and a folder."""
    with pytest.raises(InvalidInput, match="there is no such file"):
        list(read_trace(tmp_path / "none.csv").runs())
    with pytest.raises(InvalidInput, match="is a folder"):
        list(read_trace(tmp_path).runs())


@pytest.mark.parametrize("name", ["trace", "trace.xlsx", "trace.gz", "trace.json"])
def test_a_name_that_says_no_format(name: str, tmp_path: Path) -> None:
    """The error lists the names that do; no file is made."""
    with pytest.raises(InvalidInput, match=r"must end in \.csv or \.jsonl"):
        write_trace(Given([]), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    """A trace may have taken hours to record. A folder that is not there is told, too."""
    path = saved(tmp_path, "mine")
    with pytest.raises(InvalidInput, match="is there already"):
        write_trace(Given([]), path)
    assert path.read_text(encoding="utf-8") == "mine"
    with pytest.raises(InvalidInput, match="its folder does not exist"):
        write_trace(Given([]), tmp_path / "none" / "a.csv")
    with pytest.raises(InvalidInput, match=r"output = .*Not a directory.*name another file"):
        write_trace(Given([]), path / "a.csv")


@attrs.frozen
class Cut:
    """A workload that ends too early; by then, somebody else may have made a file."""

    wrong: BaseException | None = None
    other: Path | None = None
    name: str = "cut"
    repositories: tuple[str, ...] = ("acme/shop",)

    def runs(self) -> Iterator[RunLoad]:
        """One, and no more."""
        yield RunLoad(NINE, "acme/shop", "ci", (JobLoad("build", ("paddock",), MINUTE),))
        if self.other is not None:
            self.other.write_text("mine", encoding="utf-8")
        if self.wrong is not None:
            raise self.wrong


@pytest.mark.parametrize("wrong", [KeyboardInterrupt(), OSError("no room"), MemoryError()], ids=repr)
def test_no_part_of_a_load_passes_for_all_of_it(tmp_path: Path, wrong: BaseException) -> None:
    """Whatever ends the writing early, Ctrl-C too: nothing is left, and the next try is not refused."""
    with pytest.raises(type(wrong)):
        write_trace(Cut(wrong), tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []
    assert write_trace(Cut(), tmp_path / "a.csv") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]


def test_a_file_that_came_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    """Two that write to one name: the second is told, and the first one's is as it was."""
    path = tmp_path / "a.csv"
    with pytest.raises(InvalidInput, match="is there already"):
        write_trace(Cut(other=path), path)
    assert [(file.name, file.read_text(encoding="utf-8")) for file in tmp_path.iterdir()] == [("a.csv", "mine")]

"""``paddock workload generate`` and ``show``, as a person calls them."""

import re
from pathlib import Path

import pytest

from paddock.adapters.simulation.workloads import read_trace
from paddock.core.units import DAY, datetime_of
from paddock.entrypoints.cli.app import main
from paddock.entrypoints.cli.workload_view import spark

PAGE = Path(__file__).parents[2] / "docs" / "simulating.md"


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The exit code, standard output and standard error of a call."""
    code = main(["workload", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_load_is_made_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As many days as asked for from the day asked for, a line for each, and the number of jobs is the same in both."""
    path = str(tmp_path / "load.csv.gz")
    words = ("--jobs-per-day", "300", "--days", "3", "--seed", "7", "--start", "2026-06-05", "--repositories", "4")
    code, out, err = said(capsys, "generate", "--output", path, *words, "--zone", "Asia/Tokyo", "--zone", "UTC")
    assert (code, err) == (0, "")
    count = re.match(r".*load\.csv\.gz: ([\d,]+) jobs; `paddock workload show", out)
    assert count
    first = next(read_trace(Path(path)).runs())
    assert datetime_of(first.at - first.at % DAY).isoformat() == "2026-06-05T00:00:00+00:00"
    code, out, err = said(capsys, "show", path)
    assert (code, err) == (0, "")
    assert f"{count[1]} in " in out
    for day in ("2026-06-05 Fri", "2026-06-06 Sat", "2026-06-07 Sun"):
        assert re.search(rf"^{day} .*[▁-█].* [\d,]+ *$", out, re.MULTILINE)
    assert "repository-1" in out
    assert re.search(r"^ *paddock/cpu=4 .* %", out, re.MULTILINE)


def test_the_same_seed_writes_the_same_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Byte for byte, gzip included."""
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        assert said(capsys, "generate", "--output", str(tmp_path / name), "--jobs-per-day", "40")[0] == 0
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def test_the_built_in_day_is_shown_without_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """Its name and its number of jobs are those of the page."""
    code, out, _ = said(capsys, "show")
    assert code == 0
    assert out.startswith("built-in day\n")
    assert "2,014 in 756 runs" in out
    assert "2,014 jobs" in PAGE.read_text(encoding="utf-8")


def test_a_long_load_is_shown_by_the_days_of_the_week(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three weeks are seven lines, each the mean of its days."""
    path = str(tmp_path / "load.jsonl")
    said(capsys, "generate", "--output", path, "--days", "21", "--jobs-per-day", "400")
    out = said(capsys, "show", path)[1]
    assert "mean of 21 days" in out
    assert re.findall(r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) ", out, re.MULTILINE) == [
        "Mon",
        "Tue",
        "Wed",
        "Thu",
        "Fri",
        "Sat",
        "Sun",
    ]


def test_more_label_sets_than_fit_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The commonest are shown, the rest is a number; what a label wants to tell the terminal is not obeyed."""
    path = tmp_path / "load.csv"
    rows = "".join(f"{n},a/b,label-{n:03}\x1b[31m,60\n" for n in range(30))
    path.write_text("at,repository,labels,duration\n" + rows, encoding="utf-8")
    out = said(capsys, "show", str(path))[1]
    assert "… and 10 more label sets" in out
    assert "\x1b" not in out


def test_an_empty_load_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table with nothing but its head."""
    path = tmp_path / "load.csv"
    path.write_text("at,repository,labels,duration\n", encoding="utf-8")
    assert said(capsys, "show", str(path)) == (0, "load.csv: no job at all\n", "")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("generate",), 2, "--output"),
        (("generate", "--output", "x.csv", "--jobs-per-day", "many"), 2, "paddock workload generate --help"),
        (("generate", "--output", "x.txt"), 1, "--output = 'x.txt': must end in .csv or .jsonl"),
        (("generate", "--output", "x.csv", "--zone", "Mars/Olympus"), 1, "--zone = 'Mars/Olympus': is no time zone"),
        (("generate", "--output", "x.csv", "--start", "tomorrow"), 1, "--start = 'tomorrow': must be a day"),
        (("generate", "--output", "x.csv", "--days", "0"), 1, "--days = 0"),
        (("generate", "--output", "x.csv", "--jobs-per-day", "0"), 1, "--jobs-per-day = 0"),
        (("generate", "--output", "x.csv", "--pool", "web"), 1, "such as web=30"),
        (
            ("generate", "--output", "x.csv", "--pool", "web=100"),
            1,
            "--pool = {'web': 100}: must leave some of a hundred jobs",
        ),
        (("show", "none.csv"), 1, "paddock workload generate --output FILE"),
        (("shew",), 2, "paddock workload --help"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told(
    words: tuple[str, ...],
    code: int,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The exit code, the value and the next step; no file is left behind."""
    monkeypatch.chdir(tmp_path)
    found, out, err = said(capsys, *words)
    assert (found, out) == (code, "")
    assert told in err
    assert list(tmp_path.iterdir()) == []


def test_a_bad_trace_is_told_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """File, line, column."""
    path = tmp_path / "load.csv"
    path.write_text("at,repository,labels,duration\n0,a/b,x,soon\n", encoding="utf-8")
    code, out, err = said(capsys, "show", str(path))
    assert (code, out) == (1, "")
    assert f"{path}:2: duration = 'soon': must be a span" in err


def test_bars_are_as_high_as_their_values() -> None:
    """Nothing is blank, the highest is full, and a single job among thousands is still seen."""
    assert spark([0, 1, 500, 1_000], 1_000) == " ▁▄█"


def test_the_trace_of_the_page_is_one(tmp_path: Path) -> None:
    """The example that people start from is read as it stands, each cell as the table says."""
    (block,) = re.findall(r"```csv\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "page.csv"
    path.write_text(block, encoding="utf-8")
    runs = list(read_trace(path).runs())
    assert [(run.repository, len(run.jobs)) for run in runs] == [("acme/shop", 2), ("acme/api", 1)]
    assert runs[1].jobs[0].labels == ("self-hosted", "gpu")


def test_the_columns_of_the_page_are_those_that_are_read() -> None:
    """Whoever makes a file of their own finds every column."""
    from paddock.adapters.simulation.workloads.cells import CONCLUSIONS, READERS  # noqa: PLC0415 - of this test alone

    table = PAGE.read_text(encoding="utf-8").partition("### As a file")[2]
    cells = re.findall(r"^\| (`[^|]*`) \|", table, re.MULTILINE)
    assert {name.strip("`, ") for cell in cells for name in cell.split(", ")} == set(READERS)
    assert all(f"`{word}`" in table for word in CONCLUSIONS)

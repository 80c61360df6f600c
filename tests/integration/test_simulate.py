"""``paddock simulate`` with a made-up engine: what is asked of it, and what people, scripts and managers get."""

import io
import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from paddock.adapters.simulation.cut import Beginning
from paddock.adapters.simulation.load import JobLoad, RunLoad, Workload
from paddock.adapters.simulation.outcome import Outcome, Start
from paddock.adapters.simulation.render.background import Assumption
from paddock.adapters.simulation.render.data import outcomes_from_json
from paddock.core.errors import InvalidInput
from paddock.core.settings import FleetSettings
from paddock.core.units import DAY, HOUR, MINUTE, SECOND
from paddock.entrypoints.cli.app import main
from paddock.entrypoints.cli.simulate import simulated, watched
from paddock.entrypoints.simulation.comparison import Order, Size, names
from paddock.entrypoints.simulation.engine import Engine, Progress
from tests.page_reader import read_page
from tests.unit.simulation.outcomes import BEGAN, broken, outcome_a, outcome_b


@attrs.frozen
class Made:
    """A workload of a run an hour."""

    name: str = "built-in day"
    repositories: tuple[str, ...] = ("acme/shop", "acme/web")
    count: int = 24

    def runs(self) -> Iterator[RunLoad]:
        """Two jobs each."""
        job = JobLoad("build", ("paddock",), MINUTE)
        for hour in range(self.count):
            yield RunLoad(BEGAN + hour * HOUR, self.repositories[hour % 2], "ci", (job, job))


@attrs.frozen
class Stub:
    """An engine that gives what it is told to and remembers what it was asked."""

    outcomes: tuple[Outcome, ...] = (outcome_a(), outcome_b())
    asked: list[tuple[Workload, FleetSettings, str, int, str]] = attrs.field(factory=list)
    opened: list[Path] = attrs.field(factory=list)

    def run(
        self,
        workload: Workload,
        settings: FleetSettings,
        policy: str,
        seed: int,
        faults: str,
        progress: Progress,
        *,
        start: Start = Start.COLD,
    ) -> Outcome:
        """The next outcome, under the policy's name."""
        assert start is Start.COLD
        progress(BEGAN + HOUR, 3)
        outcome = self.outcomes[len(self.asked) % len(self.outcomes)]
        self.asked.append((workload, settings, policy, seed, faults))
        return attrs.evolve(outcome, policy=policy, workload=workload.name, seed=seed)

    def open(self, path: Path) -> Workload:
        """A trace by its name."""
        self.opened.append(path)
        return Made(path.name)

    def engine(self) -> Engine:
        """Itself as an engine."""
        return Engine(self.run, Made, self.open, ("storm",), (Assumption("boot", "8 s", "a page"),))


def config(folder: Path, name: str, *, repositories: str = "acme/*", limit: int = 8) -> Path:
    """A paddock.yml of this name."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "version: 1\n"
        "github:\n  webhook_secret: {env: NOBODY_SET_IT}\n  token: {env: NOR_THIS}\n"
        f"  repositories: [{repositories}]\n"
        f"limits: {{machines: {limit}}}\nlocal: {{listen: 127.0.0.1:0, state: ./state}}\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A screen on which the test's own long paths stay whole."""
    monkeypatch.setenv("COLUMNS", "200")


def words_of(shown: str) -> list[str]:
    """The words of the command lines that are shown, as a shell reads them."""
    return shlex.split(shown.partition("\n\n")[0].replace(" \\\n", " ").partition("`")[0])


def test_alone_it_runs_the_built_in_day_with_the_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    """No argument is needed; the report is on standard output and nothing on the other."""
    stub = Stub()
    assert simulated(Order(), stub.engine) == 0
    ((workload, settings, policy, seed, faults),) = stub.asked
    assert (workload.name, policy, seed, faults) == ("built-in day", "defaults", 1, "")
    assert settings == FleetSettings(repositories=("acme/*",))
    out, err = capsys.readouterr()
    assert err == ""
    assert "With defaults, the median job waits 52 s" in out
    assert "paddock simulate --seed 1" in out
    assert "\x1b" not in out


def test_configurations_are_compared_on_one_workload_and_seed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each file is a policy by its name, the secrets it names are not needed, and the page is written."""
    first, second, out = config(tmp_path, "cold.yml"), config(tmp_path, "hot.yml", limit=9), tmp_path / "report.html"
    stub = Stub()
    assert simulated(Order(configs=(first, second), seed=7, faults="storm"), stub.engine, out=out) == 0
    assert [(policy, seed, faults) for _, _, policy, seed, faults in stub.asked] == [
        ("cold", 7, "storm"),
        ("hot", 7, "storm"),
    ]
    assert stub.asked[0][0] is stub.asked[1][0]
    assert [settings.limits.machines for _, settings, *_ in stub.asked] == [8, 9]
    told = capsys.readouterr().out
    assert "With hot, the median job waits 31 s instead of 52 s" in told
    assert f"the page: {out}" in told
    page = read_page(out.read_text(encoding="utf-8"))
    assert page.find("p", class_="headline")[0].text.startswith("With hot, the median job waits 31 s instead of 52 s")
    assert f"paddock simulate --config {first} --config {second} --seed 7 --faults storm" in page.text
    assert "with faults: storm" in page.text
    assert "they are made up" in page.text
    assert "a page" in page.text


def test_json_is_the_outcomes_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output is one document that reads back."""
    assert simulated(Order(seed=3), Stub().engine, as_json=True) == 0
    out, err = capsys.readouterr()
    assert err == ""
    (outcome,) = outcomes_from_json(out)
    assert (outcome.policy, outcome.seed, outcome.jobs) == ("defaults", 3, outcome_a().jobs)
    assert json.loads(out)["kind"] == "simulation"


@pytest.mark.parametrize("form", ["report", "json"])
def test_a_broken_rule_is_an_exit_code_and_a_line_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    """CI notices it, whatever is printed; the policy that broke it can be replayed alone."""
    files = (config(tmp_path, "cold.yml"), config(tmp_path, "hot.yml"))
    stub = Stub((outcome_a(), broken(outcome_b())))
    assert simulated(Order(configs=files, seed=7), stub.engine, as_json=form == "json") == 1
    out, err = capsys.readouterr()
    assert err.startswith("paddock: A rule was broken that must never be: 1 with hot.")
    assert ("VIOLATION" in out) is (form == "report")
    if form == "report":
        _, _, shown = out.partition("Replay hot:")
        told = shown.partition("With hot")[0]
        assert words_of(told) == ["paddock", "simulate", "--config", str(files[1]), "--seed", "7"]


def test_a_trace_is_opened_and_its_beginning_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--until`` leaves later runs out, and the command line says it too."""
    trace = tmp_path / "last month.csv"
    trace.touch()
    stub = Stub()
    order = Order(trace, (config(tmp_path, "paddock.yml"),), until=6 * HOUR, until_text="6h")
    assert simulated(order, stub.engine) == 0
    assert stub.opened == [trace]
    workload = stub.asked[0][0]
    assert len(list(workload.runs())) == 6
    assert workload.name == "last month.csv, its first 6 h 00 min"
    shown = words_of(capsys.readouterr().out.rpartition("To repeat it")[2])
    assert shown[:4] == ["paddock", "simulate", str(trace), "--config"]
    assert shown[5:9] == ["--seed", "1", "--until", "6h"]


def test_a_configuration_that_allows_nothing_of_a_trace_is_told(tmp_path: Path) -> None:
    """Every job would be refused: that is a mistake, and not a result."""
    trace = tmp_path / "trace.csv"
    trace.touch()
    order = Order(trace, (config(tmp_path, "paddock.yml", repositories="octo-org/*"),))
    with pytest.raises(InvalidInput, match=r"allows none of the workload's repositories \(acme/shop, acme/web\)"):
        simulated(order, Stub().engine)


def test_the_allow_list_is_not_meant_for_made_up_repositories(tmp_path: Path) -> None:
    """With the built-in day a configuration's repositories are replaced by the day's."""
    stub = Stub()
    assert simulated(Order(configs=(config(tmp_path, "paddock.yml", repositories="octo-org/*"),)), stub.engine) == 0
    assert stub.asked[0][1].repositories == ("acme/*",)


def test_a_workload_without_a_job_is_told() -> None:
    """Nothing to simulate is no success."""
    engine = attrs.evolve(Stub().engine(), built_in=lambda: Made(count=0))
    with pytest.raises(InvalidInput, match="has no job in it"):
        simulated(Order(), lambda: engine)


def test_all_that_is_wrong_with_all_configurations_is_told_before_anything_runs(tmp_path: Path) -> None:
    """The problems of every file, by line, at once."""
    for name in ("a.yml", "b.yml"):
        (tmp_path / name).write_text("version: 1\nlimits: {machines: many}\n", encoding="utf-8")
    stub = Stub()
    with pytest.raises(InvalidInput) as told:
        simulated(Order(configs=(tmp_path / "a.yml", tmp_path / "b.yml")), stub.engine)
    for name in ("a.yml", "b.yml"):
        assert f"{tmp_path}/{name}:2:20: limits.machines = 'many'" in str(told.value)
    assert stub.asked == []


def test_configurations_of_one_name_are_told_apart() -> None:
    """By name, else by path, else by place."""
    assert names([Path("a/cold.yml"), Path("b/hot.yml")]) == ["cold", "hot"]
    assert names([Path("a/paddock.yml"), Path("b/paddock.yml")]) == ["a/paddock.yml", "b/paddock.yml"]
    assert names([Path("a.yml"), Path("a.yml")]) == ["a.yml (1)", "a.yml (2)"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.csv"], "WORKLOAD = 'nowhere.csv': there is no such file"),
        (["--config", "nowhere.yml"], "--config = 'nowhere.yml': there is no such file: make it"),
        (["--until", "soon"], "--until = 'soon': must be a span above nothing, such as 90s, 30m, 6h or 1d12h"),
        (["--until", "0s"], "--until = '0s'"),
        (["--seed", "-1"], "--seed = -1: must be 0 or more"),
        (["--out", "no/where/report.html"], "there is no directory no/where: make it"),
        (["--out", "."], "--out = '.': is a folder: name a file in it"),
        (["--out", "/sys/report.html"], "--out = '/sys/report.html': cannot be written ("),
        (["."], "WORKLOAD = '.': is a folder: name a trace"),
    ],
)
def test_mistakes_are_told_with_the_next_step(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on stderr that names what is wrong and what would be right; nothing is run or written."""
    monkeypatch.chdir(tmp_path)
    assert main(["simulate", *words]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("paddock: ")
    assert said in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["report", "json"])
def test_a_page_that_cannot_be_written_costs_no_outcome(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What only the writing shows (here: a disk that is full) is told last, by the option's name."""
    with pytest.raises(InvalidInput, match=r"--out = '/dev/full': could not be written \(No space left on device\)"):
        simulated(Order(), Stub().engine, out=Path("/dev/full"), as_json=form == "json")
    out = capsys.readouterr().out
    assert ("defaults" in out, "the page:" in out) == (True, False)


@pytest.mark.parametrize("words", [["--seed", "many"], ["one.csv", "two.csv"], ["--wait"]])
def test_misuse_is_told_apart_from_failure(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and where to look."""
    assert main(["simulate", *words]) == 2
    assert "paddock simulate --help" in capsys.readouterr().err


def test_faults_that_do_not_exist_are_told_with_those_that_do() -> None:
    """The error lists the names."""
    with pytest.raises(InvalidInput, match="there are: storm"):
        simulated(Order(faults="strom"), Stub().engine)


def test_on_a_terminal_a_bar_shows_jobs_virtual_time_and_speed() -> None:
    """While it runs there is a bar for each policy; it is gone when the report comes, and a pipe never sees it."""
    out = io.StringIO()
    with watched(Console(file=out, force_terminal=True, width=120)) as watch:
        progress = watch("cold", Size(jobs=48, first=BEGAN, last=BEGAN + HOUR))
        progress(BEGAN + 90 * MINUTE, 24)
    told = out.getvalue()
    assert "cold" in told
    assert "24/48 jobs" in told
    assert "1 h 30 min simulated" in told
    silent = io.StringIO()
    with watched(Console(file=silent)) as watch:
        watch("cold", Size(48, BEGAN, BEGAN))(BEGAN + SECOND, 1)
    assert silent.getvalue() == ""


@pytest.mark.parametrize("width", [40, 66, 80, 109, 110, 140])
@pytest.mark.parametrize("name", ["cold", "a configuration with a long name " * 2])
def test_the_bar_never_wraps(width: int, name: str) -> None:
    """Nor is a number cut: on a narrow terminal there is less beside it. What has wrapped once stays on the screen."""
    out = io.StringIO()
    with watched(Console(file=out, force_terminal=True, width=width)) as watch:
        watch(name, Size(jobs=1_000_000, first=BEGAN, last=BEGAN + HOUR))(BEGAN + 27 * DAY + HOUR, 999_999)
    frames = [Text.from_ansi(frame).plain for frame in out.getvalue().split("\r")]
    drawn = [frame for frame in frames if frame.strip()]
    assert any("999999/1000000 jobs" in frame for frame in drawn)
    assert all(len(frame.strip("\n").splitlines()) == 1 and cell_len(frame.strip("\n")) <= width for frame in drawn)


def test_the_beginning_of_a_workload_is_read_no_further() -> None:
    """The first run counts from itself; the rest is left out, and the repositories are those of all of it."""
    part = Beginning(Made(), HOUR)
    assert [run.at for run in part.runs()] == [BEGAN]
    assert [run.at for run in part.runs()] == [BEGAN]
    assert part.repositories == ("acme/shop", "acme/web")

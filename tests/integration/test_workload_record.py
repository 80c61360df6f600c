"""Recording a load: from GitHub's history, over real HTTP, to a trace that says what was asked of the runners."""

import json
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import attrs
import pytest

from paddock.adapters.github.auth import AppCredentials, Credentials, TokenCredentials
from paddock.adapters.github.client import GitHub, connect
from paddock.adapters.github.endpoints import endpoints_of
from paddock.adapters.github.retry import RetryLimits
from paddock.adapters.memory.github import JobScript
from paddock.adapters.memory.system import ManualClock, SequentialIds
from paddock.adapters.simulation.load import JobLoad, RunLoad
from paddock.adapters.simulation.workloads import read_trace
from paddock.adapters.simulation.workloads.record import Tally, recorded
from paddock.adapters.standin import GitHubStandIn
from paddock.adapters.standin.app import Failure
from paddock.adapters.standin.rest_workflows import created_within
from paddock.core.errors import InvalidInput, NotFound, PaddockError
from paddock.core.ports.github import Scope
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Moment, Span, rfc3339
from paddock.entrypoints.cli.app import main
from paddock.entrypoints.cli.recording import Request, recording
from tests.github_client import Lowest, RecordingSleeper
from tests.strategies import NOON

TODAY = NOON - NOON % DAY
OURS = ("paddock/cpu=4",)
NUMBERS = count()


@attrs.frozen
class Past:
    """A GitHub whose clock can be set, so that a month is made up in a moment."""

    standin: GitHubStandIn
    clock: ManualClock
    sleeper: RecordingSleeper

    def ran(
        self,
        at: Moment,
        *jobs: tuple[str, tuple[str, ...], Span, str],
        wait: Span = 30 * SECOND,
        repository: str = "acme/shop",
    ) -> int:
        """A run at `at` whose jobs (name, labels, duration, conclusion) each had a runner after `wait`; its id."""
        self.clock.set(at)
        run = self.standin.start_run(repository, [JobScript(name, labels) for name, labels, _, _ in jobs])
        served = [(labels, duration, end) for _, labels, duration, end in jobs]
        self.serve(run.job_ids, served, at + wait, Scope(repository.partition("/")[0]))
        return run.run_id

    def serve(
        self,
        job_ids: Sequence[int],
        jobs: Sequence[tuple[tuple[str, ...], Span, str]],
        at: Moment,
        scope: Scope = Scope("acme"),  # noqa: B008 - a frozen value
    ) -> None:
        """Give each job a runner at `at`, and end it after its duration."""
        model = self.standin.model
        self.clock.set(at)
        outcome = dict(zip(job_ids, jobs, strict=True))
        held = []
        for labels, _, _ in jobs:
            runner = model.runners.register(scope, f"runner-{next(NUMBERS)}", labels)
            model.runners.connect(runner.id, version="2.336.0")
            taken = model.state.runners[runner.id].job_id  # GitHub's choice, not ours
            assert taken is not None
            model.runs.acquire(runner.id, taken)
            model.runs.started(runner.id, taken)
            _, duration, end = outcome[taken]
            held.append((duration, runner.id, taken, end))
        for duration, runner_id, taken, end in sorted(held):
            self.clock.set(at + duration)
            model.runs.complete(runner_id, taken, end)

    def client(self, credentials: Credentials | None = None, *, left: int = 0) -> GitHub:
        """A client on the same clock."""
        token = TokenCredentials(self.standin.credentials.personal_token)
        limits = RetryLimits(attempts=12, total=2 * HOUR)
        return connect(
            endpoints_of(self.standin.url),
            credentials or token,
            clock=self.clock,
            sleeper=self.sleeper,
            chance=Lowest(),
            retry=limits,
            left=left,
        )

    def record(self, since: Moment = TODAY, until: Moment = TODAY + DAY) -> list[RunLoad]:
        """What is recorded of the repository and its sibling, of our own labels."""
        with self.client() as github:
            names = ["acme/shop", "acme/api"]
            found = recorded(github.history, names, since, until, lambda labels: labels == OURS, Tally(), lambda: None)
            return [run for _, run in found]

    @property
    def app(self) -> AppCredentials:
        """The App's credentials."""
        return AppCredentials(str(self.standin.credentials.app_id), self.standin.credentials.private_key)


@pytest.fixture
def past() -> Iterator[Past]:
    clock = ManualClock(TODAY)
    with GitHubStandIn(clock=clock, ids=SequentialIds()) as standin:
        standin.add_repository("acme/shop")
        standin.add_repository("acme/api")
        standin.add_repository("other/thing")
        yield Past(standin, clock, RecordingSleeper(clock))


def test_what_was_asked_is_recorded_and_not_how_long_it_waited(past: Past) -> None:
    """Created, duration and end of each job; the wait for a runner is the simulation's affair."""
    past.ran(TODAY + HOUR, ("build", OURS, 5 * MINUTE, "success"), ("test", OURS, 90 * SECOND, "failure"))
    jobs = (JobLoad("build", OURS, 5 * MINUTE), JobLoad("test", OURS, 90 * SECOND, "failure"))
    assert past.record() == [RunLoad(TODAY + HOUR, "acme/shop", "ci", jobs)]


def test_runs_of_all_repositories_come_in_the_order_of_time(past: Past) -> None:
    """Merged, however GitHub lists them, and only those of the time that was asked for."""
    for hour, repository in ((1, "acme/shop"), (2, "acme/api"), (3, "acme/shop"), (4, "acme/api"), (30, "acme/api")):
        past.ran(TODAY + hour * HOUR, ("build", OURS, MINUTE, "success"), repository=repository)
    found = past.record(TODAY + 2 * HOUR, TODAY + DAY)
    assert [((run.at - TODAY) // HOUR, run.repository) for run in found] == [
        (2, "acme/api"),
        (3, "acme/shop"),
        (4, "acme/api"),
    ]


def test_jobs_of_other_labels_are_left_out(past: Past) -> None:
    """A run that has none of ours is no load; a run that has some comes with those."""
    past.ran(TODAY + HOUR, ("hosted", ("ubuntu-latest",), MINUTE, "success"))
    past.ran(TODAY + 2 * HOUR, ("hosted", ("ubuntu-latest",), MINUTE, "success"), ("ours", OURS, MINUTE, "success"))
    assert [[job.name for job in run.jobs] for run in past.record()] == [["ours"]]


def test_a_cancelled_run_says_when(past: Past) -> None:
    """After how long somebody cancelled it; a job that had no runner by then has that time as its duration."""
    past.clock.set(TODAY + HOUR)
    run = past.standin.start_run("acme/shop", [JobScript("waits", OURS)])
    past.clock.advance(7 * MINUTE)
    past.standin.cancel_run("acme/shop", run.run_id)
    assert past.record() == [
        RunLoad(
            TODAY + HOUR,
            "acme/shop",
            "ci",
            (JobLoad("waits", OURS, 7 * MINUTE, "cancelled"),),
            cancelled_after=7 * MINUTE,
        )
    ]


def test_an_attempt_that_was_run_again_is_a_part_of_its_own(past: Past) -> None:
    """At the time when somebody asked for it, after runs that came in between; the first attempt stays."""
    run_id = past.ran(TODAY + HOUR, ("flaky", OURS, MINUTE, "failure"), ("fine", OURS, MINUTE, "success"))
    past.ran(TODAY + 2 * HOUR, ("between", OURS, MINUTE, "success"))
    past.clock.set(TODAY + 3 * HOUR)
    again = past.standin.model.runs.rerun_failed("acme/shop", run_id)
    past.serve(again.jobs[2:], [(OURS, 2 * MINUTE, "success")], TODAY + 3 * HOUR + MINUTE)
    assert [((run.at - TODAY) // HOUR, [job.name for job in run.jobs]) for run in past.record()] == [
        (1, ["flaky", "fine"]),
        (2, ["between"]),
        (3, ["flaky"]),
    ]


@pytest.mark.slow
def test_more_runs_than_a_search_gives_are_all_found(past: Past) -> None:
    """The time is halved until each half has fewer than a thousand: every run once, oldest first."""
    for number in range(1_300):
        past.clock.set(TODAY + number * SECOND)
        run = past.standin.start_run("acme/shop", [JobScript("build", OURS)])
        past.standin.cancel_run("acme/shop", run.run_id)
    with past.client() as github:
        found = list(github.history.runs("acme/shop", TODAY, TODAY + 30 * DAY))
    assert [run.created_at for run in found] == [TODAY + number * SECOND for number in range(1_300)]
    # A search for each half, and the 13 pages of what is found.
    assert past.standin.calls["runs"] < 50


def test_the_edges_of_the_time_belong_to_it_once(past: Past) -> None:
    """A run at `since` is in, one at `until` is out, to the second."""
    for at in (TODAY - SECOND, TODAY, TODAY + HOUR - SECOND, TODAY + HOUR):
        past.ran(at, ("build", OURS, SECOND, "success"))
    with past.client() as github:
        found = list(github.history.runs("acme/shop", TODAY, TODAY + HOUR))
        assert list(github.history.runs("acme/shop", TODAY, TODAY)) == []
    assert [run.created_at for run in found] == [TODAY, TODAY + HOUR - SECOND]


def test_runs_that_still_run_are_left_out(past: Past) -> None:
    """Only what is completed has a duration."""
    past.standin.start_run("acme/shop", [JobScript("build", OURS)])
    assert past.record() == []


def test_repositories_by_token_and_by_app(past: Past) -> None:
    """Both list the owner's, over all pages; an owner that is not there is told."""
    for number in range(120):
        past.standin.add_repository(f"acme/more-{number:03}")
    with past.client() as by_token, past.client(past.app) as by_app:
        listed = list(by_token.history.repositories("acme"))
        assert sorted(listed) == sorted(by_app.history.repositories("ACME"))
        assert len(listed) == 122
        with pytest.raises(NotFound):
            list(by_token.history.repositories("nobody"))


def test_a_repository_that_is_gone_does_not_end_the_recording(past: Past) -> None:
    """It is told, and the others are recorded; a single run that was deleted costs only itself."""
    past.ran(TODAY + HOUR, ("build", OURS, MINUTE, "success"))
    past.ran(TODAY + 2 * HOUR, ("build", OURS, MINUTE, "success"))
    past.standin.fail_next("run-jobs", Failure(404, message="Not Found"))
    tally = Tally()
    with past.client() as github:
        names = ["acme/gone", "acme/shop"]
        found = recorded(github.history, names, TODAY, TODAY + DAY, lambda _: True, tally, lambda: None)
        assert [run.at for _, run in found] == [TODAY + 2 * HOUR]
    assert (tally.gone, tally.runs, tally.jobs) == (["acme/gone"], 2, 1)


# -- the rate limit -------------------------------------------------------------------------------------------------


def test_at_the_rate_limit_it_waits_and_goes_on(past: Past) -> None:
    """As long as GitHub asks for, and nothing is lost."""
    for hour in range(6):
        past.ran(TODAY + hour * HOUR, ("build", OURS, MINUTE, "success"))
    past.standin.limit_rate(4)
    found = past.record()
    assert len(found) == 6
    assert len(past.sleeper.slept) == 1
    assert 0 < past.sleeper.slept[0] <= HOUR + SECOND


def test_an_apps_signature_that_runs_out_in_the_wait_is_made_anew(past: Past) -> None:
    """The limit is met where a token is asked for: after the wait the App's JWT of before is too old."""
    past.standin.limit_rate(2)
    with past.client() as by_token, past.client(past.app) as by_app:
        assert list(by_token.history.repositories("acme"))
        assert list(by_app.history.repositories("acme"))
    assert len(past.sleeper.slept) == 1


def test_part_of_the_limit_is_left_to_the_fleet(past: Past) -> None:
    """Once less than half of the hour's calls is left, it waits for the next hour; no call is refused."""
    for number in range(12):
        past.ran(TODAY + number * MINUTE, ("build", OURS, SECOND, "success"))
    past.standin.limit_rate(10)
    past.clock.set(TODAY + DAY)
    with past.client(left=50) as github:
        for run in github.history.runs("acme/shop", TODAY, TODAY + DAY):
            assert len(list(github.history.jobs("acme/shop", run.run_id))) == 1
    # 13 calls at 6 an hour: the call that leaves less than half is the sixth.
    assert past.sleeper.slept == [HOUR + SECOND, HOUR]


def test_without_a_limit_nothing_is_waited_for(past: Past) -> None:
    """An ample limit holds nobody up."""
    past.ran(TODAY + HOUR, ("build", OURS, MINUTE, "success"))
    with past.client(left=99) as github:
        assert list(github.history.repositories("acme"))
    past.record()
    assert past.sleeper.slept == []


# -- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def home(past: Past, tmp_path: Path, secret: str) -> Path:
    """A directory with a paddock.yml for the stand-in."""
    (tmp_path / "app.pem").write_text(past.standin.credentials.private_key, encoding="utf-8")
    (tmp_path / "paddock.yml").write_text(
        f"""\
version: 1
github:
  url: {past.standin.url}
  webhook_secret: {{env: {secret}}}
  app: {{id: {past.standin.credentials.app_id}, private_key: {{file: app.pem}}}}
  repositories: [acme/*]
aliases:
  - {{match: gpu, runs_on: paddock/cpu=8}}
local: {{listen: "127.0.0.1:0", state: state}}
""",
        encoding="utf-8",
    )
    return tmp_path


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PADDOCK_TEST_SECRET", "hush")
    return "PADDOCK_TEST_SECRET"


def asked(home: Path, **changes: Any) -> Request:  # noqa: ANN401 - attrs checks the names
    """A request for the whole day."""
    request = Request(home / "trace.jsonl", home / "paddock.yml", TODAY, TODAY + DAY)
    return attrs.evolve(request, **changes)


def test_the_command_records_what_the_fleet_claims(past: Past, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All repositories of the configuration's globs, the fleet's own labels and its aliases, each run with its id."""
    run_id = past.ran(TODAY + HOUR, ("build", OURS, MINUTE, "success"), ("gpu", ("gpu",), MINUTE, "success"))
    past.ran(TODAY + 2 * HOUR, ("hosted", ("ubuntu-latest",), MINUTE, "success"), repository="acme/api")
    past.ran(TODAY + 3 * HOUR, ("build", OURS, MINUTE, "success"), repository="other/thing")
    assert recording(asked(home), past.clock, past.sleeper) == 0
    out, err = capsys.readouterr()
    assert "trace.jsonl: 2 jobs of 1 repositories from " in out
    assert "1 jobs have labels that are not the fleet's (most: ubuntu-latest, 1 jobs); --all-labels" in out
    assert err == ""
    lines = [json.loads(line) for line in (home / "trace.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {(line["run"], line["repository"]) for line in lines} == {(str(run_id), "acme/shop")}
    (run,) = read_trace(home / "trace.jsonl").runs()
    assert [job.labels for job in run.jobs] == [OURS, ("gpu",)]


def test_all_labels_and_named_repositories(past: Past, home: Path) -> None:
    """Options replace what the configuration says."""
    past.ran(TODAY + 2 * HOUR, ("hosted", ("ubuntu-latest",), MINUTE, "success"), repository="acme/api")
    past.ran(TODAY + 3 * HOUR, ("build", OURS, MINUTE, "success"))
    request = asked(home, all_labels=True, repositories=("acme/api",))
    assert recording(request, past.clock, past.sleeper) == 0
    (run,) = read_trace(home / "trace.jsonl").runs()
    assert (run.repository, run.jobs[0].labels) == ("acme/api", ("ubuntu-latest",))


def test_without_a_time_it_is_the_last_four_weeks(past: Past, home: Path) -> None:
    """Until now by the clock."""
    past.ran(TODAY - 27 * DAY, ("build", OURS, MINUTE, "success"))
    past.ran(TODAY - 29 * DAY, ("build", OURS, MINUTE, "success"))
    past.clock.set(TODAY)
    assert recording(asked(home, since=None, until=None), past.clock, past.sleeper) == 0
    assert [run.at for run in read_trace(home / "trace.jsonl").runs()] == [TODAY - 27 * DAY]


def test_nothing_found_is_told_and_leaves_no_file(past: Past, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, and what was there instead."""
    past.ran(TODAY + HOUR, ("hosted", ("ubuntu-latest",), MINUTE, "success"))
    assert recording(asked(home), past.clock, past.sleeper) == 1
    err = capsys.readouterr().err
    assert "no job in 1 runs" in err
    assert "--all-labels" in err
    assert not (home / "trace.jsonl").exists()


def test_waiting_for_the_limit_is_told(past: Past, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Why nothing moves, and until when."""
    past.ran(TODAY + HOUR, ("build", OURS, MINUTE, "success"))
    past.standin.limit_rate(4)
    assert recording(asked(home, leave=0), past.clock, past.sleeper) == 0
    assert "GitHub's rate limit: waiting " in capsys.readouterr().err


def test_an_interrupted_recording_says_where_to_go_on(
    past: Past, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is in the file is complete up to the moment that is told, and the rest recorded from there completes it."""
    for hour in range(1, 5):
        past.ran(TODAY + hour * HOUR, ("build", OURS, MINUTE, "success"))
    past.ran(TODAY + 5 * HOUR, ("build", OURS, MINUTE, "success"), repository="acme/api")
    whole = past.record()
    past.clock.set(TODAY + DAY)

    class Interrupting(RecordingSleeper):
        """Ctrl-C comes while it waits for the limit."""

        def sleep(self, span: Span) -> None:
            """As when somebody has had enough."""
            super().sleep(span)
            raise KeyboardInterrupt

    past.standin.limit_rate(8)  # who we are, the repositories, two listings, and three runs' jobs
    with pytest.raises(KeyboardInterrupt):
        recording(asked(home, leave=0), past.clock, Interrupting(past.clock))
    told = capsys.readouterr().err
    first = list(read_trace(home / "trace.jsonl").runs())
    assert 0 < len(first) < len(whole)
    since = told.partition("--since ")[2].split()[0]
    assert f"holds everything before {since}" in told
    assert all(rfc3339(run.at) < since for run in first)
    assert since == rfc3339(first[-1].at + SECOND)
    rest = asked(home, output=home / "rest.jsonl", since=first[-1].at + SECOND)
    assert recording(rest, past.clock, past.sleeper) == 0
    assert first + list(read_trace(home / "rest.jsonl").runs()) == whole


def test_a_refusal_leaves_no_file(past: Past, home: Path) -> None:
    """So that the next try is not told that the file is there already."""
    past.standin.fail_next("installation-repositories", Failure(403, message="Resource not accessible by integration"))
    with pytest.raises(PaddockError, match="not accessible"):
        recording(asked(home), past.clock, past.sleeper)
    assert not (home / "trace.jsonl").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"since": TODAY, "until": TODAY}, "must be before --until"),
        ({"repositories": ("shop",)}, "must be owner/name"),
        ({"output": Path("trace.txt")}, "must end in .csv or .jsonl"),
    ],
)
def test_requests_that_make_no_sense(past: Past, home: Path, changes: dict[str, object], words: str) -> None:
    """Each is told before GitHub is asked for anything."""
    with pytest.raises(InvalidInput, match=words):
        recording(asked(home, **changes), past.clock, past.sleeper)
    assert sum(past.standin.calls.values()) == 0


def test_a_glob_without_an_owner_cannot_be_listed(past: Past, home: Path) -> None:
    """The error names the option that helps."""
    text = (home / "paddock.yml").read_text(encoding="utf-8")
    (home / "paddock.yml").write_text(text.replace("acme/*", "'*/*'"), encoding="utf-8")
    with pytest.raises(InvalidInput, match="--repository owner/name"):
        recording(asked(home), past.clock, past.sleeper)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--since", "yesterday"), "--since = 'yesterday': must be a day such as"),
        (("--until", "2026-13-01"), "--until = '2026-13-01': must be a day such as"),
        (("--leave", "100"), "--leave = 100"),
        (("--config", "none.yml"), "there is no such file"),
    ],
)
def test_the_command_line_tells_what_is_wrong(
    home: Path, words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 and one message, as of every command."""
    config = ("--config", str(home / "paddock.yml")) if "--config" not in words else ()
    assert main(["workload", "record", "--output", str(home / "t.csv"), *config, *words]) == 1
    assert told in capsys.readouterr().err
    assert not (home / "t.csv").exists()


def test_the_command_line_records(past: Past, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole way, by the machine's own clock: the stand-in's past is in the future of nobody here."""
    past.ran(TODAY + HOUR, ("build", OURS, MINUTE, "success"))
    token = home / "token"
    token.write_text(past.standin.credentials.personal_token, encoding="utf-8")
    text = (home / "paddock.yml").read_text(encoding="utf-8")
    app = next(line for line in text.splitlines() if "app:" in line)
    (home / "paddock.yml").write_text(text.replace(app, "  token: {file: token}"), encoding="utf-8")
    day = rfc3339(TODAY).partition("T")[0]
    words = ["--since", day, "--until", rfc3339(TODAY + DAY), "--config", str(home / "paddock.yml")]
    assert main(["workload", "record", "--output", str(home / "trace.csv.gz"), *words]) == 0
    assert "1 jobs of 1 repositories" in capsys.readouterr().out
    assert main(["workload", "record", "--output", str(home / "trace.csv.gz"), *words]) == 1
    assert f"--output = '{home / 'trace.csv.gz'}': is there already" in capsys.readouterr().err
    assert main(["workload", "show", str(home / "trace.csv.gz")]) == 0
    assert "paddock/cpu=4" in capsys.readouterr().out


# -- the stand-in's search ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("", (0, 1 << 39), ()),
        ("1970-01-02", (86_400, 172_799), (86_399, 172_800)),
        ("1970-01-01T00:01:00Z", (60,), (59, 61)),
        (">=1970-01-02", (86_400,), (86_399,)),
        (">1970-01-02", (172_800,), (172_799,)),
        ("<=1970-01-02", (0, 172_799), (172_800,)),
        ("<1970-01-02", (86_399,), (86_400,)),
        ("1970-01-01T00:00:10Z..1970-01-01T00:00:20Z", (10, 20), (9, 21)),
        ("*..1970-01-01", (0, 86_399), (86_400,)),
        ("1970-01-02..*", (86_400,), (86_399,)),
        ("1970-01-01T01:00:00+01:00", (0,), (1,)),
    ],
)
def test_search_terms_mean_what_they_mean_at_github(
    text: str, inside: tuple[int, ...], outside: tuple[int, ...]
) -> None:
    """Days and times, comparisons and ranges, both ends in them."""
    found = created_within(text)
    assert found is not None
    assert all(found[0] <= second <= found[1] for second in inside)
    assert not any(found[0] <= second <= found[1] for second in outside)


@pytest.mark.parametrize("text", ["yesterday", "..", "2026-01-01..2026-01-02..2026-01-03", ">="])
def test_search_terms_that_mean_nothing(text: str) -> None:
    """GitHub answers them with 422, and so does the stand-in."""
    assert created_within(text) is None

"""What is asked of GitHub that makes something there: within its limits, and all else is asked as it comes."""

import pytest

from paddock.adapters.memory import ManualClock, MemoryRecords
from paddock.adapters.pacing import Purse, github_ceilings
from paddock.adapters.pacing.ceilings import REGISTRATIONS, RUNNERS, Ceiling
from paddock.adapters.pacing.ports import PacedRunners, PacedWorkflows
from paddock.core.errors import Throttled
from paddock.core.messages import Registration
from paddock.core.pace import Bucket, Window
from paddock.core.ports.github import JitConfig, Scope
from paddock.core.records import PACES
from paddock.core.units import DAY, HOUR, MINUTE, SECOND
from tests.strategies import NOON


class Written:
    """Writes down what it is asked for."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.cancelled: list[tuple[str, int]] = []

    def report_rejection(self, repository: str, _sha: str, _title: str, _summary: str) -> None:
        """A check run."""
        self.told.append(repository)

    def cancel_run(self, repository: str, run_id: int) -> None:
        """A cancellation."""
        self.cancelled.append((repository, run_id))


def paced() -> tuple[PacedWorkflows, Written, ManualClock]:
    clock, written = ManualClock(NOON), Written()
    purse = Purse(MemoryRecords(PACES), github_ceilings(), clock)
    return PacedWorkflows(written, purse), written, clock  # type: ignore[arg-type]  # what is asked here


def tell(workflows: PacedWorkflows, times: int, repository: str = "acme/app") -> int:
    """How many of so many rejections were told."""
    told = 0
    for _ in range(times):
        try:
            workflows.report_rejection(repository, "abc", "title", "why")
        except Throttled:
            continue
        told += 1
    return told


def test_eighty_are_told_in_a_minute_and_five_hundred_in_an_hour() -> None:
    """What is refused for the minute's sake is not counted for the hour; each owner has his own."""
    workflows, written, clock = paced()
    assert tell(workflows, 600) == 80
    assert tell(workflows, 1, "umbra/app") == 1
    told = 80
    for _ in range(8):
        clock.advance(MINUTE + 10 * SECOND)
        told += tell(workflows, 600)
    assert told == 500
    clock.advance(HOUR)
    assert tell(workflows, 1) == 1
    assert written.told.count("acme/app") == 501


def test_nobody_stands_in_a_line_to_be_told() -> None:
    """As soon as the minute is over the first who comes is told."""
    workflows, _, clock = paced()
    tell(workflows, 1_000)
    clock.advance(MINUTE + 10 * SECOND)
    assert tell(workflows, 80) == 80


def test_a_hundred_and_eighty_runs_are_cancelled_in_a_minute() -> None:
    """The next one is told when to come."""
    workflows, written, clock = paced()
    for number in range(180):
        workflows.cancel_run("acme/app", number)
    with pytest.raises(Throttled) as refused:
        workflows.cancel_run("acme/app", 180)
    assert refused.value.retry_after is not None
    clock.advance(refused.value.retry_after)
    workflows.cancel_run("acme/app", 180)
    assert written.cancelled == [("acme/app", number) for number in range(181)]


def test_an_owner_is_one_however_he_is_spelt() -> None:
    """GitHub minds no case in a name, and counts what is asked for either spelling together."""
    workflows, written, _ = paced()
    for number in range(180):
        workflows.cancel_run("Acme/App" if number % 2 else "acme/app", number)
    for repository in ("acme/app", "ACME/app"):
        with pytest.raises(Throttled):
            workflows.cancel_run(repository, 180)
    assert len(written.cancelled) == 180


class Registered:
    """Registers whatever it is asked for."""

    def __init__(self) -> None:
        self.count = 0

    def jit_config(self, *_: object) -> JitConfig:
        """A just-in-time registration."""
        self.count += 1
        return JitConfig(self.count, "r", "encoded")

    def registration(self, *_: object) -> Registration:
        """One that a machine will make."""
        self.count += 1
        return Registration("https://github.example/acme", "token", "default")


def test_a_runner_is_one_of_githubs_five_minutes_however_it_is_registered() -> None:
    """Where machines register themselves, just-in-time ones are counted among them: GitHub has one limit for both."""
    few = Ceiling(Window(2, 5 * MINUTE, 30 * SECOND), Bucket(0, DAY), keep=SECOND)
    inner, scope = Registered(), Scope("acme")
    purse = Purse(MemoryRecords(PACES), {**github_ceilings(), RUNNERS: few}, ManualClock(NOON))
    runners = PacedRunners(inner, purse, tokens=True)  # type: ignore[arg-type]  # what is asked here
    runners.jit_config(scope, "r-1", ("paddock",), 1)
    runners.registration(scope, 1)
    with pytest.raises(Throttled):
        runners.jit_config(scope, "r-2", ("paddock",), 1)
    with pytest.raises(Throttled):
        runners.registration(scope, 1)
    assert inner.count == 2


@pytest.mark.parametrize("tokens", [False, True])
def test_whoever_may_have_a_token_instead_stands_in_no_line(tokens: bool) -> None:  # noqa: FBT001 - a parameter
    """His job starts in any case: a place for him would keep those waiting who can only register just in time."""
    none = Ceiling(Window(1, MINUTE, 5 * SECOND), Bucket(0, DAY), keep=SECOND)
    purse = Purse(MemoryRecords(PACES), {**github_ceilings(), REGISTRATIONS: none}, ManualClock(NOON))
    runners = PacedRunners(Registered(), purse, tokens=tokens)  # type: ignore[arg-type]  # what is asked here
    runners.jit_config(Scope("acme"), "r-1", ("paddock",), 1)
    with pytest.raises(Throttled):
        runners.jit_config(Scope("acme"), "r-2", ("paddock",), 1)
    assert purse.waited({REGISTRATIONS}) is not tokens

"""The fleet on AWS, from GitHub's signed webhook to a machine that is gone: real agents, and a runner that runs steps.

Functions are processes that may be killed, queues are moto's with pumps before the functions, and each instance that
moto says runs is an agent's process. Everything is drawn by chance of a seed; what threads and processes make of it is
not in the seed, so a failure may need several tries with it. ``PADDOCK_SEED`` and ``PADDOCK_JOBS`` are followed: with
200 jobs and more, for some minutes, all of the weather must have come, and no right may be without use.
"""

import os
import time
from pathlib import Path

import pytest

from paddock.adapters.memory.system import SeededChance
from paddock.adapters.standin import GitHubStandIn
from tests.agent_zipapp import build
from tests.aws_hypervisor import cpu_of_children
from tests.aws_recorded import MACHINE, Call
from tests.aws_rights import denied, names_of, polled, unused
from tests.aws_story import Fate, Story, check
from tests.aws_weather import EVERYBODY, FUNCTIONS, Dice, Fleets, Kills, Shortage, Throttles
from tests.aws_whole import HANDLERS, Weather, Whole, whole_fleet

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("PADDOCK_SEED", "7"))
JOBS = int(os.environ.get("PADDOCK_JOBS", "12"))
AT_ONCE = 16
NAPS = (0.0, 0.2, 0.5, 1.5)
PATIENCE = 90.0  # seconds, at the usual pace

# What a role allows and no weather is sure to need.
RARE: dict[tuple[str, str], str] = {
    ("webhook", "logs:CreateLogStream"): "Lambda writes the log",
    ("webhook", "logs:PutLogEvents"): "Lambda writes the log",
    **{
        (function, action): why
        for function in ("dispatch", "events", "reports", "schedules")
        for action, why in {
            "logs:CreateLogStream": "Lambda writes the log",
            "logs:PutLogEvents": "Lambda writes the log",
            "sqs:GetQueueAttributes": "Lambda asks for them, and the pump has no need to",
            "s3:ListBucket": "no call asks for it: it has S3 say that the configuration is not there",
            "sqs:SendMessage": "a job that is queued again, or a text that nobody can read",
            "sqs:ChangeMessageVisibility": "a message that must come back",
            "dynamodb:BatchGetItem": "a listing of records: they may be none just then",
            "dynamodb:Query": "as before",
            "dynamodb:DeleteItem": "a shortage that is over; an assignment of a machine that is gone",
            "dynamodb:PutItem": "a record that another function wrote first",
        }.items()
    },
    ("dispatch", "ec2:DescribeInstances"): "a token that EC2 takes as reused",
    ("dispatch", "ec2:TerminateInstances"): "a machine whose job has moved on while it was started",
    ("reports", "ec2:DescribeInstances"): "a machine without a record that speaks",
    ("schedules", "ec2:TerminateInstances"): "a machine that does not end by itself",
    (MACHINE, "s3:GetObject"): "the machines of these tests have no mirror",
}


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agent's single file."""
    made = tmp_path_factory.mktemp("agent") / "agent.pyz"
    build(made)
    return made


def calls_of(fleet: Whole) -> list[Call]:
    """What needed somebody's right."""
    recorded = fleet.wire.recorded
    return [*recorded.of(*EVERYBODY), *polled(recorded.of("pump"), HANDLERS)]


def allowed(fleet: Whole) -> None:
    """No function and no machine called what its role does not allow."""
    calls = calls_of(fleet)
    environment = fleet.profile.environment()
    assert denied(calls, names_of(environment.table, environment.ec2.fleet)) == []


def test_one_job(tmp_path: Path, agent: Path) -> None:
    """From a push to a bill: one machine, each call with its right, and each known by who made it."""
    with whole_fleet(tmp_path, agent, 1, Weather()) as fleet:
        story = Story(fleet, tmp_path / "marks", SeededChance(1))
        story.start(1, "build")
        story.until_settled(PATIENCE)
        for task in ("sweep", "sweep_github"):
            assert isinstance(fleet.schedule.fire({"task": task}), dict)
        books = check(story)
        allowed(fleet)
        recorded = fleet.wire.recorded
        assert {call.caller.function for call in recorded.calls} >= EVERYBODY | {"pump", "eventbridge"}
        (machine,) = books.runners
        of_machine = list(recorded.of(MACHINE))
        assert {call.caller.instance for call in of_machine} == {machine}
        assert {call.machines for call in of_machine} == {(machine,)}
        (job,) = books.jobs
        assert {call.caller.function for call in recorded.calls if job in call.jobs} >= {"webhook", "dispatch", MACHINE}


def test_ten_jobs(tmp_path: Path, agent: Path) -> None:
    """Ten jobs of one push, all with the same labels: GitHub gives any of them to any machine."""
    with whole_fleet(tmp_path, agent, 2, Weather()) as fleet:
        story = Story(fleet, tmp_path / "marks", SeededChance(2))
        story.start(10, "build", (0.5,))
        story.until_settled(PATIENCE)
        books = check(story)
        allowed(fleet)
        assert 10 <= len(books.runners) < 20


def test_many_jobs_in_bad_weather(tmp_path: Path, agent: Path) -> None:
    """Machines are taken back, pools are dry, fleets cut short; AWS and GitHub refuse; functions die in any call.

    In the end no job is lost and none was served twice, no machine and no assignment is left, and every bill is closed.
    """
    print(f"PADDOCK_SEED={SEED}")  # noqa: T201 - shown with a failure
    dice = Dice(SeededChance(SEED))
    throttles = Throttles(dice, 100, EVERYBODY)
    kills = Kills(dice, 250, FUNCTIONS, lambda function, instance: fleet.functions[function].kill(instance))
    fleets = Fleets(lambda: shortage_of(dice), lambda most: dice.below(min(most, 6)))
    weather = Weather(layers=(kills, throttles), fleets=fleets, again=25, twice=15)
    began, used = time.monotonic(), time.process_time() + cpu_of_children()
    with whole_fleet(tmp_path, agent, SEED, weather) as fleet:
        story = Story(fleet, tmp_path / "marks", SeededChance(SEED + 1), Fate(warned=10, failures=1))
        try:
            while jobs_of(fleet.github) < JOBS:
                if story.waiting() < AT_ONCE:
                    story.start(1 + story.chance.below(5), f"push{len(story.runs)}", NAPS)
                story.tick()
            while story.waiting() > AT_ONCE // 2:
                story.tick()
            print(f"bad weather until {time.monotonic() - began:.1f} s")  # noqa: T201 - as above
            story.fate = Fate()
            kills.over = throttles.over = True
            story.until_settled(PATIENCE)
            check(story)
            allowed(fleet)
        finally:
            print(story.told())  # noqa: T201 - as above
            print(f"refused: {throttles.done}\nkilled: {kills.done}\nfleets: {fleets.lacking}")  # noqa: T201 - as above
        if JOBS >= 200:
            assert unused(calls_of(fleet)) - set(RARE) == set()
            assert story.warned
            assert kills.done
            assert throttles.done
            assert fleets.lacking
    own, others = time.process_time(), cpu_of_children()
    cpu = f"CPU {own + others - used:.1f} s, of which this process {own:.1f} s since its start"
    print(f"{time.monotonic() - began:.1f} s, {cpu}")  # noqa: T201 - as above


def jobs_of(github: GitHubStandIn) -> int:
    """How many jobs there were so far."""
    return len(github.jobs())


def shortage_of(dice: Dice) -> Shortage:
    """Two fleets in ten find their first pools dry, two get one machine or none."""
    drawn = dice.below(10)
    if drawn < 2:
        return Shortage(dry=1 + dice.below(4))
    return Shortage(most=dice.below(2)) if drawn < 4 else Shortage()

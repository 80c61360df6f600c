"""The fleet on AWS from GitHub's signed webhook to a machine that is gone, with real agents and a real runner's steps."""

import os
import time
from collections import Counter
from pathlib import Path

import attrs
import pytest

from paddock.adapters.memory.system import SeededChance
from tests.agent_zipapp import build
from tests.aws_hypervisor import cpu_of_children
from tests.aws_story import Fate, Story, check
from tests.aws_weather import EVERYBODY, FUNCTIONS, Dice, Fleets, Kills, Shortage, Throttles
from tests.aws_whole import Weather, whole_fleet

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("PADDOCK_SEED", "7"))
JOBS = int(os.environ.get("PADDOCK_JOBS", "200"))
AT_ONCE = 14
PATIENCE = 300.0  # seconds: a busy machine may need them
NAPS = (0.0, 0.2, 0.5, 1.5)


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("agent") / "agent.pyz"
    build(made)
    return made


def test_one_job(tmp_path: Path, agent: Path) -> None:
    """From a push to a bill, through every function, and with the calls that one job alone needs."""
    with whole_fleet(tmp_path, agent, 1, Weather()) as fleet:
        story = Story(fleet, tmp_path / "marks", SeededChance(1))
        story.start(1, "build")
        story.until_settled(PATIENCE)
        books = check(story)
        print(fleet.wire.recorded.counts(EVERYBODY))


def test_ten_jobs(tmp_path: Path, agent: Path) -> None:
    """Ten jobs of one push: one machine each."""
    with whole_fleet(tmp_path, agent, 2, Weather()) as fleet:
        story = Story(fleet, tmp_path / "marks", SeededChance(2))
        story.start(10, "build")
        story.until_settled(PATIENCE)
        books = check(story)
        print(fleet.wire.recorded.counts(EVERYBODY))
        assert 10 <= len(books.runners) < 20


def test_in_bad_weather(tmp_path: Path, agent: Path) -> None:
    """Two hundred."""
    print(f"PADDOCK_SEED={SEED}")
    dice = Dice(SeededChance(SEED))
    throttles = Throttles(dice, 60, EVERYBODY)
    kills = Kills(dice, 150, FUNCTIONS, lambda function, instance: fleet.functions[function].kill(instance))

    def shortage() -> Shortage:
        drawn = dice.below(10)
        return Shortage(dry=1 + dice.below(4)) if drawn < 2 else Shortage(most=dice.below(2)) if drawn < 4 else Shortage()

    fleets = Fleets(shortage, lambda most: dice.below(min(most, 6)))
    weather = Weather(layers=(kills, throttles), fleets=fleets, again=25, twice=15)
    began, cpu = time.monotonic(), time.process_time() + cpu_of_children()
    with whole_fleet(tmp_path, agent, SEED, weather) as fleet:
        story = Story(fleet, tmp_path / "marks", SeededChance(SEED + 1), Fate(warned=10, failures=1))
        try:
            while sum(len(fleet.github.run(run).jobs) for run in story.runs) < JOBS:
                if story.waiting() < AT_ONCE:
                    story.start(1 + story.chance.below(5), f"push{len(story.runs)}", NAPS)
                story.tick()
            print(f"all started after {time.monotonic() - began:.1f} s")
            story.fate = Fate()
            kills.over = throttles.over = True
            story.until_settled(PATIENCE)
            print(f"settled after {time.monotonic() - began:.1f} s")
            books = check(story)
        finally:
            print(Counter(one.by for one in fleet.hypervisor.past), Counter(one.code for one in fleet.hypervisor.past), len(story.warned), "warned")
            print(story.failed)
            print(throttles.done, len(kills.done), "kills", fleets.lacking)
            print({name: (one.starts, one.deaths, one.invocations) for name, one in fleet.functions.items()})
            print(Counter(t.error.partition(":")[2][:60] for p in fleet.pumps.values() for t in p.turns if t.error))
            for key, n in sorted(fleet.wire.recorded.counts().items()): print(key, n)
            os.system(f"rm -rf /tmp/pump_last; cp -r {tmp_path} /tmp/pump_last 2>/dev/null")
    print(f"{time.monotonic() - began:.1f} s; CPU {time.process_time() + cpu_of_children() - cpu:.1f} s")

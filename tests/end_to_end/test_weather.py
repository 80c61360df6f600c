"""The fleet on AWS in bad weather: 200 jobs, for some minutes. ``PADDOCK_SEED`` and ``PADDOCK_JOBS`` are followed.

Everything is drawn by chance of a seed; what threads and processes make of it is not in the seed, so a failure may need
several tries with it.
"""

import os
import time
from pathlib import Path

from paddock.adapters.memory.system import SeededChance
from paddock.adapters.standin import GitHubStandIn
from tests.aws.hypervisor import cpu_of_children
from tests.aws.story import Fate, Story, check
from tests.aws.weather import CANCELLED, EVERYBODY, FUNCTIONS, Dice, Fleets, Kills, Shortage, Throttles
from tests.aws.whole import Weather, whole_fleet
from tests.end_to_end.rights import allowed

SEED = int(os.environ.get("PADDOCK_SEED", "7"))
JOBS = int(os.environ.get("PADDOCK_JOBS", "200"))
AT_ONCE = 16
NAPS = (0.0, 0.2, 0.5, 1.5)
PATIENCE = 90.0  # seconds, at the usual pace


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
            assert story.warned
            assert kills.done
            assert throttles.done
            assert any(f"dynamodb {reason}" in throttles.done for reason in CANCELLED)
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

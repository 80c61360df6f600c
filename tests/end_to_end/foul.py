"""Bad weather over a whole fleet on AWS, and what must have come of it in the end."""

import os
import time
from pathlib import Path
from typing import Final, TypeGuard

import attrs

from paddock.adapters.memory.system import SeededChance
from paddock.adapters.standin import GitHubStandIn
from tests.aws.github_front import Failing
from tests.aws.hypervisor import cpu_of_children
from tests.aws.story import Fate, Story, check
from tests.aws.weather import EVERYBODY, Dice, Fleets, Kills, Rarely, Rarities, Shortage, Throttles
from tests.aws.whole import Weather, Whole, whole_fleet
from tests.end_to_end.rights import allowed

SEED: Final = int(os.environ.get("PADDOCK_SEED", "7"))
NAPS: Final = (0.0, 0.2, 0.5, 1.5)
PATIENCE: Final = 90.0  # seconds, at the usual pace


@attrs.frozen(kw_only=True)
class Foul:
    """How many jobs, how many of them at once, and how bad it is: of how many one is hit.

    Of fleets four in ten get less than they ask for, whatever it is.
    ``refused`` are calls of AWS, ``failed`` of GitHub; ``warned`` spot machines; ``again``, ``beside`` and ``unhanded``
    messages, see the pumps; ``twice`` EC2's events.
    """

    jobs: int
    at_once: int
    refused: int
    failed: int
    killed: Rarities
    warned: int
    again: int
    beside: int
    unhanded: int
    twice: int


@attrs.frozen(kw_only=True)
class Met:
    """What the fleet met."""

    fleet: Whole
    story: Story
    kills: Kills
    throttles: Throttles
    failing: Failing
    fleets: Fleets

    def all_kinds(self) -> None:
        """Every kind of fault was met, or an AssertionError."""
        assert self.story.warned
        assert self.failing.done
        assert self.throttles.done
        assert self.fleets.lacking
        for place in ("before github:", "after github:", "ms of an invocation"):
            assert any(place in kill for kill in self.kills.done), place
        assert any(":" in kill and "github:" not in kill for kill in self.kills.done)
        pumps = self.fleet.pumps
        assert pumps["jobs"].together + pumps["events"].together
        assert pumps["jobs"].unhanded
        assert pumps["events"].unhanded
        runs = [answer["dead_letters"] for _, answer in self.fleet.schedule.done if _of_the_dead(answer)]
        assert any(run.get("put_back") for run in runs)
        turns = [turn for pump in pumps.values() for turn in pump.turns]
        assert any(turn.again for turn in turns)
        assert any(turn.left and not turn.error for turn in turns)  # parts of batches that came back


def play(root: Path, agent: Path, foul: Foul) -> Met:
    """Play so many jobs, and hold the fleet to what must be true in the end.

    Everything is drawn by chance of a seed; what threads and processes make of it is not in the seed, so a failure may
    need several tries with it.
    """
    print(f"PADDOCK_SEED={SEED}")  # noqa: T201 - shown with a failure
    dice = Dice(SeededChance(SEED))
    throttles = Throttles(dice, foul.refused, EVERYBODY)
    failing = Failing(dice, foul.failed)
    kills = Kills(
        dice,
        foul.killed,
        lambda function, instance: fleet.functions[function].kill(instance),
        lambda port: fleet.caller_at(port),  # noqa: PLW0108 - there is no fleet yet
    )
    fleets = Fleets(lambda: shortage_of(dice), lambda most: dice.below(min(most, 6)))
    weather = Weather(
        layers=(kills, throttles),
        fleets=fleets,
        github=lambda seen, behind: kills.github(seen, lambda alive: failing(alive, behind)),
        doom=kills.doom,
        again=foul.again,
        beside=foul.beside,
        unhanded=foul.unhanded,
        twice=foul.twice,
    )
    began, used = time.monotonic(), time.process_time() + cpu_of_children()
    with whole_fleet(root, agent, SEED, weather) as fleet:
        story = Story(fleet, root / "marks", SeededChance(SEED + 1), Fate(warned=Rarely(dice, foul.warned)))
        try:
            while jobs_of(fleet.github) < foul.jobs:
                if story.waiting() < foul.at_once:
                    story.start(1 + story.chance.below(5), f"push{len(story.runs)}", NAPS)
                story.tick()
            while story.waiting() > foul.at_once // 2:
                story.tick()
            print(f"bad weather until {time.monotonic() - began:.1f} s")  # noqa: T201 - as above
            story.fate = Fate()
            kills.over = throttles.over = failing.over = True
            story.until_settled(PATIENCE)
            check(story)
            allowed(fleet)
        finally:
            print(story.told())  # noqa: T201 - as above
            print(f"refused: {throttles.done}\nfailed: {failing.done}")  # noqa: T201 - as above
            print(f"killed: {kills.done}\nfleets: {fleets.lacking}")  # noqa: T201 - as above
        met = Met(fleet=fleet, story=story, kills=kills, throttles=throttles, failing=failing, fleets=fleets)
    own, others = time.process_time(), cpu_of_children()
    cpu = f"CPU {own + others - used:.1f} s, of which this process {own:.1f} s since its start"
    print(f"{time.monotonic() - began:.1f} s, {cpu}")  # noqa: T201 - as above
    return met


def _of_the_dead(answer: object) -> TypeGuard[dict[str, dict[str, int]]]:
    """True of what came of putting dead letters back, if it was not killed."""
    return isinstance(answer, dict) and "dead_letters" in answer


def jobs_of(github: GitHubStandIn) -> int:
    """How many jobs there were so far."""
    return len(github.jobs())


def shortage_of(dice: Dice) -> Shortage:
    """Two fleets in ten find their first pools dry, two get one machine or none."""
    drawn = dice.below(10)
    if drawn < 2:
        return Shortage(dry=1 + dice.below(4))
    return Shortage(most=dice.below(2)) if drawn < 4 else Shortage()

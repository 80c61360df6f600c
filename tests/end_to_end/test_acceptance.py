"""The acceptance kit against the stand-ins: deployed through CloudFormation, real agents, and everything removed."""

import json
from pathlib import Path

from paddock.entrypoints.acceptance.gates import Thresholds, Verdict, judge
from paddock.entrypoints.acceptance.play import Playing
from paddock.entrypoints.acceptance.report import data, page
from paddock.entrypoints.acceptance.scenarios import SCENARIOS
from paddock.entrypoints.acceptance.values import Observed
from tests.acceptance_fleet import World, world


def observed(on: World, playing: Playing) -> Observed:
    """What was seen."""
    return Observed(
        environment="acceptance-1",
        region=on.places.region,
        repository="acme/shop",
        began=0,
        ended=on.parts.clock.now(),
        played=tuple(playing.played.values()),
        books=playing.books,
        left=playing.left,
        problems=tuple(playing.problems),
    )


def test_all_scenarios(tmp_path: Path, agent: Path) -> None:
    """Every gate passes, the report says so, and nothing is left of it at AWS or in the repository."""
    with world(tmp_path, agent) as on:
        playing = Playing(on.parts, SCENARIOS)
        playing.run()
        seen = observed(on, playing)
        judged = judge(seen, Thresholds())
        print("\n".join(on.lines))  # noqa: T201 - shown with a failure
        print(page(seen, judged))  # noqa: T201 - as above
        assert {one.gate: one.findings for one in judged if one.verdict is not Verdict.PASSED} == {}
        assert json.loads(json.dumps(data(seen, judged)))["summary"].startswith("accepted")

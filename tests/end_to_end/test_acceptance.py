"""The acceptance kit against the stand-ins: deployed through CloudFormation, real agents, and everything removed."""

import json
from pathlib import Path

from paddock.entrypoints.acceptance.gates import Thresholds, Verdict, judge
from paddock.entrypoints.acceptance.play import Playing
from paddock.entrypoints.acceptance.report import data, page
from paddock.entrypoints.acceptance.scenarios import SCENARIOS
from paddock.entrypoints.acceptance.values import Observed
from tests.aws.acceptance_fleet import World, world


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
    """Every gate passes, the report says so, and nothing is left of it at AWS or in the repository.

    One workflow is on the default branch and is started by hand; the others are pushed to a branch of their own.
    """
    with world(tmp_path, agent) as on:
        hello = SCENARIOS[0]
        on.author.commit(hello.path, hello.text, "main", "as the page says")
        playing = Playing(on.parts, SCENARIOS)
        playing.run()
        seen = observed(on, playing)
        judged = judge(seen, Thresholds())
        print("\n".join(on.lines))  # noqa: T201 - shown with a failure
        print(page(seen, judged))  # noqa: T201 - as above
        assert {one.gate: one.findings for one in judged if one.verdict is not Verdict.PASSED} == {}
        told = json.loads(json.dumps(data(seen, judged)))
        assert told["summary"].startswith("accepted")
        assert {(job["scenario"], job["conclusion"]) for job in told["jobs"]} >= {
            ("hello", "success"),
            ("failing", "failure"),
            ("cancelled", "cancelled"),
            ("interrupted", "success"),
        }
        assert sum(machine["interrupted"] for machine in told["machines"]) == 1
        assert told["calls"] > len(told["jobs"])
        events = {run.event for run in on.github.model.all_runs()}
        assert events == {"workflow_dispatch", "push"}
        # Not by the kit's own eyes.
        assert (on.author.hooks(), on.author.branches("paddock-"), on.fis.templates) == ({}, (), {})
        stacks = on.client("cloudformation").describe_stacks()["Stacks"]
        buckets = on.client("s3").list_buckets()["Buckets"]
        roles = on.client("iam").list_roles()["Roles"]
        assert [[one for one in found if "acceptance" in str(one)] for found in (stacks, buckets, roles)] == [
            [],
            [],
            [],
        ]

"""The fleet on AWS, from GitHub's signed webhook to a machine that is gone: real agents, and a runner that runs steps.

Functions are processes, queues are moto's with pumps before the functions, and each instance that moto says runs is an
agent's process. What comes of it in bad weather: `test_weather`.
"""

from pathlib import Path

from paddock.adapters.aws.roles import SHIPPER
from paddock.adapters.memory.system import SeededChance
from tests.aws.recorded import MACHINE
from tests.aws.story import Story, check
from tests.aws.weather import EVERYBODY
from tests.aws.whole import Weather, whole_fleet
from tests.end_to_end.rights import allowed

PATIENCE = 90.0  # seconds, at the usual pace


def test_one_job(tmp_path: Path, agent: Path) -> None:
    """From a push to a bill: one machine, each call with its right, and each known by who made it.

    The runner comes from the mirror.
    """
    with whole_fleet(tmp_path, agent, 1, Weather(), rich=True) as fleet:
        story = Story(fleet, tmp_path / "marks", SeededChance(1))
        assert isinstance(fleet.schedule.fire({"task": "mirror"}), dict)
        story.start(1, "build")
        story.until_settled(PATIENCE)
        for task in ("sweep", "sweep_github"):
            assert isinstance(fleet.schedule.fire({"task": task}), dict)
        books = check(story)
        used = allowed(fleet)
        assert (MACHINE, "s3:GetObject") in {(one.function, one.action) for one in used}
        recorded = fleet.wire.recorded
        callers = {call.caller.function for call in recorded.calls}
        assert callers >= EVERYBODY - {"reports"} | {"pump", "eventbridge"}
        assert "reports" not in callers  # a success is nothing to report
        (machine,) = books.runners
        of_machine = list(recorded.of(MACHINE))
        assert {call.caller.instance for call in of_machine} == {machine}
        assert {call.machines for call in of_machine} == {(machine,)}
        shipped = list(recorded.of(SHIPPER))
        assert {call.caller.instance for call in shipped} == {machine}  # by a session of its own, and by no other keys
        assert {call.action for call in shipped} == {"logs:CreateLogStream", "logs:PutLogEvents"}
        asked = [call.action for call in of_machine if call.service in {"logs", "sts"}]
        assert asked == ["sts:AssumeRole"]
        (job,) = books.jobs
        of_job = {call.caller.function for call in recorded.calls if job in call.jobs}
        assert of_job >= {"webhook", "dispatch", "events"}


def test_ten_jobs(tmp_path: Path, agent: Path) -> None:
    """Ten jobs of one push, all with the same labels: GitHub gives any of them to any machine."""
    with whole_fleet(tmp_path, agent, 2, Weather()) as fleet:
        story = Story(fleet, tmp_path / "marks", SeededChance(2))
        story.start(10, "build", (0.5,))
        story.until_settled(PATIENCE)
        books = check(story)
        allowed(fleet)
        assert 10 <= len(books.runners) < 20

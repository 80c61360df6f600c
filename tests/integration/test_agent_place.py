"""What was there before the machine is never touched: a place that is somebody else's is refused, and never wiped."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from paddock.agent.machine.cleanup import clean
from paddock.agent.machine.place import check_place, claim, claim_of
from paddock.agent.reasons import AgentFailure, Reason
from tests.agent.ec2_machine import Ec2, ec2
from tests.agent.machine import AgentMachine
from tests.agent.runner_package import runner_package, script
from tests.agent.zipapp import build


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[AgentMachine]:
    """A machine's directory; whatever a failed test leaves running is ended."""
    made = AgentMachine(tmp_path, f"m-{tmp_path.name}"[:60])
    yield made
    made.close()


def precious(work: Path) -> Path:
    """Somebody's directory with a file that must outlive everything."""
    work.mkdir(parents=True)
    (work / "thesis.txt").write_text("years of work")
    return work / "thesis.txt"


def test_a_directory_that_was_there_is_not_wiped(tmp_path: Path) -> None:
    """Not claimed, so not ours: not a file of it is touched, whoever asks."""
    file = precious(tmp_path / "work")
    assert clean(tmp_path / "work", tmp_path / "diag") == []
    assert file.read_text() == "years of work"
    assert not (tmp_path / "diag").exists()


def test_an_agent_that_was_killed_before_it_claimed_what_it_made_is_succeeded(tmp_path: Path) -> None:
    """The directory is empty then: the next agent takes its place as its own, and nothing is left of it."""
    work = tmp_path / "m-1" / "work"
    work.mkdir(parents=True)
    (tmp_path / "m-1" / "agent.log").touch()
    check_place(tmp_path / "m-1", {"agent.log", "work"})
    assert clean(work, tmp_path / "diag") == []
    assert not work.exists()
    work.symlink_to(tmp_path)
    with pytest.raises(AgentFailure, match="found 'work'"):
        check_place(tmp_path / "m-1", {"agent.log", "work"})


def test_what_is_claimed_is_wiped_and_the_claim_goes(tmp_path: Path) -> None:
    """Only once: what is made there later by somebody else is not ours any more."""
    precious(tmp_path / "work")
    claim(tmp_path / "work")
    assert clean(tmp_path / "work", tmp_path / "diag") == []
    assert not (tmp_path / "work").exists()
    assert not claim_of(tmp_path / "work").exists()
    file = precious(tmp_path / "work")
    clean(tmp_path / "work", tmp_path / "diag")
    assert file.exists()


def test_a_machine_does_not_live_where_somebody_works(machine: AgentMachine) -> None:
    """A directory with a `work` of somebody's in it is refused before a file is written."""
    file = precious(machine.directory / "work")
    assert machine.start().wait(30) == 2
    assert file.read_text() == "years of work"
    assert [path.name for path in machine.directory.iterdir()] == ["work"]


@pytest.mark.parametrize("strange", ["src", ".git", "README.md"])
def test_a_directory_with_something_strange_in_it_is_refused(tmp_path: Path, strange: str) -> None:
    """The name is told, and what would be right."""
    (tmp_path / "m-1").mkdir()
    (tmp_path / "m-1" / strange).touch()
    with pytest.raises(AgentFailure, match=f"found '{strange}' in .*m-1', wanted a directory that is for") as caught:
        check_place(tmp_path / "m-1", {"agent.log"})
    assert caught.value.reason is Reason.BAD_SETTINGS


@pytest.mark.parametrize("place", ["/", "/etc", "/usr/.."])
def test_the_root_and_what_is_next_to_it_are_refused(place: str) -> None:
    """Only looked at: whatever is in them, they are nobody's machine."""
    with pytest.raises(AgentFailure, match="not so near to the root"):
        check_place(Path(place), set())


def test_a_link_to_such_a_place_is_refused(tmp_path: Path) -> None:
    """What counts is where it leads."""
    (tmp_path / "m-1").symlink_to("/")
    with pytest.raises(AgentFailure, match="not so near to the root"):
        check_place(tmp_path / "m-1", set())


def test_what_a_machine_writes_itself_is_known(tmp_path: Path) -> None:
    """Its own files, and the parts of files that are being written; a directory that is not there yet is fine."""
    check_place(tmp_path / "not-yet", set())
    for name in ("agent.log", ".assignment.json.part"):
        (tmp_path / name).touch()
    check_place(tmp_path, {"agent.log"})


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ec2]:
    """A cloud with the agent as a single file."""
    root = tmp_path_factory.mktemp("ec2")
    build(root / "agent.pyz")
    with ec2(root, root / "agent.pyz") as made:
        yield made


def test_settings_that_name_somebodys_directory_end_the_machine(cloud: Ec2) -> None:
    """Neither the agent nor what comes after it touches a file there; the console hears why, and the machine goes."""
    with cloud.machine(runner_package(script(job="build"))) as machine:
        file = precious(machine.directory / "work")
        (machine.directory / "state.json").write_text(json.dumps({"phase": "listening", "facts": {}}))
        machine.assign()
        life = machine.live()
        assert life.exit_status == "1"
        assert file.read_text() == "years of work"
        assert sorted(path.name for path in machine.directory.iterdir()) == ["state.json", "work"]
        assert machine.is_off

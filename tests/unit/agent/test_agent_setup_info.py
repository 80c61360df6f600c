"""What the runner is given to print of its machine."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from paddock.agent.job.setup_info import MAX_LINE, clean, setup_info, write_setup_info
from paddock.agent.ports import Identity

MACHINE = Identity(
    machine="i-0abc", instance_type="m7i.large", zone="eu-west-1a", region="eu-west-1", market="spot", image="ami-1"
)


def test_what_the_fleet_told_comes_first_and_the_machine_fills_up() -> None:
    """A fact is said once: the fleet's word on it, or else the machine's own."""
    told = "Machine: i-0abc\nMarket: spot\nWhy: the job asks for 2 vCPU"
    assert setup_info(told, MACHINE, runner_version="2.336.0", agent_version="0.1.0") == [
        {
            "Group": "Machine",
            "Detail": "Machine: i-0abc\nMarket: spot\nWhy: the job asks for 2 vCPU\n"
            "Type: m7i.large\nZone: eu-west-1a\nImage: ami-1",
        },
        {"Group": "Programs", "Detail": "Runner: 2.336.0\nAgent: paddock 0.1.0"},
    ]


def test_what_nobody_knows_is_left_out() -> None:
    """A machine of the one-machine fleet knows its name alone, and there is no empty group."""
    assert setup_info("", Identity(machine="m-1")) == [{"Group": "Machine", "Detail": "Machine: m-1"}]


def test_hostile_text_stays_on_its_line() -> None:
    """Neither a command of the runner's nor a colour nor a group's end gets into the log."""
    (group,) = setup_info("Why: ::set-output name=a::b\x1b[31m\u202e\n##[endgroup]", Identity(machine="m-1"))
    assert group["Detail"].splitlines() == ["Why: : :set-output name=a: :b [31m", "# #[endgroup]", "Machine: m-1"]


@given(st.text(st.sampled_from(":#[] \n\r\t\x00\u2028a"), max_size=900) | st.text())
def test_any_text_becomes_one_harmless_line(text: str) -> None:
    """Whatever a field holds: one printable line, short, without the marks that begin a command."""
    line = clean(text)
    assert len(line) <= MAX_LINE
    assert line == "" or line.isprintable()
    assert "::" not in line
    assert "##" not in line


def test_the_file_is_what_the_runner_reads(tmp_path: Path) -> None:
    """JSON, a list of groups with a detail; a link that lay in its place is replaced, not followed."""
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    (tmp_path / ".setup_info").symlink_to(precious)
    groups = setup_info("Why: \u00fcber", Identity(machine="m-1"))
    write_setup_info(tmp_path, groups)
    assert json.loads((tmp_path / ".setup_info").read_text(encoding="utf-8")) == groups
    assert precious.read_text() == "keep me"
    assert (tmp_path / ".setup_info").stat().st_mode & 0o777 == 0o600

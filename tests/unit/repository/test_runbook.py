"""The runbook: a page for each alarm, in three parts, whose commands are shown where tests run them."""

import re
from pathlib import Path

import pytest

from paddock.adapters.aws.watching.alarms import alarms, definitions
from paddock.adapters.aws.watching.definition import RUNBOOK, Alarm
from paddock.adapters.aws.watching.targets import Targets
from tests.integration.test_documented_commands import commands
from tests.world.watched import NAMES

ROOT = Path(__file__).parents[3]
PAGES = ROOT / RUNBOOK
ALL = definitions(Targets())
PARTS = ["## What it means", "## What to look at", "## What to do"]


def parts_of(page: str) -> dict[str, str]:
    """The text of each part, by its heading."""
    _, *parts = re.split(r"^(?=## )", page, flags=re.MULTILINE)
    return {part.split("\n", 1)[0]: part.split("\n", 1)[1] for part in parts}


@pytest.mark.parametrize("alarm", ALL, ids=lambda alarm: alarm.name)
def test_a_page_says_what_it_means_what_to_look_at_and_what_to_do(alarm: Alarm) -> None:
    """In this order, the first in the alarm's own words; and there is something to look at, and something to do."""
    text = (PAGES / f"{alarm.name}.md").read_text(encoding="utf-8")
    parts = parts_of(text)
    assert text.startswith(f"# {alarm.name}\n")
    assert list(parts) == PARTS
    assert parts[PARTS[0]].startswith(f"\n**{alarm.means}**\n\n")
    assert "```\n" in parts[PARTS[1]]
    assert len(re.findall(r"^\* \*\*.+?\*\*", parts[PARTS[2]], re.MULTILINE)) >= 2
    assert all(len(re.sub(r"```.*?```", "", part, flags=re.DOTALL).strip()) > 20 for part in parts.values())


def test_every_alarm_has_its_page_and_every_page_its_alarm() -> None:
    """The index lists them in the alarms' order, and each alarm's description names its page."""
    names = [alarm.name for alarm in ALL]
    assert sorted(page.stem for page in PAGES.glob("*.md")) == sorted([*names, "README"])
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\* \[(.+)\]\(\1\.md\)$", index, re.MULTILINE) == names
    for name, properties in zip(names, alarms(NAMES), strict=True):
        found = re.search(r" Runbook: (\S+)$", properties["AlarmDescription"])
        assert found
        assert (ROOT / found[1]).stem == name
        assert (ROOT / found[1]).is_file()


def test_blocks_have_commands_and_nothing_else() -> None:
    """Those of `paddock` and of `aws`, each of which a test runs (`test_operator`, `test_stack_on_moto`)."""
    for page in PAGES.glob("*.md"):
        for block in re.findall(r"^```\w*\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE):
            assert [line for line in block.splitlines() if not line.startswith(("paddock ", "aws ", "eval "))] == []


def test_commands_within_a_sentence_are_shown_in_a_block_somewhere() -> None:
    """So that they are run, too."""
    shown = set(commands())
    for page in PAGES.glob("*.md"):
        for command in re.findall(r"`(paddock [^`]+)`", page.read_text("utf-8")):
            assert any(one.startswith(command) for one in shown), f"{page.name}: {command}"

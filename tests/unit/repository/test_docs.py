"""The documents agree with the code and with one another."""

import json
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from paddock.adapters.aws.dynamodb.definition import OWN
from paddock.agent.aws.config import KNOWN, parse_config
from paddock.agent.reasons import Reason
from paddock.core.records import KINDS
from paddock.core.states import JOB_LIFE, RUNNER_LIFE, StateTable
from paddock.core.task import EVERY
from paddock.core.units import DAY, HOUR, MINUTE
from paddock.core.usecases.house.housekeeping import MENDS
from paddock.entrypoints.aws_lambda.fleet_settings import fleet_environment
from paddock.entrypoints.aws_lambda.settings import InvalidEnvironment, webhook_settings
from tests.agent.conformance import genuine_settings

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
AGENT = (ROOT / "docs" / "agent.md").read_text(encoding="utf-8")
RECORDS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
PARTS = ["## Motivation", "## Decision", "## Alternatives, and why not", "## Consequences"]


@pytest.mark.parametrize(("heading", "life"), [("### Jobs", JOB_LIFE), ("### Machines", RUNNER_LIFE)])
def test_the_state_tables_of_the_architecture_are_the_cores(heading: str, life: StateTable[Any]) -> None:
    """Every edge of the core's table is on the page, and no other."""
    section = ARCHITECTURE.split(heading + "\n", 1)[1].split("\n#", 1)[0]
    rows = re.findall(r"^\| ([a-z_]+) \| (?!to )([a-z_, ]+) \|$", section, flags=re.MULTILINE)
    told = {(source, target) for source, targets in rows for target in targets.split(", ")}
    assert told == {(text(source), text(target)) for source, target in life.edges}


def test_the_tasks_of_housekeeping_are_on_the_page() -> None:
    """Each in its order, with what it sees to, as `paddock housekeeping status` tells it."""
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z_]+)` \| ((?:\d+ )?(?:minute|hour|day)s?) \| (.+) \|$", page, flags=re.MULTILINE)
    told = {name: (every, re.sub(r"\[(.+?)\]\(.+?\)", r"\1", sees)) for name, every, sees in rows}
    spans = {MINUTE: "minute", 5 * MINUTE: "5 minutes", 15 * MINUTE: "15 minutes", HOUR: "hour", DAY: "day"}
    assert list(told) == list(EVERY) == list(MENDS)
    assert told == {name: (spans[every], MENDS[name]) for name, every in EVERY.items()}


def test_the_variables_of_the_functions_are_on_the_page() -> None:
    """Each one that a function reads, and in the columns of those that read it."""
    section = ARCHITECTURE.split("## The functions on AWS\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (`[A-Z].+?`) \| .+ \| (yes)? ?\| (yes)? ?\|$", section, flags=re.MULTILINE)
    told = {name: (bool(webhook), bool(others)) for names, webhook, others in rows for name in names.split("`")[1::2]}
    webhook, others = missing(webhook_settings), missing(fleet_environment)
    read = {name: (name in webhook, name in others) for name in webhook | others}
    places = ("PADDOCK_CACHE_BUCKET", "PADDOCK_ARCHIVE_BUCKET", "PADDOCK_REPORTS_TOPIC", "PADDOCK_CONFIG_SEAL")
    optional = dict.fromkeys(places, (False, True))
    slack = dict.fromkeys(("PADDOCK_SLACK_SECRET", "PADDOCK_SLACK_BASE"), (False, False))
    left_out = dict.fromkeys(("PADDOCK_ALIASES", "PADDOCK_ENVIRONMENTS"), (True, False))
    assert told == {**read, **left_out, **optional, **slack}


def missing(read: Callable[[Mapping[str, str]], object]) -> set[str]:
    """The variables that the settings miss in an empty environment."""
    with pytest.raises(InvalidEnvironment) as refused:
        read({})
    return {problem.field for problem in refused.value.problems}


def text(state: StrEnum) -> str:
    """The state's word."""
    return state.value


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files_that_exist(page: Path) -> None:
    """No link into the repository is broken."""
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    inside = [link for link in links if not link.startswith("https://")]
    assert [link for link in inside if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_decision_is_a_page_in_four_parts_and_listed(record: Path) -> None:
    """Motivation, decision, alternatives, consequences, in this order; short; and in the index."""
    lines = record.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("## ")] == PARTS
    assert len(lines) <= 60
    title = re.fullmatch(r"# (\d{4}): (.+)", lines[0])
    assert title
    assert record.name.startswith(title[1])
    index = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    assert f"* [{title[1]}]({record.name}) {title[2]}" in index.splitlines()


def test_decisions_are_numbered_without_gaps() -> None:
    """The next number is the count plus one."""
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))


def test_the_verbs_of_the_guide_are_sessions_of_nox() -> None:
    """Every `nox -s` that a page names exists."""
    sessions = set(re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        for verb in re.findall(r"nox -s ([a-z]+)", page.read_text(encoding="utf-8")):
            assert verb in sessions, f"{page.name} names the session {verb}, which noxfile.py does not have"


def test_modules_that_the_architecture_names_exist() -> None:
    """`paddock.…` on the page is a module, or a name in one."""
    boxes = ("src/core", "src/adapters", "src/entrypoints", "agent", "contracts")
    for name in set(re.findall(r"`(paddock(?:\.[a-z_]+)+)`", ARCHITECTURE)):
        path = name.replace(".", "/")
        found = [box for box in boxes if (ROOT / box / path).is_dir() or (ROOT / box / f"{path}.py").is_file()]
        assert found, f"docs/architecture.md names {name}, which does not exist"


def test_the_fleet_of_the_library_page_runs_and_prints_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    """The code block is executed as it stands."""
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    code, printed = (re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL)[0] for kind in ("python", "text"))
    exec(compile(code, "docs/library.md", "exec"), {})
    assert capsys.readouterr().out == printed


def test_modules_and_tests_that_the_library_page_names_exist() -> None:
    """Whoever follows a name on the page finds it."""
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    for path in re.findall(r"`(tests/[a-z_/.]+)`", page):
        assert (ROOT / path).exists(), path


def rows(page: str, heading: str) -> dict[str, list[str]]:
    """The rows of a section's table, by the name that stands in code marks in the first cell; the other cells."""
    section = page.split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]
    table = re.findall(r"^\| `([a-z_]+)` \| (.*) \|$", section, re.MULTILINE)
    assert len(table) == len(dict(table)), f"{heading} has a row twice"
    return {name: cells.split(" | ") for name, cells in table}


def test_the_reasons_of_the_agents_page_are_the_agents() -> None:
    """Every slug has its row, which says what it means and what to do, and no row is of another."""
    table = rows(AGENT, "## Reasons")
    assert set(table) == set(Reason)
    assert all(len(cells) == 2 and all(cells) for cells in table.values())


def test_the_settings_of_the_agents_page_are_those_that_it_reads() -> None:
    """Every field of agent.json has its row, and the default that stands there is the agent's own."""
    table = rows(AGENT, "## agent.json")
    example = json.loads(re.findall(r"```json\n(.*?)```", AGENT.split("\n## agent.json\n", 1)[1], re.DOTALL)[0])
    config = parse_config(example)
    assert set(table) == KNOWN
    for name in KNOWN - set(example):
        value = getattr(config, name) if hasattr(config, name) else getattr(config.settings, name)
        plain = json.loads(json.dumps(value, default=str))
        assert table[name][0] == f"`{json.dumps(plain)}`", name


def test_the_phases_that_the_agent_measures_are_on_its_page() -> None:
    """Whoever reads a report finds what each span is of."""
    measured = set()
    for path in (ROOT / "agent" / "paddock" / "agent").rglob("*.py"):
        measured |= set(re.findall(r"phases\.(?:measure|note)\(\"([a-z_]+)\"", path.read_text(encoding="utf-8")))
    assert measured
    assert measured <= set(rows(AGENT, "## Phases"))


def test_the_settings_of_the_conformance_suite_are_read_as_the_page_shows_them() -> None:
    """Whoever copies the block gets the suite going."""
    (shown,) = re.findall(r"```yaml\n(.*?)```", AGENT, re.DOTALL)
    assert genuine_settings(shown).repository == "acme/conformance"


def test_the_rights_of_the_agents_page_are_policies() -> None:
    """They are JSON, and allow these actions alone: nothing that reads others' items, changes the cache or writes logs.

    The log goes by a role of its own, which a machine may take on.
    """
    blocks = re.findall(r"```json\n(.*?)```", AGENT, re.DOTALL)
    machine, shipper, trust = (json.loads(block)["Statement"] for block in blocks if "Statement" in block)

    def actions(statements: list[dict[str, Any]]) -> set[str]:
        some = [statement["Action"] for statement in statements]
        return {action for one in some for action in ([one] if isinstance(one, str) else one)}

    assert actions(machine) == {
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
        "sqs:SendMessage",
        "sts:AssumeRole",
        "sts:TagSession",
        "s3:GetObject",
        "s3:PutObject",
    }
    own = machine[0]["Condition"]["ForAllValues:StringEquals"]
    assert own == {"dynamodb:LeadingKeys": ["${aws:userid}"]}
    assert actions(shipper) == {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert actions(trust) == {"sts:AssumeRole", "sts:TagSession"}


def test_files_that_the_agents_pages_name_exist() -> None:
    """Paths in code marks lead somewhere."""
    for page in ("agent.md", "image.md"):
        told = (ROOT / "docs" / page).read_text(encoding="utf-8")
        for path in re.findall(r"`((?:tests|agent|docs)/[A-Za-z0-9_/.]+)`", told):
            assert (ROOT / path).exists(), f"docs/{page} names {path}"


def test_the_kinds_of_the_tables_page_are_the_cores() -> None:
    """Prefix, indexes in their order, and for how long they are kept; and the attributes are those of the adapter."""
    page = (ROOT / "docs" / "table.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| `([A-Z]+)` \| (.*?) \| (.*?) \| .*\|$", page, re.MULTILINE)
    told = {
        kind: ([*re.findall(r"`([a-z]+)`", indexes.split(", by ")[0])], kept.replace("1 day", "1 days"))
        for kind, indexes, kept in found
    }
    assert told == {
        kind.prefix: ([*kind.indexes], "for ever" if kind.kept is None else f"{kind.kept // DAY} days")
        for kind in KINDS
    }
    own = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`[iowt].*?) \|", page, re.MULTILINE)))
    assert {*own, "pk", "sk"} == OWN


def test_files_that_the_tables_page_names_exist() -> None:
    """Paths in code marks lead somewhere."""
    told = (ROOT / "docs" / "table.md").read_text(encoding="utf-8")
    for path in re.findall(r"`((?:tests|agent|src)/[A-Za-z0-9_/.]+)`", told):
        assert (ROOT / path).exists(), path

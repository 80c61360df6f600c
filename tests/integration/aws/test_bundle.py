"""The functions' bundles: the same bytes every time, with all that the functions need in them and little else."""

import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from deploy.bundle.contents import BUNDLES, FUNCTIONS, ROOT, WEBHOOK
from paddock.adapters.memory.github import JobScript
from paddock.core.messages import ReportEvent
from paddock.core.states import JobState
from paddock.entrypoints.aws_lambda import schedules, webhook
from tests.aws.bundles import SITE, Made, make, running, standing_in
from tests.aws.invocations import ROLE_ID
from tests.aws.stack import HANDLERS, REPOSITORY, Stack, report_of, stack_on_moto

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    """Both, by name."""
    folder = tmp_path_factory.mktemp("bundles")
    return {bundle.name: make(bundle, folder) for bundle in BUNDLES}


def test_the_same_sources_give_the_same_bytes(made: dict[str, Made], tmp_path: Path) -> None:
    """In another process, with other hashes, in another directory; and the builder names sizes and digests."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.bundle", f"--site={SITE}", f"--output={tmp_path}"],
        env={"PYTHONHASHSEED": "4711", "PATH": "/usr/bin:/bin"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for each in made.values():
        data = (tmp_path / each.file.name).read_bytes()
        assert data == each.file.read_bytes()
        assert f"{len(data)} bytes" in done.stdout
        assert f"sha256 {hashlib.sha256(data).hexdigest()}" in done.stdout


def test_nothing_of_the_build_is_in_it(made: dict[str, Made]) -> None:
    """One fixed moment, no directory of this machine, no metadata, no tests; each source has its bytecode."""
    for each in made.values():
        with zipfile.ZipFile(each.file) as opened:
            assert {entry.date_time for entry in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert {entry.external_attr >> 16 for entry in opened.infolist()} == {0o100644}
            python = b"".join(opened.read(name) for name in opened.namelist() if name.endswith((".py", ".pyc")))
        assert str(ROOT).encode() not in python
        assert str(SITE).encode() not in python
        packages = {name.partition("/")[2].partition("/")[0] for name in each.names if name.startswith("licenses/")}
        assert {package.rpartition("-")[0] for package in packages} >= {"", "attrs", "msgspec"}
        parts = {part for name in each.names for part in name.split("/")}
        assert not parts & {"tests", "test", "py.typed"}
        assert not [part for part in parts if part.endswith((".dist-info", ".pyi", ".pth"))]
        sources = [name for name in each.names if name.endswith(".py")]
        compiled = [name for name in each.names if name.endswith(f".{sys.implementation.cache_tag}.pyc")]
        assert len(sources) == len(compiled) > 0


def test_only_what_a_function_needs_is_in_its_bundle(made: dict[str, Made]) -> None:
    """The webhook function's has attrs, msgspec and ours; no simulator, no terminal, no server is in either."""
    tops = {name: {entry.split("/")[0] for entry in each.names} for name, each in made.items()}
    assert tops[WEBHOOK.name] == {"attr", "attrs", "licenses", "msgspec", "paddock"}
    ours = {name: {"/".join(entry.split("/")[:3]) for entry in each.names} for name, each in made.items()}
    others = {"boto3", "anyio", "click", "rich", "cyclopts", "werkzeug", "waitress", "psutil"}
    local = {f"adapters/{name}" for name in ("simulation", "sqlite", "process", "memory", "standin")}
    local |= {f"entrypoints/{name}" for name in ("cli", "local", "demo", "simulation")}
    for name, packages in tops.items():
        assert not packages & others
        assert not ours[name] & {f"paddock/{folder}" for folder in local}
    described = {entry.split("/")[2] for entry in made[FUNCTIONS.name].names if entry.startswith("botocore/data/")}
    assert {entry for entry in described if "." not in entry} == {
        "ce",
        "cloudwatch",
        "dynamodb",
        "ec2",
        "pricing",
        "s3",
        "sns",
        "sqs",
    }


def test_time_zones_are_in_it_where_the_system_has_none(made: dict[str, Made]) -> None:
    """The configuration's windows go by zones, and a slim system knows none; slips are understood."""
    code = (
        made[FUNCTIONS.name].importing("dispatch")
        + """
import zoneinfo
from paddock.core.errors import InvalidInput
from paddock.core.wallclock import zone_of
zoneinfo.reset_tzpath(to=[])
assert str(zone_of("America/Argentina/Ushuaia")) == "America/Argentina/Ushuaia"
try:
    zone_of("berlin")
except InvalidInput as error:
    print(error.remedy)
"""
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "is no time zone that this system knows: did you mean Europe/Berlin?\n"


def test_its_bytecode_is_used_whatever_the_files_times_are(made: dict[str, Made], tmp_path: Path) -> None:
    """Lambda unpacks with times of its own: a source that nobody may read is not compiled anew."""
    with zipfile.ZipFile(made[WEBHOOK.name].file) as opened:
        opened.extractall(tmp_path)
    (tmp_path / "paddock/entrypoints/aws_lambda/once.py").write_text("raise SystemExit('it was read')")
    code = Made(WEBHOOK, made[WEBHOOK.name].file, tmp_path).importing("webhook")
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def stack(made: dict[str, Made], monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """A stack whose functions run from their bundles, each in a process of its own."""
    with ExitStack() as cleanup:
        opened = cleanup.enter_context(stack_on_moto())
        started = {
            name: cleanup.enter_context(running(made[FUNCTIONS.name], name))
            for name in ("dispatch", "events", "reports", "schedules")
        }
        for queue, name in (("jobs", "dispatch"), ("events", "events"), ("reports", "reports")):
            monkeypatch.setitem(HANDLERS, queue, started[name])
        taking_in = cleanup.enter_context(running(made[WEBHOOK.name], "webhook"))
        cleanup.enter_context(standing_in(schedules, started["schedules"]))
        cleanup.enter_context(standing_in(webhook, taking_in))
        yield opened


def test_a_job_goes_its_whole_way_through_the_bundles(stack: Stack) -> None:
    """Every function, from GitHub's webhook to the machine's end: whatever is imported late is there."""
    run = stack.github.start_run(REPOSITORY, [JobScript("build", ("paddock/cpu=2/arch=x64",))])
    (number,) = run.job_ids
    stack.drain("jobs")
    machine = str(stack.job(number).machine)
    assert stack.job(number).state is JobState.LAUNCHED
    runner = stack.github.model.runners.connect(stack.runner(machine).id)
    stack.report(report_of(machine, number, runner, ReportEvent.STARTED))
    stack.drain("reports", f"{ROLE_ID}:{machine}")
    stack.github.model.runs.acquire(runner.id, number)
    stack.github.model.runs.started(runner.id, number)
    stack.drain("events")
    assert stack.job(number).state is JobState.RUNNING
    stack.github.model.runs.complete(runner.id, number, "success")
    stack.drain("events")
    assert stack.job(number).state is JobState.FINISHED
    stack.switch_off(machine)
    for name in ("jobs", "events", "reports"):
        stack.send(name, "no JSON")
        stack.drain(name)
        assert stack.dead(name) == ["no JSON"]
    for task in ("sweep", "sweep_github", "mirror"):
        answer: Any = schedules.handler({"task": task}, None)
        assert answer[task]["failed"] == 0, json.dumps(answer)

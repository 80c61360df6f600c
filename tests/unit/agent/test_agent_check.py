"""What the facts about a machine mean for its agent."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paddock.agent.check.facts import Answer, Baked, Facts, Place
from paddock.agent.check.judge import DAY, EARLIEST, Check, judge, table
from paddock.agent.machine.clock import SECOND

MIB = 1 << 20
NOW = EARLIEST + 200 * DAY
GOOD = Answer(ok=True, said="all good")
LIBRARIES = frozenset({"libicuuc.so.74", "libssl.so.3", "libgssapi_krb5.so.2", "libz.so.1", "liblttng-ust.so.1"})
FINE = Facts(
    does="An agent here would run one job:",
    python=(3, 12),
    system="Linux",
    processor="aarch64",
    root=True,
    jobs_run_as=GOOD,
    now=NOW,
    synchronised=True,
    memory=4096 * MIB,
    work=Place(path=Path("/w"), writable=True, free=9000 * MIB),
    cache=Place(path=Path("/c"), writable=True, free=9000 * MIB),
    is_machine=True,
    docker=GOOD,
    libraries=LIBRARIES,
    baked=Baked(path=Path("/r"), version="2.336.0", verified_at=NOW - 3 * DAY, listener="2.336.0"),
    settings=GOOD,
    metadata=GOOD,
    assignment=GOOD,
    github=GOOD,
    github_clock=NOW - SECOND,
)


def check(name: str, **changes: Any) -> Check:  # noqa: ANN401 - any fact
    """The one check of this name, of a machine that is fine but for these facts."""
    (found,) = [one for one in judge(replace(FINE, **changes)) if one.name == name]
    return found


def test_a_machine_that_has_everything_lacks_nothing() -> None:
    """Every check is there once and good."""
    checks = judge(FINE)
    assert [one.name for one in checks if one.ok is not True] == []
    assert [one.name for one in checks] == [
        *("Python", "system", "user", "jobs", "settings", "clock", "orphans", "unshare", "systemd", "power off"),
        *("docker", "memory", "work", "cache", "libraries", "runner", "metadata service", "assignment", "GitHub"),
    ]
    assert table(FINE.does, checks).endswith("\nall right")


@pytest.mark.parametrize(
    ("name", "changes", "found"),
    [
        ("Python", {"python": (3, 10)}, "3.10"),
        ("system", {"processor": "riscv64"}, "Linux on riscv64"),
        ("system", {"system": "Darwin"}, "Darwin on aarch64"),
        ("user", {"root": False}, "not root"),
        ("jobs", {"jobs_run_as": Answer(ok=False, said="no such user")}, "no such user"),
        ("settings", {"settings": Answer(ok=False, said="table: found 7")}, "table: found 7"),
        ("clock", {"now": EARLIEST - 1}, "before this program was written"),
        ("clock", {"github_clock": NOW - 301 * SECOND}, "301 s ahead of GitHub's"),
        ("clock", {"github_clock": NOW + 301 * SECOND}, "301 s behind GitHub's"),
        ("orphans", {"subreaper": False}, "not adopted"),
        ("systemd", {"systemd": False}, "not running"),
        ("power off", {"poweroff": False}, "no systemctl"),
        ("memory", {"memory": 511 * MIB}, "511 MiB"),
        ("work", {"work": Place(path=Path("/w"), writable=True, free=1023 * MIB)}, "/w, 1023 MiB free"),
        ("work", {"work": Place(path=Path("/w"), writable=False, trouble="/: Read-only")}, "/w: /: Read-only"),
        ("cache", {"cache": Place(path=Path("/c"), writable=False)}, "cannot be written"),
        ("libraries", {"libraries": LIBRARIES - {"libicuuc.so.74"}}, "without ICU"),
        ("runner", {"baked": Baked(path=Path("/r"), trouble="no manifest")}, "/r: no manifest"),
        ("runner", {"baked": Baked(path=Path("/r"), version="2", verified_at=NOW - 31 * DAY)}, "31 days old"),
        ("metadata service", {"metadata": Answer(ok=False, said="silent")}, "silent"),
        ("assignment", {"assignment": Answer(ok=False, said="denied")}, "denied"),
        ("GitHub", {"github": Answer(ok=False, said="refused")}, "refused"),
    ],
)
def test_what_a_machine_cannot_do_without(name: str, changes: dict[str, Any], found: str) -> None:
    """A miss: what was found and the next step, and the whole check fails."""
    miss = check(name, **changes)
    assert miss.ok is False
    assert found in miss.found
    assert miss.next_step
    shown = table("x", [miss])
    assert f"✗ {name}" in shown
    assert f"next:   {miss.next_step}" in shown
    assert shown.endswith("1 missing: see the next steps above")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("clock", {"synchronised": False, "github_clock": None}),
        ("unshare", {"unshare": False}),
        ("docker", {"docker": Answer(ok=False, said="not there")}),
        ("libraries", {"libraries": None}),
        ("libraries", {"libraries": LIBRARIES - {"liblttng-ust.so.1"}}),
        ("runner", {"baked": Baked(path=Path("/r"), version="2", verified_at=NOW - 21 * DAY)}),
        ("runner", {"baked": Baked(path=Path("/r"), version="2")}),
        ("GitHub", {"github": None}),
    ],
)
def test_what_is_only_worth_a_word(name: str, changes: dict[str, Any]) -> None:
    """Not known, or good to have: it is said, and fails nothing."""
    word = check(name, **changes)
    assert word.ok is None
    assert f"– {name}" in table("x", [word])  # noqa: RUF001 - the sign is a dash
    assert table("x", [word]).endswith("all right")


@pytest.mark.parametrize(("days", "ok"), [(0, True), (20, True), (21, None), (30, None), (31, False), (-1, True)])
def test_a_runner_ages(days: int, ok: bool | None) -> None:  # noqa: FBT001 - what is expected
    """After 20 days it warns, after 30 it is too old; one from a clock ahead of ours is new."""
    baked = Baked(path=Path("/r"), version="2", verified_at=NOW - days * DAY)
    assert check("runner", baked=baked).ok is ok


def test_a_box_is_no_machine_to_switch_off() -> None:
    """Without systemd, power-off and root, a machine of the one-machine fleet is as good; nothing is advised."""
    box = replace(FINE, is_machine=False, root=False, systemd=False, poweroff=False)
    told = {one.name: one for one in judge(box)}
    assert (told["user"].ok, told["systemd"].ok, told["power off"].ok) == (True, None, None)
    assert told["systemd"].next_step == ""


def test_what_was_not_asked_is_not_judged() -> None:
    """In general, without settings or a directory, only the machine itself is looked at."""
    bare = replace(
        FINE, work=None, cache=None, memory=None, docker=None, baked=None, settings=None, metadata=None, assignment=None
    )
    assert {"work", "cache", "memory", "docker", "runner", "settings", "metadata service", "assignment"}.isdisjoint(
        one.name for one in judge(bare)
    )

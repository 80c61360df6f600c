"""The section `pools` of paddock.yml: what a pool comes to, and what is said of a bad one, by line."""

import json
import re
from pathlib import Path
from textwrap import dedent, indent

import pytest

from paddock.adapters.config import load, validate
from paddock.core.errors import InvalidInput
from paddock.core.labels import parse_labels
from paddock.core.pools.pool import Bounds, Pool, digest_of
from paddock.core.pools.schedule import Day, Schedule, Targets, Window
from paddock.core.spec import Arch, Range, RetryMode, RunnerSpec
from paddock.core.units import HOUR, MINUTE
from paddock.entrypoints.aws_lambda.factories import make_settings as settings_on_aws
from paddock.entrypoints.aws_lambda.fleet_settings import fleet_environment
from paddock.entrypoints.local.factories import make_settings
from tests.aws.invocations import STACK

LEAST = """\
version: 1
github:
  webhook_secret: {env: HOOK}
  token: {env: TOKEN}
  repositories: [octo-org/*]
pools:
  web:
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration file that does not exist yet."""
    return tmp_path / "paddock.yml"


def written(file: Path, pool: str, more: str = "") -> Path:
    """A file with a pool `web` of these lines (line 8 is the first), and more at its end."""
    file.write_text(LEAST + indent(dedent(pool), "    ") + "\n" + dedent(more), encoding="utf-8")
    return file


def said(file: Path) -> list[str]:
    """What is wrong with the file, without its name."""
    return [problem.text.removeprefix(f"{file}:") for problem in validate(file)]


def test_the_least_pool_has_sensible_defaults(file: Path) -> None:
    """What its machine is, and one target."""
    pool = load(written(file, "machine: {cpu: 4}\nhot: 1")).settings.pools["web"]
    spec = RunnerSpec(cpu=Range(4, 8), spot=False, pool="web")
    assert pool == Pool("web", spec, hot=1, digest=digest_of(spec))
    assert (pool.idle_timeout, pool.max_age, pool.most) == (HOUR, 16 * HOUR, None)


def test_a_pool_is_read_whole(file: Path) -> None:
    """Every key of the format reaches its value, with its unit."""
    text = """\
    machine: {cpu: 4+8, ram: 16, family: [m7g, "c7*"], arch: arm64, image: jammy, disk: 80}
    hot: 1
    stopped: 2
    idle_timeout: 1h30m
    max_age: 1d
    most: 12
    auto: true
    bounds: {least: {stopped: 1}, most: {hot: 10, stopped: 8}}
    zone: Europe/Berlin
    windows:
      - {name: office hours, days: [monday, friday], from: "08:00", to: 18:00, hot: 5, stopped: 6}
      - {name: night, from: "22:30", to: "24:00", zone: Asia/Tokyo, priority: 3}
    """
    spec = RunnerSpec(Range(4, 8), Range(16), ("m7g", "c7*"), Arch.ARM64, "jammy", 80, spot=False, pool="web")
    office = Window("office hours", 480, 1080, 5, 6, (Day.MONDAY, Day.FRIDAY))
    night = Window("night", 1350, 1440, zone="Asia/Tokyo", priority=3)
    assert load(written(file, text)).settings.pools == {
        "web": Pool(
            "web",
            spec,
            hot=1,
            stopped=2,
            idle_timeout=90 * MINUTE,
            max_age=24 * HOUR,
            schedule=Schedule("Europe/Berlin", (office, night)),
            most=12,
            digest=digest_of(spec),
            auto=True,
            bounds=Bounds(Targets(0, 1), Targets(10, 8)),
        )
    }


def test_a_pools_machine_may_be_a_named_one(file: Path) -> None:
    """Its name in any case, other keys go before its own; it is on demand whatever the named spec says."""
    runners = "runners:\n  Big: {cpu: 8, disk: 80, spot: true, retry: false}\n"
    settings = load(written(file, "machine: {runner: big, disk: 100}\nstopped: 1", runners)).settings
    pool = settings.pools["web"]
    assert pool.spec == RunnerSpec(Range(8, 16), disk=100, spot=False, retry=RetryMode.WHEN_INTERRUPTED, pool="web")
    assert pool.digest == digest_of(pool.spec) != digest_of(settings.specs["Big"])


def test_a_label_asks_for_a_configured_pool(file: Path) -> None:
    """By itself, and through an alias."""
    aliases = 'aliases: [{match: "warm-*", runs_on: paddock/pool=WEB}]\n'
    settings = load(written(file, "machine: {cpu: 4}\nhot: 1", aliases)).settings
    spec = RunnerSpec(cpu=Range(4, 8), pool="web")
    for label in ("paddock/pool=Web", "warm-7"):
        assert parse_labels([label], settings.specs, settings.aliases, settings.pools) == spec


TARGETS = "must be 0 to 5000 machines"
SPAN = "must be a duration with its unit, such as 90s, 4m or 1h30m"
NAME = "is no name: letters, digits, - and _, at most 63, beginning with a letter or digit"
FROM = "must be a time of day from 00:00 to 23:59, with two digits each, such as 08:30"
TO = "must be a time of day from 00:00 to 24:00, with two digits each, such as 18:30"
WINDOW = "must be letters, digits, blanks, - and _, at most 63, beginning with a letter or digit"
DAYS = "monday, tuesday, wednesday, thursday, friday, saturday, sunday"
ABOVE = "a hot one is ended only when its successor is there"

# Each case: what stands in the pool besides `machine: {cpu: 4}` (line 8) and `stopped: 1` (line 9), and what is said.
WRONG = [
    ("hot: many", f"10:10: pools.web.hot = 'many': {TARGETS}"),
    ("hot: -1", f"10:10: pools.web.hot = -1: {TARGETS}"),
    ("hot: 5001", f"10:10: pools.web.hot = 5001: {TARGETS}"),
    ("hot: true", f"10:10: pools.web.hot = true: {TARGETS}"),
    ("idle_timeout: 60", f"10:19: pools.web.idle_timeout = 60: {SPAN}"),
    ("idle_timeout: 0s", "10:19: pools.web.idle_timeout = '0s': must be longer than nothing"),
    ("max_age: 59m", "10:14: pools.web.max_age = '59m': must be 1h or more: else all machines would be replaced all the time"),
    ("max_age: 0m", "10:14: pools.web.max_age = '0m': must be 1h or more: else all machines would be replaced all the time"),
    ("most: 0", "10:11: pools.web.most = 0: must be a whole number, 1 or more"),
    ("hot: 4\nmost: 4", f"11:11: pools.web.most = 4: must be more than hot, 4: {ABOVE}; write 5 or more"),
    (
        "most: 2\nwindows:\n  - {name: day, from: '08:00', to: '09:00', hot: 7}",
        f"10:11: pools.web.most = 2: must be more than windows[0].hot, 7: {ABOVE}; write 8 or more",
    ),
    ("auto: yes", "10:11: pools.web.auto = 'yes': must be true or false"),
    ("auto: true", "7:3: pools.web.bounds: leave auto no machine: write how many it may ask for, as in {most: {hot: 4, stopped: 4}}"),
    ("bounds: {most: {hot: 3}}", "10:13: pools.web.bounds: are for auto alone: write auto: true, or leave them out"),
    ("auto: true\nbounds: {least: {hot: 4}, most: {hot: 3}}", "11:27: pools.web.bounds.least.hot = 4: must be no more than bounds.most.hot, 3"),
    ("bounds: {most: {hto: 3}}", "10:21: pools.web.bounds.most.hto: is no key of pools.web.bounds.most; did you mean hot?"),
    ("zone: 7", "10:11: pools.web.zone = 7: must be the name of a time zone, such as Europe/Berlin or UTC"),
    ("zone: berlin", "10:11: pools.web.zone = 'berlin': is no time zone that this system knows: did you mean Europe/Berlin?"),
    ("windows: {}", '10:14: pools.web.windows = {…}: must be a list, of 50 at most, such as [{name: office hours, from: "08:00", to: "18:00", hot: 4}]'),
    ("windows: [day]", "10:15: pools.web.windows[0] = 'day': must be a mapping such as {name: office hours, from: \"08:00\", to: \"18:00\", hot: 4}"),
    ("windows: [{from: 08:00, to: 09:00}]", f"10:15: pools.web.windows[0].name: is missing: it {WINDOW}"),
    ("windows: [{name: a, to: 09:00}]", f"10:15: pools.web.windows[0].from: is missing: it {FROM}"),
    ("windows: [{name: a, from: 08:00}]", f"10:15: pools.web.windows[0].to: is missing: it {TO}"),
    ("windows: [{name: '', from: 08:00, to: 09:00}]", f"10:22: pools.web.windows[0].name = '': {WINDOW}"),
    ('windows: [{name: "a\\n", from: 08:00, to: 09:00}]', f"10:22: pools.web.windows[0].name = 'a\\n': {WINDOW}"),
    ("windows: [{name: a, from: 8:00, to: 09:00}]", f"10:31: pools.web.windows[0].from = '8:00': {FROM}"),
    ("windows: [{name: a, from: 24:00, to: 09:00}]", f"10:31: pools.web.windows[0].from = '24:00': {FROM}"),
    ('windows: [{name: a, from: "08:00\\n", to: 09:00}]', f"10:31: pools.web.windows[0].from = '08:00\\n': {FROM}"),
    ("windows: [{name: a, from: 08:00, to: 24:01}]", f"10:42: pools.web.windows[0].to = '24:01': {TO}"),
    ("windows: [{name: a, from: 08:00, to: 18}]", f"10:42: pools.web.windows[0].to = 18: {TO}"),
    ("windows: [{name: a, from: 08:00, to: 09:00, days: []}]", "10:55: pools.web.windows[0].days = […]: must be a list of days such as [monday, friday]; left out, it is every day"),
    ("windows: [{name: a, from: 08:00, to: 09:00, days: [mon]}]", f"10:56: pools.web.windows[0].days[0] = 'mon': must be one of {DAYS}"),
    ("windows: [{name: a, from: 08:00, to: 09:00, days: [friday, friday]}]", "10:64: pools.web.windows[0].days[1] = 'friday': of window 'a' is there already"),
    ("windows: [{name: a, from: 08:00, to: 09:00, hot: -1}]", f"10:54: pools.web.windows[0].hot = -1: {TARGETS}"),
    ("windows: [{name: a, from: 08:00, to: 09:00, priority: 1.5}]", "10:59: pools.web.windows[0].priority = 1.5: must be a whole number from -1000 to 1000"),
    ("windows: [{name: a, from: 08:00, to: 09:00, zone: Mars}]", "10:55: pools.web.windows[0].zone = 'Mars': is no time zone that this system knows: write an IANA name such as Europe/Berlin, or UTC"),
    (
        "windows:\n  - {name: a, from: 08:00, to: 09:00}\n  - {name: a, from: 10:00, to: 11:00}",
        "12:16: pools.web.windows[1].name = 'a': is the name of a window before it: each needs one of its own",
    ),
    (
        "zone: Europe/Berlin\nwindows:\n  - {name: a, from: 08:00, to: 18:00}\n  - {name: b, days: [monday], from: 17:00, to: 19:00}",
        "13:9: pools.web.windows[1] = 'b': mon 17:00-19:00 Europe/Berlin meets window 'a', daily 08:00-18:00 Europe/Berlin, from monday 17:00 to 18:00, and both have priority 0: give the one that shall win a higher one, or let one end as the other begins",
    ),
    ("machines: {cpu: 4}", "10:5: pools.web.machines: is no key of pools.web; did you mean machine?"),
    ("spot: true", "10:5: pools.web.spot: is no key of pools.web; known here: machine, hot, stopped, idle_timeout, max_age, most, auto, bounds, zone, windows"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "problem"), WRONG, ids=range(len(WRONG)))
def test_one_mistake_is_told_once_with_its_place(file: Path, lines: str, problem: str) -> None:
    """Each mistake in an otherwise good pool gives one line: place, field, value, and what would be right."""
    assert said(written(file, f"machine: {{cpu: 4}}\nstopped: 1\n{lines}")) == [problem]


# Each case: the lines of the pool, and what is said of it.
MACHINES = [
    ("hot: 1", "7:3: pools.web.machine: is missing: it must be a mapping such as {cpu: 4, arch: arm64} or {runner: big}"),
    ("machine: big\nhot: 1", "8:14: pools.web.machine = 'big': must be a mapping such as {cpu: 4, arch: arm64} or {runner: big}"),
    ("machine: {cpu: 4+2}\nhot: 1", "8:20: pools.web.machine.cpu = '4+2': is an empty range: write cpu=2+4"),
    ("machine: {cpu: 4/x}\nhot: 1", "8:20: pools.web.machine.cpu = '4/x': must be a number of vCPUs such as 4, or a range such as 4+8"),
    ("machine: {arch: amd64}\nhot: 1", "8:21: pools.web.machine.arch = 'amd64': must be one of x64, arm64"),
    ("machine: {spot: false}\nhot: 1", "8:15: pools.web.machine.spot: is no key of pools.web.machine; known here: runner, cpu, ram, family, arch, image, disk"),
    ("machine: {retry: false}\nhot: 1", "8:15: pools.web.machine.retry: is no key of pools.web.machine; known here: runner, cpu, ram, family, arch, image, disk"),
    ("machine: {pool: web}\nhot: 1", "8:15: pools.web.machine.pool: is no key of pools.web.machine; known here: runner, cpu, ram, family, arch, image, disk"),
    ("machine: {runner: bgi}\nhot: 1", "8:23: pools.web.machine.runner = 'bgi': is no runner of this fleet; did you mean big?"),
    ("machine: {runner: tiny}\nhot: 1", "8:23: pools.web.machine.runner = 'tiny': is no runner of this fleet: big"),
    ("machine: {cpu: 800+801}\nhot: 1", "8:14: pools.web.machine = '800 to 801 vCPU, x64, pool web, on-demand': fits no instance type: widen cpu, ram or family"),
    ("machine: {cpu: 4}", "7:3: pools.web: keeps no machine at any hour: write hot or stopped, here or in a window, or remove the pool"),
    (
        "machine: {cpu: 4}\nwindows: [{name: a, from: 08:00, to: 09:00}]",
        "7:3: pools.web: keeps no machine at any hour: write hot or stopped, here or in a window, or remove the pool",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "problem"), MACHINES, ids=range(len(MACHINES)))
def test_a_mistake_in_the_machine_or_no_use_at_all(file: Path, lines: str, problem: str) -> None:
    """What a pool is made of is checked as a named spec is; one that keeps nothing is told as useless."""
    assert said(written(file, lines, "runners:\n  big: {cpu: 8}\n")) == [problem]


# Each case: the section, and all that is said of it.
SECTIONS = [
    ("pools: [web]", ["6:8: pools = […]: must be a mapping of names to pools"]),
    ("pools:\n  web: 2", ["7:8: pools.web = 2: must be a mapping such as {machine: {cpu: 4}, hot: 2}"]),
    ("pools:\n  -web: {machine: {}, hot: 1}", [f"7:3: pools.-web: {NAME}"]),
    (f"pools:\n  {'w' * 64}: {{machine: {{}}, hot: 1}}", [f"7:3: pools.{'w' * 64}: {NAME}"]),
    ('pools:\n  "web\\n": {machine: {}, hot: 1}', [f"7:3: pools.web\n: {NAME}"]),
    (
        "pools:\n  web: {machine: {}, hot: 1}\n  WEB: {machine: {}, hot: 1}",
        ["8:3: pools.WEB: differs from web in case alone, which labels ignore"],
    ),
    (
        "pools:\n  a: {machine: {cpu: 0}, hot: 4, most: 4}\n  b: {machine: {}, hot: 1, max_age: 1m, zone: X}",
        [
            "7:22: pools.a.machine.cpu = 0: must be a whole number from 1 to 896",
            f"7:40: pools.a.most = 4: must be more than hot, 4: {ABOVE}; write 5 or more",
            "8:37: pools.b.max_age = '1m': must be 1h or more: else all machines would be replaced all the time",
            "8:47: pools.b.zone = 'X': is no time zone that this system knows: write an IANA name such as Europe/Berlin, or UTC",
        ],
    ),
    # What is wrong itself is told once, where it stands.
    (
        "pools: {web: {machine: {runner: big}, hot: 0}}\nrunners: {big: {cpu: 0}}\naliases: [{match: x, runs_on: paddock/pool=web}]",
        [
            "6:9: pools.web: keeps no machine at any hour: write hot or stopped, here or in a window, or remove the pool",
            "7:22: runners.big.cpu = 0: must be a whole number from 1 to 896",
        ],
    ),
    (
        "pools: {web: {machine: {}, hot: 1}}\naliases: [{match: x, runs_on: paddock/pool=wbe}, {match: y, runs_on: paddock/pool=web/cpu=4}]",
        [
            "7:31: aliases[0].runs_on = 'paddock/pool=wbe': pool=wbe is no pool of this fleet; did you mean web?",
            "7:70: aliases[1].runs_on = 'paddock/pool=web/cpu=4': cpu=4 cannot stand beside pool=web, which says what the machine is: leave cpu out, or leave pool out",
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("section", "problems"), SECTIONS, ids=range(len(SECTIONS)))
def test_all_that_is_wrong_with_the_section_is_told_at_once(file: Path, section: str, problems: list[str]) -> None:
    """In the order of the file, names and aliases included."""
    file.write_text(LEAST.partition("pools:")[0] + section + "\n", encoding="utf-8")
    assert said(file) == problems


def test_the_pool_that_the_page_shows_is_a_good_one(file: Path) -> None:
    """docs/operating.md: what it says of its example is what the example comes to."""
    page = (Path(__file__).parents[3] / "docs" / "operating.md").read_text(encoding="utf-8")
    (example,) = (
        block for block in re.findall(r"^```yaml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE) if "pools" in block
    )
    file.write_text(LEAST.partition("pools:")[0] + example, encoding="utf-8")
    pool = load(file).settings.pools["web"]
    assert pool.targets == Targets(hot=0, stopped=2)
    assert [(window.targets, window.describe(pool.schedule.zone)) for window in pool.schedule.windows] == [
        (Targets(hot=4, stopped=6), "mon-fri 08:00-18:00 Europe/Berlin")
    ]


def test_another_launch_template_makes_other_machines(file: Path) -> None:
    """On AWS a new version of the template, or another one, outdates what its pools keep, and nothing of other pools."""
    lines = "machine: {cpu: 4}\nhot: 2"
    config = load(written(file, lines))

    def digest(version: str, arch: str = "x64") -> str:
        templates = [{"arch": arch, "id": "lt-0123456789abcdef0", "version": version}]
        if arch != "x64":
            templates.append({"arch": "x64", "id": "lt-0123456789abcdef1", "version": "1"})
        stack = fleet_environment({**STACK, "PADDOCK_TEMPLATES": json.dumps(templates)})
        return settings_on_aws(config, stack).pools["web"].digest

    assert digest("3") == digest("3")
    assert digest("4") not in {digest("3"), config.settings.pools["web"].digest}
    assert digest("3", "arm64") == digest("4", "arm64")


def test_the_machines_of_one_box_cannot_sleep(file: Path) -> None:
    """`paddock local` refuses a pool that is to have stopped ones, in a target, a window or a bound; not hot ones."""
    windows = "windows: [{name: day, from: 08:00, to: 18:00, %s: 3}]"
    local = load(written(file, f"machine: {{cpu: 4}}\nhot: 2\n{windows % 'hot'}"))
    assert make_settings(local).pools == local.settings.pools
    for lines, field in [
        ("stopped: 1", "stopped = 1"),
        (windows % "stopped", r"windows\[0\].stopped = 3"),
        ("auto: true\nbounds: {most: {stopped: 5}}", "bounds.most.stopped = 5"),
    ]:
        told = rf"^pools.web.{field}: machines of this fleet cannot sleep: leave it out, and keep hot ones instead$"
        with pytest.raises(InvalidInput, match=told):
            make_settings(load(written(file, f"machine: {{cpu: 4}}\nhot: 2\n{lines}")))

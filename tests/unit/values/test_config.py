"""paddock.yml: good files become values, bad ones become sentences with their line and column."""

import json
import os
import re
from decimal import Decimal
from pathlib import Path
from textwrap import dedent

import attrs
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import example, given
from hypothesis import strategies as st

from paddock.adapters.config import AppConfig, Hook, InvalidConfig, RunnerPin, SecretRef, SlackConfig, load, validate
from paddock.contracts import example_config, schema_text
from paddock.core.circuit import CircuitPolicy
from paddock.core.costs.policy import CostPolicy
from paddock.core.errors import InvalidInput
from paddock.core.rerun import RerunPolicy
from paddock.core.settings import Alias, ForkPolicy, Limits, ScopeKind
from paddock.core.spec import Arch, Range, RetryMode, RunnerSpec
from paddock.core.units import HOUR, MINUTE, SECOND
from tests.contracts import breaches
from tests.github_client import key_pair

LEAST = """\
version: 1
github:
  webhook_secret: {env: HOOK}
  token: {env: TOKEN}
  repositories: [octo-org/*]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration file that does not exist yet."""
    return tmp_path / "paddock.yml"


def said(file: Path, text: str) -> list[str]:
    """What is wrong with a file of this text: the lines without the file's name."""
    file.write_text(dedent(text), encoding="utf-8")
    return [problem.text.removeprefix(f"{file}:") for problem in validate(file)]


def test_the_least_file_has_sensible_defaults(file: Path) -> None:
    """Three things must be said; everything else has a default, and state lives beside the file."""
    file.write_text(LEAST, encoding="utf-8")
    config = load(file)
    assert config.github.url == "https://github.com"
    assert config.github.webhook_secrets == (SecretRef("github.webhook_secret", env="HOOK"),)
    assert config.github.token == SecretRef("github.token", env="TOKEN")
    assert config.github.app is None
    assert config.settings.repositories == ("octo-org/*",)
    assert config.settings.forks is ForkPolicy.REFUSE
    assert config.settings.limits == Limits()
    assert (config.local.host, config.local.port, config.local.slots) == ("127.0.0.1", 8080, 4)
    assert config.local.state == file.parent / "paddock-state"
    assert config.local.reconcile == MINUTE
    assert validate(file) == []


def test_a_full_file_is_read_whole(file: Path) -> None:
    """Every key of the format reaches its value, with its unit."""
    file.write_text(
        dedent(
            """\
            version: 1
            github:
              url: https://github.example.com
              webhook_secret: [{env: NEW}, {file: secrets/old}]
              app: {id: 123456, private_key: {file: key.pem}, installation_id: 99}
              scope: organization
              runner_group: 7
              repositories: [octo-org/*, octo/one]
              forks: allow
              cancel_run_on_reject: true
              registration_tokens: false
              hooks: [{target: octo-org, id: 5}, {target: octo/one, id: 6}]
            limits: {machines: 10, vcpu: 64, machines_per_repository: 4, launches_per_minute: 30, spend_per_day_usd: 12.50}
            runners:
              big: &big {cpu: 4+8, ram: 16, family: [m7g, "c7*"], arch: arm64, image: jammy, disk: 80, retry: false}
              bigger: {<<: *big, cpu: 16, spot: false}
            aliases:
              - {match: "runs-on=*", runs_on: paddock/runner=big/disk=100}
            deadlines: {lease: 90s, boot: 3m, idle: 1m30s, runtime: 1d, silence: 12m, queue: 2d, drain: 1m, orphan: 7m, retry_admission: 5s, word: 2m}
            retry: {max_launches: 5, backoff: 4s}
            circuit: {threshold: 5, window: 20m, cool_down: 10m, max_cool_down: 2h, zone_types: 4, probe: 5m, avoid: 0s}
            rerun: {most: 2, deployments: true, on_demand: false}
            costs: {at: "07:30", zone: Europe/Berlin, live: false, bill: true}
            slack: {webhook: {env: SLACK}, base: "https://chat.example.com/hooks/"}
            shortage: 90s
            local:
              listen: "[::1]:0"
              state: /var/lib/paddock
              slots: 8
              runner: {version: 2.330.0, sha256: "%s"}
              reconcile: 30s
            """
        )
        % ("ab" * 32),
        encoding="utf-8",
    )
    config = load(file)
    github, settings, local = config.github, config.settings, config.local
    assert github.url == "https://github.example.com"
    assert github.webhook_secrets == (
        SecretRef("github.webhook_secret[0]", env="NEW"),
        SecretRef("github.webhook_secret[1]", file=file.parent / "secrets" / "old"),
    )
    key = SecretRef("github.app.private_key", file=file.parent / "key.pem")
    assert github.app == AppConfig("123456", key, 99)
    assert github.token is None
    assert github.hooks == (Hook("octo-org", 5), Hook("octo/one", 6))
    assert (settings.scope, settings.runner_group) == (ScopeKind.ORGANIZATION, 7)
    assert (settings.forks, settings.cancel_run_on_reject) == (ForkPolicy.ALLOW, True)
    assert settings.registration_tokens is False
    assert settings.limits == Limits(10, 64, 4, 30, 12_500_000)
    big = RunnerSpec(
        cpu=Range(4, 8),
        ram=Range(16),
        families=("m7g", "c7*"),
        arch=Arch.ARM64,
        image="jammy",
        disk=80,
        retry=RetryMode.NEVER,
    )
    assert settings.specs["big"] == big
    assert settings.specs["bigger"] == attrs.evolve(big, cpu=Range(16, 32), spot=False)
    assert settings.aliases == (Alias("runs-on=*", "paddock/runner=big/disk=100"),)
    deadlines = settings.deadlines
    assert (deadlines.lease, deadlines.boot, deadlines.idle) == (90 * SECOND, 3 * MINUTE, 90 * SECOND)
    assert (deadlines.runtime, deadlines.silence, deadlines.queue) == (24 * HOUR, 12 * MINUTE, 48 * HOUR)
    assert (deadlines.drain, deadlines.orphan) == (MINUTE, 7 * MINUTE)
    assert (deadlines.retry_admission, deadlines.word) == (5 * SECOND, 2 * MINUTE)
    assert attrs.astuple(settings.retry) == (5, 4 * SECOND)
    assert settings.circuit == CircuitPolicy(5, 20 * MINUTE, 10 * MINUTE, 2 * HOUR, 4, 5 * MINUTE, 0)
    assert settings.rerun == RerunPolicy(most=2, deployments=True, on_demand=False)
    assert settings.costs == CostPolicy(7 * 60 + 30, "Europe/Berlin", live=False, bill=True)
    assert config.slack == SlackConfig(SecretRef("slack.webhook", env="SLACK"), "https://chat.example.com/hooks/")
    assert settings.shortage == 90 * SECOND
    assert (local.host, local.port, local.state, local.slots) == ("::1", 0, Path("/var/lib/paddock"), 8)
    assert local.runner == RunnerPin("2.330.0", "ab" * 32)
    assert local.reconcile == 30 * SECOND


# Each case: lines that follow the least file (line 6 is the first of them), and what is said of them.
AFTER = [
    ("slack: {base: https://hooks.slack.com/}", "6:1: slack.webhook: is missing: it must be {env: NAME} or {file: PATH}: a secret never stands in this file"),
    ("slack: {webhook: {env: S}, base: http://hooks.slack.com/}", "6:34: slack.base = 'http://hooks.slack.com/': must be an https address that ends with a slash, such as https://hooks.slack.com/"),
    ("slack: {webhook: {env: S}, base: 'https://hooks.slack.com'}", "6:34: slack.base = 'https://hooks.slack.com': must be an https address that ends with a slash, such as https://hooks.slack.com/"),
    ("costs: {slack: {env: S}}", "6:9: costs.slack: is no key of costs; known here: at, zone, live, bill"),
    ("shortage: 0s", "6:11: shortage = '0s': must be longer than nothing"),
    ("circuit: {zone_types: 1}", "6:23: circuit.zone_types = 1: must be a whole number, 2 or more"),
    ("circuit: {cool_down: 0m}", "6:22: circuit.cool_down = '0m': must be longer than nothing"),
    ("limits: {machines: 0}", "6:20: limits.machines = 0: must be a whole number, 1 or more"),
    ("limits: {machines: many}", "6:20: limits.machines = 'many': must be a whole number, 1 or more"),
    ("limits: {machines: true}", "6:20: limits.machines = true: must be a whole number, 1 or more"),
    ("limits: {machines: 2.5}", "6:20: limits.machines = 2.5: must be a whole number, 1 or more"),
    ("limits: {machines: ~}", "6:20: limits.machines = null: must be a whole number, 1 or more"),
    ("limits:\n  machnies: 4", "7:3: limits.machnies: is no key of limits; did you mean machines?"),
    ("limits: [1]", "6:9: limits = […]: must be a mapping of keys to values"),
    ("limits: {spend_per_day_usd: -1}", "6:29: limits.spend_per_day_usd = -1: must be an amount of US dollars, such as 25 or 12.50"),
    ("limits: {spend_per_day_usd: 12$}", "6:29: limits.spend_per_day_usd = '12$': must be an amount of US dollars, such as 25 or 12.50"),
    ("limits: {spend_per_day_usd: 0.0000001}", "6:29: limits.spend_per_day_usd = 1E-7: is finer than a millionth of a dollar: write 12.50"),
    ("deadlines: {lease: 90}", "6:20: deadlines.lease = 90: must be a duration with its unit, such as 90s, 4m or 1h30m"),
    ("deadlines: {lease: 0s}", "6:20: deadlines.lease = '0s': must be longer than nothing"),
    ("deadlines: {lease: ''}", "6:20: deadlines.lease = '': must be a duration with its unit, such as 90s, 4m or 1h30m"),
    ("deadlines: {lease: 4 m}", "6:20: deadlines.lease = '4 m': must be a duration with its unit, such as 90s, 4m or 1h30m"),
    ("deadlines: {lease: 1:30}", "6:20: deadlines.lease = '1:30': must be a duration with its unit, such as 90s, 4m or 1h30m"),
    ("runners:\n  big: {cpu: 4+2}", "7:14: runners.big.cpu = '4+2': is an empty range: write cpu=2+4"),
    ("runners:\n  big: {cpu: 0}", "7:14: runners.big.cpu = 0: must be a whole number from 1 to 896"),
    ("runners:\n  big: {cpu: 4/arch=arm64}", "7:14: runners.big.cpu = '4/arch=arm64': must be a number of vCPUs such as 4, or a range such as 4+8"),
    ("runners:\n  big: {arch: amd64}", "7:15: runners.big.arch = 'amd64': must be one of x64, arm64"),
    ("runners:\n  big: {family: M7I!}", "7:17: runners.big.family = 'M7I!': must be EC2 families joined by +, such as m7i+c7i or c7*"),
    ("runners:\n  big: {family: [m7i, 4]}", "7:23: runners.big.family[1] = 4: must be an EC2 family such as m7i or c7*"),
    ("runners:\n  big: {disk: 4}", "7:15: runners.big.disk = 4: must be a whole number from 8 to 16384"),
    ("runners:\n  big: {spot: yes}", "7:15: runners.big.spot = 'yes': must be true or false"),
    ("runners:\n  big: {retry: true}", "7:16: runners.big.retry = true: must be one of when-interrupted, false"),
    ("runners:\n  big: {retry: 0}", "7:16: runners.big.retry = 0: must be one of when-interrupted, false"),
    ("runners:\n  big: {pool: w}", "7:9: runners.big.pool: is no key of runners.big; known here: cpu, ram, family, arch, image, disk, spot, retry"),
    ("runners:\n  big: {cpus: 4}", "7:9: runners.big.cpus: is no key of runners.big; did you mean cpu?"),
    ("runners:\n  b b: {cpu: 4}", "7:3: runners.b b: is no name: letters, digits, - and _, at most 63, beginning with a letter or digit"),
    ("runners:\n  big: 4", "7:8: runners.big = 4: must be a mapping such as {cpu: 4, arch: arm64}"),
    ("runners:\n  big: {cpu: 4}\n  BIG: {cpu: 8}", "8:3: runners.BIG: differs from big in case alone, which labels ignore"),
    ("runners:\n  4: {cpu: 4}", "7:3: runners: the key '4' must be a text: put it in quotes"),
    ("aliases: {match: x}", "6:10: aliases = {…}: must be a list of {match: …, runs_on: …}"),
    ("aliases: [{match: x}]", "6:11: aliases[0].runs_on: is missing: it must be a Paddock label such as paddock/cpu=4"),
    ("aliases: [{match: x, runs_on: ubuntu}]", "6:31: aliases[0].runs_on = 'ubuntu': does not name Paddock: write paddock or paddock/cpu=4"),
    ("aliases: [{match: x, runs_on: paddock/cpu=x}]", "6:31: aliases[0].runs_on = 'paddock/cpu=x': cpu=x must be a whole number from 1 to 896"),
    ("aliases: [{match: x, runs_on: paddock/runner=big}]", "6:31: aliases[0].runs_on = 'paddock/runner=big': runner=big is no runner of this fleet: none is configured"),
    ("aliases: [{match: 'UBUNTU-*', runs_on: paddock}]", "6:19: aliases[0].match = 'UBUNTU-*': would claim ubuntu-latest, which GitHub's own runners serve: be narrower"),
    ("local: {listen: 8080}", "6:17: local.listen = 8080: must be host:port, such as 127.0.0.1:8080"),
    ("local: {listen: '300.1.1.1:80'}", "6:17: local.listen = '300.1.1.1:80': 300.1.1.1 is no IP address: write one of this machine's, such as 127.0.0.1:80"),
    ("local: {listen: '[::g]:80'}", "6:17: local.listen = '[::g]:80': must be host:port, such as 127.0.0.1:8080"),
    ("local: {listen: '[:1]:80'}", "6:17: local.listen = '[:1]:80': :1 is no IP address: write one of this machine's, such as 127.0.0.1:80"),
    ("runners:\n  big: {cpu: 800, ram: 2}", "7:3: runners.big = 800 to 1600 vCPU, x64, 2+ GiB, spot: fits no instance type: widen cpu, ram or family"),
    ("runners: {t: {family: t3}}", "6:11: runners.t = 2 to 4 vCPU, x64, t3, spot: fits no instance type: of x64 there are the families c7i, c8i, c7a, c8a, m7i, m8i, m7a, m8a, r7i, r8i, r7a"),
    ("local: {listen: 'h:99999'}", "6:17: local.listen = 'h:99999': has a port above 65535"),
    ("local: {runner: {version: '2.1', sha256: ab}}", "6:27: local.runner.version = '2.1': must be a version such as 2.330.0"),
    ("local: {runner: {version: 2.330.0}}", "6:9: local.runner.sha256: is missing: it must be 64 lower-case hexadecimal digits"),
    ("retry: {max_launches: 0}", "6:23: retry.max_launches = 0: must be a whole number, 1 or more"),
    ("deadlines: {word: 0m}", "6:19: deadlines.word = '0m': must be longer than nothing"),
    ("lokal: {slots: 4}", "6:1: lokal: is no key of this file; did you mean local?"),
    ("zebra: 1", "6:1: zebra: is no key of this file; known here: version, github, limits, runners, pools, aliases, environments, deadlines, retry, circuit, rerun, housekeeping, costs, slack, shortage, local"),
    ("limits: {machines: 4}\nlimits: {vcpu: 4}", "7:1: limits: stands here twice, first on line 6: keep one"),
    ("limits: {machines: 4, machines: 5}", "6:23: limits.machines: stands here twice, first on line 6: keep one"),
    ("limits:\n\tmachines: 4", "7:1: a tab cannot indent YAML: use spaces"),
    ("---\nversion: 1", "6:1: a second document begins here: keep one, without ---"),
    ("limits: {machines: 4", "7:1: is no YAML: expected ',' or '}', but got '<stream end>'"),
    ("limits: *nowhere", "6:9: is no YAML: found undefined alias 'nowhere'"),
    ("limits: &self {machines: *self}", "6:9: limits.machines: an alias cannot stand inside what it names"),
    ("limits: {<<: 4}", "6:14: limits: << takes a mapping or a list of mappings, by alias"),
    ("limits: {machines: !!python/object/apply:os.getcwd []}", "6:20: limits.machines: tags such as tag:yaml.org,2002:python/object/apply:os.getcwd mean nothing here: leave it out"),
    ("limits: {machines: !secret x}", "6:20: limits.machines: tags such as !secret mean nothing here: leave it out"),
    ("limits: {machines: !!int four}", "6:20: limits.machines: 'four' is no int: leave the tag out"),
    ("limits: {[a]: 4}", "6:10: limits: a key must be a word, not a list or a mapping"),
    ("limits: {machines: 99999999999999999999}", "6:20: limits.machines = '99999999999999999999': must be a whole number, 1 or more"),
    ("limits: {machines: 010}", "6:20: limits.machines = '010': must be a whole number, 1 or more"),
    ('local: {state: "a\\0b"}', "6:16: local.state = 'a\\x00b': must be the path of a folder"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "problem"), AFTER, ids=range(len(AFTER)))
def test_one_mistake_is_told_once_with_its_place(file: Path, lines: str, problem: str) -> None:
    """Each mistake in an otherwise good file gives one line: place, field, value, and what would be right."""
    assert said(file, LEAST + lines + "\n")[:1] == [problem]
    if "2.1" not in lines:  # that one has two mistakes
        assert len(validate(file)) == 1


# Each case: a whole file and all that is said of it.
WHOLE = [
    ("", ["1:1: is empty: begin with version: 1 and github:"]),
    ("# nothing\n", ["1:1: is empty: begin with version: 1 and github:"]),
    ("just words", ["1:1: 'just words': must be a mapping: version, github, …"]),
    ("[]", ["1:1: […]: must be a mapping: version, github, …"]),
    ("version: 1", ["1:1: github: is missing: it must be a mapping: webhook_secret, app or token, repositories"]),
    ("version: 2\nwhat: ever", ["1:10: version = 2: this Paddock reads versions 0 and 1: upgrade it"]),
    ("version: '1'", ["1:10: version = '1': this Paddock reads versions 0 and 1: write version: 1"]),
    ("version: true", ["1:10: version = true: this Paddock reads versions 0 and 1: write version: 1"]),
    (
        "version: 1\ngithub: {}",
        [
            "2:1: github: must have exactly one of app and token: here is none; app must be {id: …, private_key: {file: …}}, or token must be {env: NAME} or {file: PATH}: a secret never stands in this file",
            "2:1: github.repositories: is missing: it must be a list of at least one owner/name, globs allowed: [octo-org/*]",
            "2:1: github.webhook_secret: is missing: it must be {env: NAME} or {file: PATH}: a secret never stands in this file",
        ],
    ),
    (
        LEAST.replace("octo-org/*", "octo-org, '*', a/b/c"),
        [
            "5:18: github.repositories[0] = 'octo-org': must be owner/name, globs allowed, such as octo-org/*",
            "5:28: github.repositories[1] = '*': must be owner/name, globs allowed, such as octo-org/*",
            "5:33: github.repositories[2] = 'a/b/c': must be owner/name, globs allowed, such as octo-org/*",
        ],
    ),
    (LEAST.replace("[octo-org/*]", "[]"), ["5:17: github.repositories = […]: must be a list of at least one owner/name, globs allowed: [octo-org/*]"]),
    (LEAST + "  app: {id: 1, private_key: {env: KEY}}", ["2:1: github: must have exactly one of app and token: here are app and token, so leave out all but one"]),
    ("version: 1\ngithub: 7", ["2:9: github = 7: must be a mapping: webhook_secret, app or token, repositories"]),
    (LEAST + "  url: http://github.example.com", ["6:8: github.url = 'http://github.example.com': must be https: http would send credentials in the clear (allowed on loopback)"]),
    (LEAST + "  hooks: [{target: octo/*, id: 1}]", ["6:20: github.hooks[0].target = 'octo/*': must be owner/name or an organisation"]),
    (LEAST + "  forks: maybe", ["6:10: github.forks = 'maybe': must be one of refuse, allow"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problems"), WHOLE, ids=range(len(WHOLE)))
def test_a_whole_file_gets_all_its_problems_at_once(file: Path, text: str, problems: list[str]) -> None:
    """All mistakes are told together, in the order of the file."""
    assert said(file, text) == problems


SECRET = "must be {env: NAME} or {file: PATH}: a secret never stands in this file"


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("  token: ghp_hush", f"3:10: github.token: {SECRET}"),
        ("  token: [ghp_hush]", f"3:10: github.token: {SECRET}"),
        ("  token: {value: ghp_hush}", f"3:11: github.token.value: is no key of github.token; {SECRET}"),
        ("  token: {env: A, file: ghp_hush}", f"3:10: github.token: {SECRET}"),
        ("  token: {env: ghp-hush}", "3:16: github.token.env: must be the name of an environment variable, such as PADDOCK_TOKEN"),
        ("  tokne: ghp_hush", "3:3: github.tokne: is no key of github; did you mean token?"),
        ("  app: ghp_hush", "3:8: github.app: must be {id: …, private_key: {file: …}}"),
        ("  app: {id: 1, private_key: ghp_hush}", f"3:29: github.app.private_key: {SECRET}"),
        ("  app: {id: 1, privat_key: ghp_hush}", "3:16: github.app.privat_key: is no key of github.app; did you mean private_key?"),
        ("  webhook_secret: ghp_hush", f"3:19: github.webhook_secret: {SECRET}"),
        ("  webhook_secret: [{env: A}, ghp_hush]", f"3:30: github.webhook_secret[1]: {SECRET}"),
        ("  webhook_secret: {fil: ghp_hush}", "3:20: github.webhook_secret.fil: is no key of github.webhook_secret; did you mean file?"),
    ],
)  # fmt: skip
def test_a_secret_in_the_file_is_refused_and_never_repeated(file: Path, lines: str, problem: str) -> None:
    """Whoever writes a secret into the file, rightly spelled or not, does not find it in an error or a log as well."""
    told = said(file, f"version: 1\ngithub:\n{lines}\n")
    assert problem in told
    with pytest.raises(InvalidConfig) as caught:
        load(file)
    assert "hush" not in repr(caught.value) + str(caught.value) + repr(caught.value.problems)


def test_load_raises_every_problem(file: Path) -> None:
    """The error is an `InvalidInput` whose text has one line per problem."""
    file.write_text(LEAST + "limits: {machines: 0, vcpu: x}\n", encoding="utf-8")
    with pytest.raises(InvalidConfig) as caught:
        load(file)
    assert isinstance(caught.value, InvalidInput)
    assert str(caught.value).splitlines() == [problem.text for problem in validate(file)]
    assert [problem.line for problem in caught.value.problems] == [6, 6]
    assert caught.value.field == "limits.machines"


def test_files_that_cannot_be_read_say_why(file: Path) -> None:
    """No file, a folder, bytes that are no text: each has its own sentence."""
    assert [p.remedy for p in validate(file)] == [
        "there is no such file: `paddock config example` prints one to start from"
    ]
    assert [p.remedy for p in validate(file.parent)] == ["is a folder: name the file in it"]
    file.write_bytes(b"version: 1\n\xff")
    assert [p.remedy for p in validate(file)] == ["is not UTF-8 (byte 12): save it as UTF-8"]
    file.write_bytes(b"version: 1\na: \x01\n")
    assert [p.text for p in validate(file)] == [f"{file}:2:4: holds a control character (code 1): remove it"]
    assert [p.remedy for p in validate("a\0b")] == ["cannot be read: embedded null byte"]


def test_a_byte_order_mark_is_no_mistake(file: Path) -> None:
    """Editors of the other world begin a file with one."""
    file.write_bytes(b"\xef\xbb\xbf" + LEAST.encode())
    assert validate(file) == []


@pytest.mark.parametrize("bomb", ["lists", "merges", "depth", "length"])
def test_files_made_to_exhaust_the_reader_are_refused(file: Path, bomb: str) -> None:
    """Aliases of aliases, merges of merges, endless nesting and sheer size end in one problem, not in a full memory."""
    if bomb == "lists":
        text = "a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [{f'*a{n}, ' * 9}]\n" for n in range(12))
    elif bomb == "merges":
        text = "a0: &a0 {x: 1}\n" + "".join(f"a{n + 1}: &a{n + 1} {{<<: [{f'*a{n}, ' * 9}]}}\n" for n in range(12))
    else:
        text = "[" * 5_000 if bomb == "depth" else "# " + "x" * 1_000_001
    file.write_text(text, encoding="utf-8")
    (problem,) = validate(file)
    assert any(word in problem.remedy for word in ("more than", "too deeply"))


def test_the_draft_of_the_format_is_still_read(file: Path) -> None:
    """Version 0 had no version, said allow for repositories and spend_per_day for dollars. Errors keep their places."""
    draft = LEAST.replace("version: 1\n", "").replace("repositories", "allow") + "limits: {spend_per_day: '7.25'}\n"
    file.write_text(draft, encoding="utf-8")
    config = load(file)
    assert config.settings.repositories == ("octo-org/*",)
    assert config.settings.limits.spend_per_day == 7_250_000
    told = said(file, draft.replace("octo-org/*", "octo-org").replace("7.25", "much"))
    assert [line.split(": ")[0] for line in told] == ["4:11", "5:25"]
    assert said(file, "version: 0\n" + draft) == []
    assert said(file, "version: 1\n" + draft)[0].startswith("2:1: github.repositories: is missing")


def test_a_draft_that_says_both_words_keeps_the_new_one_and_names_the_old(file: Path) -> None:
    """Nothing is dropped in silence."""
    assert said(file, LEAST.replace("version: 1\n", "") + "  allow: [a/b]\n") == [
        "5:3: github.allow: is no key of github; known here: url, webhook_secret, app, token, scope, runner_group, repositories, forks, cancel_run_on_reject, registration_tokens, hooks"
    ]


def test_secrets_are_read_when_asked_for(file: Path, tmp_path: Path) -> None:
    """A reference gives the variable's or the file's text without its line end, and says what is missing."""
    (tmp_path / "key").write_text("-----BEGIN\nKEY-----\n", encoding="utf-8")
    file.write_text(LEAST.replace("{env: TOKEN}", "{file: key}"), encoding="utf-8")
    github = load(file).github
    assert [secret.read({"HOOK": "hush\n"}) for secret in github.secrets] == ["hush", "-----BEGIN\nKEY-----"]
    with pytest.raises(InvalidInput, match=r"github.webhook_secret = '{env: HOOK}': .* no such variable: export HOOK"):
        github.webhook_secrets[0].read({})
    with pytest.raises(InvalidInput, match="the variable is empty"):
        github.webhook_secrets[0].read({"HOOK": " \n"})


def test_validate_looks_for_the_secrets_if_it_is_given_an_environment(file: Path, tmp_path: Path) -> None:
    """Missing variables and files are problems at the line that names them."""
    file.write_text(LEAST.replace("{env: TOKEN}", "{file: key}"), encoding="utf-8")
    assert validate(file) == []
    assert [problem.text.removeprefix(f"{file}:") for problem in validate(file, {})] == [
        "3:19: github.webhook_secret = {env: HOOK}: the environment has no such variable: export HOOK=…",
        (
            f"4:10: github.token = {{file: {tmp_path / 'key'}}}: there is no such file: write the secret into it, "
            "or name another"
        ),
    ]
    (tmp_path / "key").mkdir()
    assert validate(file, {"HOOK": "x"})[0].remedy.startswith("cannot be read (IsADirectoryError)")
    (tmp_path / "key").rmdir()
    (tmp_path / "key").write_bytes(b"\xff")
    assert validate(file, {"HOOK": "x"})[0].remedy.startswith("cannot be read (UnicodeDecodeError)")
    (tmp_path / "key").write_text("\n", encoding="utf-8")
    assert validate(file, {"HOOK": "x"})[0].remedy == "the file is empty: write the secret into it"
    (tmp_path / "key").write_text("k", encoding="utf-8")
    assert validate(file, {"HOOK": "x"}) == []


@pytest.mark.parametrize("url", ["github.com", "http://github.example.com", "https://api.github.com"])
def test_a_wrong_address_of_github_is_told_once(file: Path, url: str) -> None:
    """Also where the secrets are looked at, which the same part of the file names."""
    file.write_text(f"{LEAST}  url: {url}\n", encoding="utf-8")
    assert [each.field for each in validate(file, dict.fromkeys(("HOOK", "TOKEN"), "x"))] == ["github.url"]


def test_validate_looks_at_the_key_of_an_app(file: Path) -> None:
    """One that signs nothing is told with where it is; of its text nothing is repeated."""
    app = "app: {id: 1, private_key: {file: key.pem}}"
    file.write_text(LEAST.replace("token: {env: TOKEN}", app), encoding="utf-8")
    for text, why in (
        ("notapem", "this cannot be read as one"),
        (short_key(), "it has 1024 bits, and RS256 needs 2048"),
    ):
        (file.parent / "key.pem").write_text(text, encoding="utf-8")
        (told,) = validate(file, {"HOOK": "x"})
        assert told.text == (
            f"{file}:4:29: github.app.private_key = {{file: {file.parent / 'key.pem'}}}: must be the App's RSA private key "
            f"in PEM (-----BEGIN RSA PRIVATE KEY----- …): {why}"
        )
    (file.parent / "key.pem").write_text(key_pair()[0], encoding="utf-8")
    assert validate(file, {"HOOK": "x"}) == []


def short_key() -> str:
    """A key that GitHub never made."""
    key = rsa.generate_private_key(65537, 1024)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def test_validate_looks_at_the_address_of_a_channel_too(file: Path) -> None:
    """That it is there, and begins as it must; it is not repeated."""
    file.write_text(LEAST + "slack: {webhook: {env: SLACK}}\n", encoding="utf-8")
    told = dict.fromkeys(("HOOK", "TOKEN"), "x")
    good, bad = "https://hooks.slack.com/services/hush", "https://example.com/hush"
    for environ, value, remedy in (
        (told, "{env: SLACK}", "the environment has no such variable"),
        ({**told, "SLACK": bad}, "(a secret of 24 characters)", "must be the address of an incoming webhook"),
    ):
        (found,) = [each for each in validate(file, environ) if each.field == "slack.webhook"]
        assert (found.line, found.value) == (6, value)
        assert found.remedy.startswith(remedy)
        assert "hush" not in str(found)
    assert [each for each in validate(file, {**told, "SLACK": good}) if each.field == "slack.webhook"] == []


def test_secrets_do_not_show_in_the_values(file: Path) -> None:
    """Printing the whole configuration prints no secret: it holds none."""
    (file.parent / "key").write_text("hush", encoding="utf-8")
    file.write_text(LEAST.replace("{env: TOKEN}", "{file: key}"), encoding="utf-8")
    config = load(file)
    assert config.github.secrets[1].read({}) == "hush"
    assert "hush" not in repr(config)


@given(cents=st.integers(min_value=0, max_value=10**15))
@example(10)  # 0.1 has no binary fraction
def test_money_is_exact_to_the_micro_dollar(tmp_path_factory: pytest.TempPathFactory, cents: int) -> None:
    """Whatever amount is written, as a number or as text, arrives without a rounding."""
    file = tmp_path_factory.getbasetemp() / "money.yml"
    amount = format(Decimal(cents) / 1_000_000, "f")
    for written in (amount, f"'{amount}'"):
        file.write_text(LEAST + f"limits: {{spend_per_day_usd: {written}}}\n", encoding="utf-8")
        assert load(file).settings.limits.spend_per_day == cents


WORDS = st.sampled_from(
    """version github webhook_secret token app id private_key env file webhook base repositories limits machines spend_per_day_usd runners
    big cpu family retry aliases match runs_on deadlines lease word local listen runner sha256 state pools web
    machine hot stopped windows name from to 08:00 24:00 zone UTC bounds least most auto max_age 1 0 -3 2.5 4m ~
    true x/y <<""".split()  # noqa: SIM905 - a list of sixty words would fill a page
)
VALUES: st.SearchStrategy[object] = st.recursive(
    WORDS | st.integers() | st.booleans() | st.none() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
SECTIONS = st.sampled_from(
    ["github", "limits", "runners", "pools", "aliases", "deadlines", "retry", "slack", "local", "version", "zebra"]
)


def as_yaml(value: object) -> str:
    """Any plain value as YAML's flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_yaml(key)}: {as_yaml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_yaml, value)) + "]"
    return {None: "null", True: "true", False: "false"}.get(value, str(value)) if type(value) is not str else value  # type: ignore[call-overload]


@given(st.one_of(st.text(), st.dictionaries(SECTIONS, VALUES, max_size=5).map(as_yaml)))
@example("? a\n: b")
@example("&a [*a]")
@example("version: 1\ngithub: {webhook_secret: {env: A}, token: {env: B}, repositories: [a/b], url: 'https://['}")
@example("local: {listen: 'h:99999'}")
@example("!!binary x")
@example("- &a {<<: [*a]}")
def test_nothing_but_its_own_error_ever_comes_out(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Any text is either a configuration or a list of problems, each with a place inside the file."""
    file = tmp_path_factory.getbasetemp() / "any.yml"
    file.write_bytes(text.encode("utf-8", "replace"))
    problems = validate(file, {})
    for problem in problems:
        assert problem.line >= 1
        assert problem.column >= 1
        assert (
            problem.line
            <= text.count("\n")
            + text.count("\r")
            + text.count("\x85")
            + text.count("\u2028")
            + text.count("\u2029")
            + 2
        )
        assert problem.remedy
    assert problems == sorted(problems, key=lambda problem: (problem.line, problem.column, problem.field))
    if validate(file):
        with pytest.raises(InvalidConfig):
            load(file)
    else:
        load(file)


@given(
    section=SECTIONS,
    value=VALUES,
)
def test_what_the_schema_refuses_the_loader_refuses(
    tmp_path_factory: pytest.TempPathFactory, section: str, value: object
) -> None:
    """An editor that checks against the published schema never marks what the loader takes."""
    file = tmp_path_factory.getbasetemp() / "schema.yml"
    text = LEAST + (f"{section}: {as_yaml(value)}\n" if section not in {"version", "github"} else "")
    file.write_text(text, encoding="utf-8")
    if not validate(file):
        from paddock.adapters.config.tree import parse  # noqa: PLC0415 - the one test that looks inside

        assert breaches("config", parse(text, "x").data) == []


def test_home_folders_are_understood(file: Path) -> None:
    """A path may begin with a tilde, as in a shell."""
    file.write_text(LEAST + "local: {state: ~/fleet}\n", encoding="utf-8")
    assert load(file).local.state == Path(os.path.realpath(Path.home() / "fleet"))


def test_the_shipped_example_is_right_and_so_is_what_it_comments_out(file: Path) -> None:
    """`paddock config example` prints a file that loads as it is, and every commented setting is a real one."""
    example = example_config()
    assert said(file, example) == []
    settings = re.sub(r"^( *)# (?!event:)(?=[a-z_]+:( |$)|  )", r"\1", example, flags=re.MULTILINE)
    settings = re.sub(r"^  token:.*\n", "", settings, flags=re.MULTILINE)  # it goes instead of app, not with it
    settings = settings.replace('"…"', '"' + "ab" * 32 + '"')
    assert said(file, settings) == []
    schema = json.loads(schema_text("config"))
    for section, node in schema["properties"].items():
        assert re.search(rf"^(# )?{section}:", example, re.MULTILINE), section
        for key in node.get("properties", {}):
            assert re.search(rf"(\b|# ){key}:", example), f"{section}.{key}"

"""stack.yml and the commands that ask nobody: what an environment sets, what it costs, what is packed."""

import hashlib
import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import attrs
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.aws.stack import body
from paddock.adapters.config import InvalidConfig
from paddock.contracts import example_config
from paddock.core.errors import InvalidInput
from paddock.core.spec import Arch
from paddock.core.units import DOLLAR, MINUTE
from paddock.entrypoints.aws_stack.making import make_packages
from paddock.entrypoints.aws_stack.offline import offline, offline_shape
from paddock.entrypoints.aws_stack.packages import FILES, packages
from paddock.entrypoints.aws_stack.settings import ENVIRONMENT, StackSettings, stack_settings
from paddock.entrypoints.cli.app import main
from tests.wide import wide

PROD: dict[str, Any] = {
    "region": "eu-central-1",
    "zones": ["eu-central-1a", "eu-central-1b"],
    "private": True,
    "images": [{"arch": "x64"}, {"arch": "arm64", "name": "gpu", "source": "ami-0123456789abcdef0", "baked": True}],
    "egress": [443],
    "tags": {"team": "ci"},
    "machine_policies": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
    "permissions_boundary": "arn:aws:iam::123456789012:policy/boundary",
    "sudo": False,
    "watch": False,
    "email": "ci@example.com",
    "report_email": "money@example.com",
    "budget_usd": 200,
    "runbook": "https://git.example.com/ci/docs/runbook",
    "alarms": {"wait_minutes": 10, "usd_per_hour": 20},
    "log_days": 90,
    "diagnosis_days": 7,
    "archive_days": 800,
}
NETWORK: dict[str, Any] = {"vpc": "vpc-0123456789abcdef0", "subnets": ["subnet-0123456789abcdef0"]}


def written(home: Path, data: object) -> Path:
    """A stack.yml."""
    file = home / "stack.yml"
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    return file


def paddock(*words: str) -> tuple[int, str, str]:
    """Call the command: its exit code, what it said, what it complained of."""
    with wide(), redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = main(["stack", *words])
    return code, out.getvalue(), err.getvalue()


def test_without_a_file_everything_has_its_default() -> None:
    """Only prod is protected by itself."""
    dev, prod = stack_settings("dev", None), stack_settings("prod", None)
    assert (dev.stack, dev.protect, prod.protect) == ("paddock-dev", False, True)
    assert [image.arch for image in dev.images] == list(Arch)


def test_an_environment_has_the_defaults_and_its_own(tmp_path: Path) -> None:
    """Its own go before; every setting that there is can be set, and becomes part of the template's shape."""
    file = written(
        tmp_path,
        {
            "version": 1,
            "defaults": {"log_days": 7, "email": "all@example.com"},
            "environments": {"dev": None, "prod": PROD},
        },
    )
    dev, prod = stack_settings("dev", file), stack_settings("prod", file)
    assert (dev.log_days, dev.email, dev.private) == (7, "all@example.com", False)
    assert (prod.log_days, prod.email, prod.protect) == (90, "ci@example.com", True)
    shape = offline_shape(prod)
    assert [zone.name for zone in shape.zones] == PROD["zones"]
    assert [image.id for image in shape.images] == ["x64", "arm64-gpu"]
    assert (shape.private, shape.egress, dict(shape.tags)) == (True, (443,), {"team": "ci"})
    assert shape.machine_policies == tuple(PROD["machine_policies"])
    assert prod.permissions_boundary == PROD["permissions_boundary"]
    assert (prod.watch, dev.watch) == (False, True)
    assert (prod.reported_to, dev.reported_to) == ("money@example.com", "all@example.com")
    assert attrs.evolve(prod, report_email="nobody").reported_to == ""
    assert (shape.targets.wait, shape.targets.cost_per_hour) == (10 * MINUTE, 20 * DOLLAR)
    assert shape.runbook == "https://git.example.com/ci/docs/runbook"
    watched = json.dumps(offline(attrs.evolve(prod, watch=True)))
    assert "CostPerHour" in watched
    assert f"{shape.runbook}/budget.md" in watched
    assert (prod.sudo, prod.budget_usd, prod.diagnosis_days, prod.archive_days) == (False, 200, 7, 800)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"version": 2}, "version"),
        ({"more": 1}, "more"),
        ({"environments": []}, "environments"),
        ({"defaults": {"zone": "x"}}, "defaults.zone"),
        *(
            ({"environments": {"dev": own}}, f"environments.dev.{field}")
            for own, field in (
                ({"colour": "red"}, "colour"),
                ({"region": "Frankfurt"}, "region"),
                ({"zones": "eu-west-1a"}, "zones"),
                ({"zones": [1]}, "zones[0]"),
                ({"private": "yes"}, "private"),
                ({"images": [{"arch": "mips"}]}, "images[0].arch"),
                ({"images": [{"arch": "x64", "size": 1}]}, "images[0].size"),
                ({"images": [{"arch": "x64", "baked": "no"}]}, "images[0].baked"),
                ({"egress": [0]}, "egress[0]"),
                ({"egress": [True]}, "egress[0]"),
                ({"tags": {"team": 1}}, "tags.team"),
                ({"permissions_boundary": "boundary"}, "permissions_boundary"),
                ({"email": "nobody"}, "email"),
                ({"report_email": "no-one"}, "report_email"),
                ({"runbook": "docs/runbook"}, "runbook"),
                ({"runbook": "https://git.example.com/runbook/"}, "runbook"),
                ({"alarms": {"wait": 5}}, "alarms.wait"),
                ({"alarms": {"wait_minutes": 0}}, "alarms.wait_minutes"),
                ({"budget_usd": 1.5}, "budget_usd"),
                ({"vpc": "vpc-1"}, "vpc"),
                ({"vpc": NETWORK["vpc"]}, "subnets"),
                ({"vpc": NETWORK["vpc"], "subnets": []}, "subnets"),
                ({"subnets": NETWORK["subnets"]}, "vpc"),
                ({**NETWORK, "subnets": ["subnet-x"]}, "subnets[0]"),
                ({**NETWORK, "subnets": [*NETWORK["subnets"] * 2]}, "subnets[1]"),
                ({**NETWORK, "private": True}, "private"),
                ({"zones": [f"eu-west-1{each}" for each in "abcdefg"]}, "zones"),
                ({"zones": ["eu-west-1"]}, "zones[0]"),
                ({"images": []}, "images"),
                ({"images": [{"arch": "x64"}, {"arch": "x64"}]}, "images"),
                ({"images": [{"arch": "x64"}, {"arch": "x64", "source": "ami-12345678"}]}, "images"),
                ({"images": [{"name": "gpu"}]}, "images[0].arch"),
                ({"images": [{"arch": "x64", "source": "ubuntu"}]}, "images[0].source"),
                ({"egress": [70000]}, "egress[0]"),
                ({"tags": {"aws:team": "ci"}}, "tags.aws:team"),
                ({"machine_policies": ["admin"]}, "machine_policies[0]"),
                ({"budget_usd": -1}, "budget_usd"),
                ({"log_days": 31}, "log_days"),
                ({"archive_days": 0}, "archive_days"),
            )
        ),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, change: dict[str, Any], field: str) -> None:
    """By its place in the file, its value and what would be right."""
    file = written(tmp_path, {"version": 1, "environments": {"dev": {}}, **change})
    with pytest.raises(InvalidInput) as refused:
        stack_settings("dev", file)
    assert isinstance(refused.value, InvalidConfig)
    (problem,) = refused.value.problems
    assert problem.field.endswith(field)
    assert re.match(rf"{file}:\d+:\d+: ", str(refused.value))


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """A line for each, in the file's order, with its place; what is missing where it is missing from."""
    file = tmp_path / "stack.yml"
    file.write_text(
        f"""\
defaults:
  colour: red
  log_days: 31
environments:
  dev:
    egress: [443, 0]
    vpc: {NETWORK["vpc"]}
    tags: {{team: 1}}
  prod: {{}}
""",
        encoding="utf-8",
    )
    days = "1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827"
    code, out, err = paddock("cost", "--settings", str(file))
    assert (code, out) == (1, "")
    first, second, third, fourth, fifth, sixth = err.removeprefix("paddock: ").replace(f"{file}:", "").splitlines()
    assert first == "1:1: version: is missing: it must be 1"
    assert second.startswith("2:3: defaults.colour: is no key of defaults; known here: alarms, ")
    assert third == f"3:13: defaults.log_days = 31: must be one of {days}"
    assert fourth == (
        f"5:3: environments.dev.subnets: is missing: name the subnets of {NETWORK['vpc']} that machines may stand in, "
        "one of each zone"
    )
    assert fifth == "6:19: environments.dev.egress[1] = 0: must be a whole number, at least 1 and at most 65535"
    assert sixth.startswith("8:18: environments.dev.tags.team = 1: must be letters, digits and")


def test_a_network_can_be_had_back_from_the_defaults(tmp_path: Path) -> None:
    """An environment says that it has none of its own; its two halves may stand in two places."""
    parts = {"defaults": NETWORK, "environments": {"dev": {"vpc": "", "subnets": []}, "prod": {}}}
    file = written(tmp_path, {"version": 1, **parts})
    assert (stack_settings("dev", file).vpc, stack_settings("dev", file).subnets) == ("", ())
    assert stack_settings("prod", file).subnets == tuple(NETWORK["subnets"])
    halves = {"defaults": {"vpc": NETWORK["vpc"]}, "environments": {"dev": {"subnets": NETWORK["subnets"]}}}
    assert stack_settings("dev", written(tmp_path, {"version": 1, **halves})).vpc == NETWORK["vpc"]


def test_a_key_that_is_nearly_right_names_the_right_one(tmp_path: Path) -> None:
    """And one that is nothing like any has the list."""
    with pytest.raises(
        InvalidInput, match=r"stack\.yml:2:3: defaults\.zone: is no key of defaults; did you mean zones\?"
    ):
        stack_settings("dev", written(tmp_path, {"version": 1, "defaults": {"zone": "x"}, "environments": {"dev": {}}}))


def test_a_key_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    """With both places: neither silently wins, wherever in the file it is."""
    file = tmp_path / "stack.yml"
    file.write_text("version: 1\nenvironments:\n  dev:\n    log_days: 7\n    log_days: 30\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"stack\.yml:5:5: environments\.dev\.log_days: .* on line 4: keep one"):
        stack_settings("dev", file)
    file.write_text("version: 1\nenvironments: {dev: {budget_usd: 1.5}}\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"budget_usd = 1\.5: must be a whole number"):
        stack_settings("dev", file)


@pytest.mark.parametrize("text", ["", "[", "just words", "\x00"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    """Whatever stands in it."""
    file = tmp_path / "stack.yml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput) as refused:
        stack_settings("dev", file)
    assert "stack.yml" in str(refused.value)
    assert "github" not in str(refused.value), "that is another file's"


def test_an_environment_that_the_file_lacks_is_refused(tmp_path: Path) -> None:
    """A typing error must not make a new one."""
    file = written(tmp_path, {"version": 1, "environments": {"dev": {}, "prod": {}}})
    with pytest.raises(InvalidInput, match="which has dev, prod"):
        stack_settings("pord", file)
    with pytest.raises(InvalidInput, match="there is no such file"):
        stack_settings("dev", tmp_path / "other.yml")


@given(name=st.text(alphabet="abz09-_A.", max_size=20))
def test_a_name_fits_into_the_longest_bucket(name: str) -> None:
    """Names that are taken give buckets that S3 takes, in every region and account; others are refused."""
    try:
        settings = stack_settings(name, None)
    except InvalidInput:
        assert not ENVIRONMENT.fullmatch(name)
        return
    bucket = f"{settings.stack}-archive-123456789012-ap-southeast-5"
    assert len(bucket) <= 63
    assert "--" not in bucket
    assert not settings.stack.endswith("-")


def test_the_settings_of_the_page_are_those_that_are_read() -> None:
    """Each has its row in docs/deploying.md, and the example there is one that is taken."""
    page = (Path(__file__).parents[3] / "docs/deploying.md").read_text(encoding="utf-8")
    section = page.split("\n## Environments\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \|", section, re.MULTILINE)
    told = [name for row in rows for name in row.replace("`", "").split(", ")]
    assert sorted(told) == sorted(each.name for each in attrs.fields(StackSettings) if each.name != "environment")


def test_the_pages_example_is_taken(tmp_path: Path) -> None:
    """As it stands."""
    page = (Path(__file__).parents[3] / "docs/deploying.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    file = tmp_path / "stack.yml"
    file.write_text(example, encoding="utf-8")
    assert stack_settings("prod", file).budget_usd == 200
    assert stack_settings("dev", file).tags == {"team": "ci"}


def test_a_package_is_named_by_what_is_in_it(tmp_path: Path) -> None:
    """Other bytes lie elsewhere, so nothing that runs is overwritten; one that is missing says how it is built."""
    for name in ("paddock-webhook.zip", "paddock-functions.zip"):
        (tmp_path / name).write_bytes(name.encode())
    code, _, err = paddock("package", "--no-make", "--build", str(tmp_path))
    assert code == 1
    assert "paddock-agent.pyz" in err
    (tmp_path / "paddock-agent.pyz").write_bytes(b"agent")
    found = packages(tmp_path)
    digest = hashlib.sha256(b"paddock-webhook.zip").hexdigest()
    assert found["paddock-webhook.zip"].key == f"bundles/{digest}/paddock-webhook.zip"
    code, out, err = paddock("package", "--no-make", "--build", str(tmp_path))
    assert (code, err) == (0, "")
    assert [line.split()[1:3] for line in out.splitlines()] == [["19", "bytes"], ["21", "bytes"], ["5", "bytes"]]
    assert digest in out


@pytest.mark.parametrize("command", ["diff", "deploy"])
def test_what_was_left_of_the_example_is_told(tmp_path: Path, command: str) -> None:
    """With its line and what to write instead: a comparison goes on, a deployment does not."""
    config = tmp_path / "paddock.yml"
    words = (command, "--env", "dev", "--config", str(config), "--build", str(tmp_path))
    config.write_text(example_config(), encoding="utf-8")
    told = paddock(*words)[2].splitlines()
    assert [line.partition(f"{config}:")[0] for line in told[:2]] == (
        ["warning: ", "warning: "] if command == "diff" else ["paddock: ", ""]
    )
    assert "github.repositories[0] = 'octo-org/*': is the example's: write your organisation" in told[1]
    assert [any(name in line for name in FILES) for line in told[2:]] == ([True] if command == "diff" else [])
    config.write_text(example_config().replace("octo-org/*", "acme/*"), encoding="utf-8")
    if command == "deploy":
        first, second = paddock(*words, "--no-secrets")[2].splitlines()
        assert "warning: " in first, "the App is made once its webhooks have a stack to go to"
        assert "github.app.id = 123456: is the example's" in first
        assert any(name in second for name in FILES)
        assert "github.app.id = 123456: is the example's" in paddock(*words)[2]
    config.write_text(example_config().replace("123456", "99").replace("octo-org/*", "acme/*"), encoding="utf-8")
    (refused,) = paddock(*words)[2].splitlines()
    assert any(name in refused for name in FILES), "packages come next"


def test_nothing_is_built_but_in_a_checkout(tmp_path: Path) -> None:
    """The bundles are made of sources, which an installed Paddock does not have all of."""
    with pytest.raises(InvalidInput, match="must be a checkout"):
        make_packages(tmp_path)


def test_the_template_can_be_read_by_anybody(tmp_path: Path) -> None:
    """Without asking AWS; it is the one that would be deployed where the zones are these."""
    file = written(tmp_path, {"version": 1, "environments": {"prod": PROD}})
    code, out, err = paddock("template", "--env", "prod", "--settings", str(file))
    assert (code, err) == (0, "")
    assert out == body(offline(stack_settings("prod", file)))
    assert json.loads(out)["Resources"]["Nat"]["Type"] == "AWS::EC2::NatGateway"


def test_the_cost_is_told_with_its_reasons(tmp_path: Path) -> None:
    """A table of what costs what, the sum, where the prices come from, and on request what is assumed."""
    code, out, err = paddock("cost")
    assert (code, err) == (0, "")
    assert "a month without a job" in out
    assert "secrets, a month" in out
    assert "Prices of us-east-1" in out
    assert "pollers" not in out
    assert "pollers = 5" in paddock("cost", "--why")[1]
    file = written(tmp_path, {"version": 1, "environments": {"prod": PROD}})
    assert "hours of a NAT gateway" in paddock("cost", "--env", "prod", "--settings", str(file))[1]
    file = written(tmp_path, {"version": 1, "environments": {"prod": NETWORK}})
    assert "NAT" not in paddock("cost", "--env", "prod", "--settings", str(file))[1]

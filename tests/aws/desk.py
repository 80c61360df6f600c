"""An operator's directory and account: `paddock stack` is called there, against a moto server."""

import io
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import attrs
import boto3

from paddock.entrypoints.aws_stack import destroy
from paddock.entrypoints.cli.app import main
from tests.aws.judge import REGION
from tests.aws.machine import moto
from tests.aws.moto_types import forget, whole_change_sets
from tests.wide import wide

CONFIG = """
version: 1
github:
  webhook_secret: {env: HOOK_SECRET}
  token: {env: GITHUB_TOKEN}
  repositories: [acme/*]
limits: {machines: 20}
aliases: [{match: "linux-*", runs_on: paddock/cpu=4}]
"""
SECRETS = {"HOOK_SECRET": "what GitHub signs with", "GITHUB_TOKEN": "a token"}


@attrs.frozen
class Desk:
    """An operator's directory and account."""

    home: Path
    url: str

    def client(self, service: str) -> Any:  # noqa: ANN401 - botocore makes the classes of clients as it runs
        """A client of the account."""
        made: Any = boto3.session.Session().client
        return made(service, region_name=REGION, endpoint_url=self.url)

    def paddock(self, *words: str) -> tuple[int, str, str]:
        """Call ``paddock stack``: its exit code, what it said, what it complained of."""
        return self.called("stack", *words)

    def called(self, *words: str, columns: int = 1_000) -> tuple[int, str, str]:
        """Call any command of `paddock`, as above, on a terminal of so many columns."""
        with wide(columns), redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            code = main(list(words))
        return code, out.getvalue(), err.getvalue()

    def share_network(self) -> None:
        """Let both environments stand in a network that there is: moto cannot delete one that it made for a stack."""
        subnets = self.client("ec2").describe_subnets()["Subnets"]
        network = {"vpc": subnets[0]["VpcId"], "subnets": [subnet["SubnetId"] for subnet in subnets[:2]]}
        settings = json.loads((self.home / "stack.yml").read_text(encoding="utf-8"))
        settings["defaults"] |= network
        (self.home / "stack.yml").write_text(json.dumps(settings), encoding="utf-8")

    def deploy(self, env: str, *words: str) -> str:
        """Deploy without being asked; what was said."""
        code, out, err = self.paddock("deploy", "--env", env, "--yes", *words)
        assert (code, err) == (0, "")
        return out

    def variables(self, env: str, function: str) -> Mapping[str, str]:
        """What a function is given, with what Lambda adds."""
        found = self.client("lambda").get_function_configuration(FunctionName=f"paddock-{env}-{function}")
        return {**found["Environment"]["Variables"], "AWS_REGION": REGION}

    def outputs(self, env: str) -> dict[str, str]:
        """The stack's outputs."""
        (stack,) = self.client("cloudformation").describe_stacks(StackName=f"paddock-{env}")["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    def parameters(self, env: str) -> dict[str, str]:
        """The stack's parameters."""
        (stack,) = self.client("cloudformation").describe_stacks(StackName=f"paddock-{env}")["Stacks"]
        return {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}

    def content(self, bucket: str, key: str) -> bytes:
        """What is in an object."""
        found: bytes = self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return found


@contextmanager
def operators_desk(home: Path) -> Iterator[Desk]:
    """A directory with packages, paddock.yml and stack.yml, and an empty account."""
    keys = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "test")
    with moto() as url, whole_change_sets():
        told = {**SECRETS, **keys, "AWS_ENDPOINT_URL": url, "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
        with patch.dict(os.environ, told), patch.object(destroy, "QUIET", 0), chdir(home):  # real time passes here
            forget(url)
            made = Desk(home, url)
            ec2 = made.client("ec2")
            images = [ec2.register_image(Name=arch, Architecture=arch)["ImageId"] for arch in ("x86_64", "arm64")]
            write(home, images)
            try:
                yield made
            finally:
                forget(url)


def write(home: Path, images: list[str]) -> None:
    """What an operator has before the first deployment."""
    (home / "build").mkdir()
    for name in ("paddock-webhook.zip", "paddock-functions.zip"):
        with zipfile.ZipFile(home / "build" / name, "w") as archive:
            archive.writestr("name.txt", name)
    (home / "build" / "paddock-agent.pyz").write_bytes(b"the agent")
    (home / "paddock.yml").write_text(CONFIG, encoding="utf-8")
    told = [{"arch": arch, "source": image} for arch, image in zip(("x64", "arm64"), images, strict=True)]
    settings = {
        "version": 1,
        "defaults": {"region": REGION, "images": told, "tags": {"team": "ci"}},
        "environments": {
            "dev": {},
            "prod": {"protect": False, "log_days": 90, "email": "ci@example.com", "budget_usd": 50},
        },
    }
    (home / "stack.yml").write_text(json.dumps(settings), encoding="utf-8")

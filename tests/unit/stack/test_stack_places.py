"""Where `paddock stack` looks: the region that is named nearest, and no other; and what a mistyped option comes to."""

import socket
from contextlib import closing
from pathlib import Path

import pytest

from paddock.adapters.aws.errors import NOBODY_THERE
from paddock.adapters.web import WebServer
from paddock.core.errors import InvalidInput
from paddock.entrypoints.aws_stack.places import signed_in
from paddock.entrypoints.cli.app import main


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Somebody who is signed in, with a region in AWS's own configuration."""
    config = tmp_path / "config"
    config.write_text("[default]\nregion = us-east-1\n", encoding="utf-8")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.chdir(tmp_path)
    return config


def test_the_region_that_is_named_nearest(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """stack.yml, then AWS_REGION, which `paddock stack status` prints, then AWS's own: a removal elsewhere is none."""
    assert signed_in("").region == "us-east-1"
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert signed_in("").region == "eu-central-1"
    assert signed_in("eu-west-1").region == "eu-west-1"
    monkeypatch.delenv("AWS_REGION")
    account.write_text("", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"^region is not set: must be named"):
        signed_in("")


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("acceptance --repo acme/shop --clean --env acceptance-1 --region eu_west", "region = 'eu_west': must be a"),
        ("stack package --build elsewhere", "must be left out to build"),
        ("github setup --no-browser --minutes 1 --port 70000", "must be from 0 (any free one) to 65535"),
        ("github setup --no-browser --minutes 1 --port=-1", "must be from 0 (any free one) to 65535"),
    ],
)
def test_what_is_mistyped_is_named(
    words: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no fault of ours, and nothing is done."""
    monkeypatch.setenv("GITHUB_TOKEN", "hush")
    assert main(words.split()) == 1
    err = capsys.readouterr().err
    assert told in err
    assert "hush" not in err


@pytest.mark.usefixtures("account")
def test_a_region_where_nobody_answers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Its name looks like one, and has no address, for which a closed port stands here: the next step is said."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_REGION", "eu-wst-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert main(["stack", "status", "--env", "dev"]) == 1
    said, step = capsys.readouterr().err.splitlines()
    assert said.startswith("paddock: describe_stacks: Could not connect to the endpoint URL")
    assert step == NOBODY_THERE


def test_a_port_that_there_is_not_is_no_other_one() -> None:
    """The C library would take what is left of it."""
    with pytest.raises(InvalidInput, match="65535"):
        WebServer(lambda _environ, _start: [], port=65_536)

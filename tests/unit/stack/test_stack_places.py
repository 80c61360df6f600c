"""Where `paddock stack` looks: the region that is named nearest, and no other; and what a mistyped option comes to."""

from pathlib import Path

import pytest

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
    with pytest.raises(InvalidInput, match="must be named"):
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


def test_a_port_that_there_is_not_is_no_other_one() -> None:
    """The C library would take what is left of it."""
    with pytest.raises(InvalidInput, match="65535"):
        WebServer(lambda _environ, _start: [], port=65_536)

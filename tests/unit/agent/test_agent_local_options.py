"""The options of a machine by hand: what makes no sense is refused in words, before anything happens."""

import argparse
from pathlib import Path

import pytest

from paddock.agent.local.start import add_arguments, start
from paddock.agent.machine.clock import SECOND


def parse(*words: str) -> argparse.Namespace:
    """The options of these words."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(["--machine-dir", "m", "--cache-dir", "c", *words])


def test_spans_are_seconds_for_people_and_microseconds_for_programs() -> None:
    """Given or by default."""
    options = parse("--stop-grace", "0.5")
    assert (options.stop_grace, options.heartbeat, options.retry_delay) == (SECOND // 2, 300 * SECOND, 5 * SECOND)


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "0", "1e30", "soon", ""])
@pytest.mark.parametrize("option", ["--assignment-deadline", "--stop-grace", "--heartbeat", "--download-window"])
def test_a_span_that_is_none_is_refused(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The option, what was found, and what would be right."""
    with pytest.raises(SystemExit) as caught:
        parse(f"{option}={value}")
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert f"argument {option}: found" in told
    assert "wanted" in told


def test_a_file_where_a_directory_should_be_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is written, and the option is named."""
    (tmp_path / "file").touch()
    (tmp_path / "m-1").mkdir()
    for option in ("cache-dir", "log-dir", "tool-cache"):
        words = ["--machine-dir", str(tmp_path / "m-1"), f"--{option}", str(tmp_path / "file")]
        assert start(parse(*words)) == 2
        assert f"--{option}: found '{tmp_path}/file', which is a file, wanted a directory" in capsys.readouterr().err
    assert list((tmp_path / "m-1").iterdir()) == []


@pytest.mark.parametrize("address", ["http://", "ftp://host", "host"])
def test_a_mirror_without_a_host_is_refused(address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It would be asked for every package, in vain."""
    (tmp_path / "m-1").mkdir()
    assert start(parse("--machine-dir", str(tmp_path / "m-1"), "--mirror", address)) == 2
    assert "--mirror: found" in capsys.readouterr().err

"""How an acceptance is shown: who is told may go away, and a terminal that is closed ends it in order."""

import os
import signal
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from paddock.core.errors import InvalidInput
from paddock.entrypoints.acceptance.gates import Judged, Verdict
from paddock.entrypoints.acceptance.values import Books, Observed
from paddock.entrypoints.cli.acceptance_view import (
    GITHUB,
    checked_output,
    cleaning,
    cleaning_told,
    report_told,
    teller,
    terminated_is_interrupted,
)


class Gone(StringIO):
    """A pipe that nobody reads."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error, self.tried = error, 0

    def write(self, _text: str, /) -> int:
        """Fail."""
        self.tried += 1
        raise self.error


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(5, "the terminal is gone")], ids=repr)
def test_a_line_that_nobody_reads_stops_nothing(error: OSError) -> None:
    """Neither what the stream raises nor the exit that rich makes of it."""
    pipe = Gone(error)
    teller(Console(file=pipe))("a bucket is empty")
    assert pipe.tried


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_it_is_ended_as_by_hand(number: signal.Signals) -> None:
    """And what handled the signal before does so afterwards."""
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), terminated_is_interrupted():
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_a_closed_terminal_is_told_of_once() -> None:
    """Shell and kernel both send the signal: the second does not cut the removal off."""
    with terminated_is_interrupted():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN


def test_under_nohup_it_goes_on() -> None:
    """Whoever has the signal ignored wants that."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with terminated_is_interrupted():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("problems", [[], ["no right"]])
def test_a_cleaning_that_failed_in_part_is_no_success(problems: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Though nothing was seen to be left: what went wrong is told, and the command that looks again."""
    assert cleaning_told(problems, "paddock acceptance --clean") == len(problems)
    out = capsys.readouterr().out
    assert ("no right" in out, "paddock acceptance --clean" in out) == (bool(problems), bool(problems))


def test_the_command_that_removes_what_is_left_finds_it_again() -> None:
    """It has each option that says where things are, if it is not the default one, as a shell reads it."""
    plain = cleaning("acme/shop", "acceptance-1", "eu-west-1", settings=None, github=GITHUB)
    assert plain == "paddock acceptance --repo acme/shop --env acceptance-1 --region eu-west-1 --clean"
    other = cleaning("acme/shop", "acceptance-1", "eu-west-1", settings=Path("my stack.yml"), github="https://ghe.test")
    assert other == plain.replace(" --clean", " --settings 'my stack.yml' --github https://ghe.test --clean")


def test_a_report_that_cannot_be_written_is_refused_before_and_shown_after(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped --output costs no half hour; if it is lost meanwhile, what follows the report is told all the same."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    checked_output(tmp_path / "new" / "deep")
    for wrong in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InvalidInput, match="takes no file"):
            checked_output(wrong)
    seen = Observed(
        environment="acceptance-1",
        region="eu-west-1",
        repository="acme/shop",
        began=0,
        ended=1,
        played=(),
        books=Books(),
        left=(),
    )
    report_told(seen, (Judged(gate="g", verdict=Verdict.PASSED, measured="-"),), tmp_path / "file")
    assert "the report could not be written to" in capsys.readouterr().out

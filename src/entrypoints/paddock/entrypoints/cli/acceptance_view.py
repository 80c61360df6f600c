"""How an acceptance is shown: each line as it goes, what is left, and the report; and what ends it from outside."""

import contextlib
import json
import os
import shlex
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

from paddock.core.errors import InvalidInput
from paddock.entrypoints.acceptance.gates import Judged, Verdict
from paddock.entrypoints.acceptance.measures import left_out
from paddock.entrypoints.acceptance.ports import Tell
from paddock.entrypoints.acceptance.report import data, page, sign, summary
from paddock.entrypoints.acceptance.values import Observed
from paddock.entrypoints.cli.styles import console, told

GITHUB: Final = "https://github.com"
_STYLES: Mapping[Verdict, str] = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.NOT_VERIFIED: "yellow"}
_ENDS: Final = (signal.SIGTERM, signal.SIGHUP)


def teller(out: Console) -> Tell:
    """Shows lines, and passes over a terminal or pipe that is gone: the removal goes on without."""

    def tell(line: str) -> None:
        with contextlib.suppress(SystemExit, OSError):  # rich exits on a broken pipe
            out.print(told(line))

    return tell


@contextlib.contextmanager
def terminated_is_interrupted() -> Iterator[None]:
    """While inside, SIGTERM and a terminal's end (SIGHUP) do what Ctrl-C does: everything is removed.

    A closed terminal's shell sends SIGHUP once more: that does not cut the removal off. Under nohup it does nothing.
    """

    def interrupt(number: int, _frame: Any) -> None:  # noqa: ANN401 - a frame
        if number == signal.SIGHUP:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    mine = [number for number in _ENDS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in mine}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def cleaning(repo: str, env: str, region: str, *, settings: Path | None, github: str) -> str:
    """The command that removes what is left of an acceptance that was called so; it needs none of the other options."""
    words = ["paddock", "acceptance", "--repo", repo, "--env", env, "--region", region]
    words += [] if settings is None else ["--settings", str(settings)]
    words += [] if github == GITHUB else ["--github", github]
    return shlex.join([*words, "--clean"])


def left_told(left: tuple[str, ...] | None, again: str) -> int:
    """Say what is left, and the command that removes it."""
    if left == ():
        return 0
    out = console()
    for thing in left or ("nobody could look for what is left",):
        out.print(told(f"left: {thing}", "red"))
    out.print(told(f"this removes it: {again}"))
    return 1


def cleaning_told(problems: Sequence[str], again: str) -> int:
    """Say what went wrong with a cleaning, though nothing was seen to be left, and the command that repeats it."""
    if not problems:
        return 0
    out = console()
    for problem in problems:
        out.print(told(f"went wrong: {problem}", "red"))
    out.print(told(f"so something may be left; this looks again: {again}"))
    return 1


def cut_off_told(again: str) -> None:
    """Say that things are left, and the command that removes them."""
    console().print(told(f"the removal was cut off: things are left, which cost. This removes them: {again}", "red"))


def checked_output(output: Path) -> None:
    """Look before anything is made whether the report can be written: it is all that stays of half an hour.

    Raises:
        InvalidInput: it cannot.
    """
    whole = output.absolute()
    there = next(path for path in (whole, *whole.parents) if os.path.lexists(path))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise InvalidInput("--output", str(output), f"must be a directory for the report, and {there} takes no file")


def report_told(seen: Observed, judged: tuple[Judged, ...], output: Path) -> None:
    """Write the report's two files, then show it: the terminal may be gone. It is shown, too, if the disk is full.

    Args:
        seen: what was seen.
        judged: the gates.
        output: the directory.
    """
    place = output / f"paddock-{seen.environment}"
    where = f"the report is {place}.md and {place}.json"
    try:
        output.mkdir(parents=True, exist_ok=True)
        place.with_suffix(".md").write_text(page(seen, judged), encoding="utf-8")
        place.with_suffix(".json").write_text(json.dumps(data(seen, judged), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        where = f"the report could not be written to {place} ({error.strerror or type(error).__name__})"
    out = console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for column in ("", "GATE", "VERDICT", "MEASURED"):
        table.add_column(column)
    for one in judged:
        style = _STYLES[one.verdict]
        table.add_row(told(sign(one), style), told(one.gate), told(one.verdict.value, style), told(one.measured))
    out.print(table)
    for gate, why in left_out(seen).items():
        out.print(told(f"not judged: {gate}; {why}"))
    for one in judged:
        for finding in one.findings:
            out.print(told(f"{one.gate}: {finding}", _STYLES[one.verdict]))
    out.print(told(f"{summary(judged)}; {where}"))

"""``paddock demo``: a whole fleet on this machine, watched."""

import json
import shutil
import signal
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.live import Live

from paddock.adapters.process import LocalMachines
from paddock.adapters.report.outcome import outcome
from paddock.adapters.report.timeline import render
from paddock.adapters.system import SystemClock
from paddock.core.errors import InvalidInput
from paddock.core.job import Job
from paddock.entrypoints.cli.live import fleet_table, summary
from paddock.entrypoints.cli.plain import transitions
from paddock.entrypoints.demo.play import Played, View, end_machines, play
from paddock.entrypoints.demo.verdict import deviations
from paddock.entrypoints.local.places import Places

_FRAME = 8  # lines of the table that are not jobs
_MARK = ".paddock-demo"


def demo(
    *,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
    directory: Annotated[Path, Parameter(name=["--directory", "-d"])] = Path("paddock-demo"),
) -> int:
    """Run a whole fleet on this machine, with a stand-in for GitHub, in less than a minute.

    Real HTTP, real processes, a real database; only GitHub and its runner are stand-ins. More than twenty jobs of
    every kind go through it: failing, cancelled and misspelt ones, a matrix whose runners GitHub mixes up, webhooks
    that come twice, late or never. The end is a summary, and a page that draws what happened.

    The exit code is 0 only if every job ended as it should.

    Parameters
    ----------
    json_
        Print the outcome as JSON instead, and nothing else on standard output.
    directory
        Where the page and the fleet's state go; an earlier demo's are replaced.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended by anybody, it leaves no machine behind
    try:
        state = _prepared(directory)
    except OSError as error:
        remedy = f"cannot be made an empty directory ({error.strerror}): name one that this user may create"
        raise InvalidInput("--directory", str(directory), remedy) from None
    console = Console(stderr=json_)
    played = _watched(state, console)
    page = directory / "timeline.html"
    view = played.view
    title = "Paddock demo: every job and every machine"
    page.write_text(
        render(view.jobs, view.runners, played.bill, played.decisions, title=title, now=view.now), encoding="utf-8"
    )
    wrong = deviations(played)
    if json_:
        print(json.dumps(outcome(view.jobs, view.runners, played.bill), indent=2))
    else:
        console.print(summary(view.jobs, view.runners, played.bill, page=str(page.resolve())))
        _told(console, played, state)
    for deviation in wrong:
        print(f"not as it should be: {deviation}", file=sys.stderr)
    return 1 if wrong else 0


def _prepared(directory: Path) -> Path:
    """An empty state directory. Only what an earlier demo left is ever removed."""
    if directory.exists() and any(directory.iterdir()):
        if not (directory / _MARK).exists():
            remedy = "is not empty, and no demo made it: name another"
            raise InvalidInput("--directory", str(directory), remedy)
        _clear(Places(directory / "state"))
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / _MARK).touch()
    return directory / "state"


def _clear(places: Places) -> None:
    """End what a demo that was killed left running; one that still runs is left alone, with an error."""
    if places.root.exists():
        lock = places.hold()
        end_machines(LocalMachines(places.root, SystemClock()))
        lock.close()


def _watched(state: Path, console: Console) -> Played:
    """Play, with a live table on a terminal and a line per change elsewhere."""
    if console.is_terminal:
        # As many jobs as the terminal is high, so that it never scrolls; the whole table comes once, at the end.
        rows = max(5, console.height - _FRAME)
        with Live(console=console, auto_refresh=False, transient=True) as live:

            def table(view: View) -> None:
                live.update(fleet_table(view.jobs, view.runners, view.now, rows=rows), refresh=True)

            played = play(state, table)
        console.print(fleet_table(played.view.jobs, played.view.runners, played.view.now, rows=len(played.view.jobs)))
        return played
    seen: dict[int, Job] = {}
    began: list[int] = []

    def lines(view: View) -> None:
        began[:] = began or [view.now]
        for line in transitions(seen, view.jobs, began[0], view.now):
            print(line, file=console.file, flush=True)
        seen.update({job.id: job for job in view.jobs})

    return play(state, lines)


def _told(console: Console, played: Played, state: Path) -> None:
    """What to look at next."""
    curious = next((job for job in played.view.jobs if job.launch > 1), played.view.jobs[0])
    console.print(
        f"Why did {curious.facts.name!r} take {curious.launch} launches? It is all written down:", markup=False
    )
    console.print(f"  paddock explain {curious.id} --state {state}", markup=False, highlight=False)

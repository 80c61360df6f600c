"""``paddock workload record``: from GitHub's history to a trace, within the rate limit, with the way told."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import groupby
from pathlib import Path

import attrs
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from paddock.adapters.config import Config, load
from paddock.adapters.github.client import connect
from paddock.adapters.github.endpoints import endpoints_of
from paddock.adapters.github.history import RestHistory
from paddock.adapters.github.retry import RetryLimits
from paddock.adapters.simulation.load import RunLoad
from paddock.adapters.simulation.workloads import TraceWriter, cells
from paddock.adapters.simulation.workloads.record import Tally, recorded
from paddock.adapters.system import SystemChance, SystemClock, SystemSleeper
from paddock.core.errors import InvalidInput
from paddock.core.ports.system import Clock, Sleeper
from paddock.core.routing import is_ours
from paddock.core.units import DAY, HOUR, SECOND, Moment, Span, rfc3339, span_text
from paddock.entrypoints.cli.styles import told
from paddock.entrypoints.local.factories import make_credentials
from paddock.entrypoints.local.fields import config_paths

_FOUR_WEEKS = 28 * DAY
_WORTH_TELLING = 10 * SECOND
_GLOB = frozenset("*?[")
# A limit is lifted within the hour; a fault that lasts longer than that will not pass by waiting.
_PATIENCE = RetryLimits(attempts=12, total=2 * HOUR)


@attrs.frozen
class Request:
    """What is to be recorded; None is the default that the command's help names."""

    output: Path
    config: Path
    since: Moment | None = None
    until: Moment | None = None
    repositories: tuple[str, ...] = ()
    all_labels: bool = False
    leave: int = 50


def when(option: str, text: str) -> Moment:
    """A day's first moment, or a time.

    Raises:
        InvalidInput: it is neither; the error names the option.
    """
    try:
        return cells.moment(f"{text}T00:00:00Z" if "-" in text and ":" not in text else text)
    except cells.Unfit:
        remedy = "must be a day such as 2026-11-01 or a time such as 2026-11-01T08:00:00Z"
        raise InvalidInput(option, text, remedy) from None


def recording(request: Request, clock: Clock | None = None, sleeper: Sleeper | None = None) -> int:
    """Record it; the exit code. `clock` and `sleeper` are the machine's own if left out.

    Raises:
        PaddockError: GitHub refuses, the configuration cannot be used, the file is there already.
    """
    clock, sleeper = clock or SystemClock(), sleeper or SystemSleeper()
    config = load(request.config)
    until = clock.now() if request.until is None else request.until
    since = until - _FOUR_WEEKS if request.since is None else request.since
    if since >= until:
        raise InvalidInput("--since", rfc3339(since), f"must be before --until ({rfc3339(until)})")
    console = Console(stderr=True)
    telling = _TellingSleeper(sleeper, clock, console)
    with config_paths():
        client = connect(
            endpoints_of(config.github.url),
            make_credentials(config),
            clock=clock,
            sleeper=telling,
            chance=SystemChance(),
            retry=_PATIENCE,
            left=request.leave,
        )
    with client:
        writer = TraceWriter(request.output)
        done = _Done()
        try:
            with writer:
                names = _repositories(client.history, config, request.repositories)
                _written(client.history, names, since, until, request, config, writer, done, console)
        except BaseException:
            _interrupted(request.output, done)
            raise
    return _conclusion(request.output, done, since, until)


@attrs.define
class _Done:
    """How far it has come: the file holds everything before ``upto``."""

    tally: Tally = attrs.field(factory=Tally)
    jobs: int = 0
    repositories: dict[str, None] = attrs.field(factory=dict)
    upto: Moment | None = None


def _written(
    history: RestHistory,
    names: Sequence[str],
    since: Moment,
    until: Moment,
    request: Request,
    config: Config,
    writer: TraceWriter,
    done: _Done,
    console: Console,
) -> None:
    def wanted(labels: Sequence[str]) -> bool:
        return request.all_labels or is_ours(labels, config.settings)

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"recording {len(names)} repositories", total=until - since, told="")

        def tell() -> None:
            tally = done.tally
            at = since if done.upto is None else done.upto
            seen = f"up to {rfc3339(at)}: {tally.jobs:,} jobs of {tally.runs:,} runs"
            progress.update(task, completed=at - since, told=seen)

        found = recorded(history, names, since, until, wanted, done.tally, tell)
        # Moment by moment, so that whatever happens the file ends between two of them.
        for at, loads in _moments(found):
            for run_id, run in loads:
                writer.write(run, run_id)
                done.jobs += len(run.jobs)
                done.repositories[run.repository] = None
            done.upto = at + SECOND  # GitHub's times are whole seconds


def _moments(found: Iterable[tuple[int, RunLoad]]) -> Iterator[tuple[Moment, list[tuple[int, RunLoad]]]]:
    """The loads of each moment, once the next one has begun."""
    for at, loads in groupby(found, key=lambda one: one[1].at):
        yield at, list(loads)


def _repositories(history: RestHistory, config: Config, named: tuple[str, ...]) -> list[str]:
    """Whose history it is: what the command names, or what the configuration does, its globs filled in by GitHub."""
    if named:
        for name in named:
            try:
                cells.repository(name)
            except cells.Unfit as unfit:
                raise InvalidInput("--repository", name, str(unfit)) from None
        return list(dict.fromkeys(named))
    found: dict[str, None] = {}
    for glob in config.settings.repositories:
        owner, _, name = glob.partition("/")
        if set(owner) & _GLOB:
            remedy = "names no owner whose repositories could be listed: name them with --repository owner/name"
            raise InvalidInput("github.repositories", glob, remedy)
        if not set(name) & _GLOB:
            found[glob] = None
            continue
        for listed in history.repositories(owner):
            if fnmatchcase(listed.casefold(), glob.casefold()):
                found[listed] = None
    return list(found)


def _interrupted(output: Path, done: _Done) -> None:
    if not done.jobs or done.upto is None:
        output.unlink(missing_ok=True)
        return
    print(
        f"paddock: {output} holds everything before {rfc3339(done.upto)} ({done.jobs:,} jobs); for the rest, record "
        f"again with --since {rfc3339(done.upto)} and another --output",
        file=sys.stderr,
    )


def _conclusion(output: Path, done: _Done, since: Moment, until: Moment) -> int:
    tally = done.tally
    for name in tally.gone:
        print(f"paddock: GitHub does not show {name}: check the name and the credentials", file=sys.stderr)
    if not done.jobs:
        output.unlink(missing_ok=True)
        print(f"paddock: no job in {tally.runs:,} runs from {rfc3339(since)} to {rfc3339(until)}", file=sys.stderr)
        if tally.others:
            print(f"paddock: {_others(tally)}", file=sys.stderr)
        return 1
    print(
        f"{output}: {done.jobs:,} jobs of {len(done.repositories)} repositories from {rfc3339(since)} to "
        f"{rfc3339(until)}; `paddock workload show {output}` says what is in it"
    )
    if tally.others:
        print(_others(tally))
    return 0


def _others(tally: Tally) -> str:
    labels, count = max(tally.labels.items(), key=lambda found: (found[1], found[0]))
    shown = told(", ".join(labels), most=80).plain
    return (
        f"{tally.others:,} jobs have labels that are not the fleet's (most: {shown}, {count:,} jobs); --all-labels "
        "takes them too, and aliases in paddock.yml give them machines"
    )


class _TellingSleeper:
    """Says why nothing moves before it sleeps for long."""

    def __init__(self, inner: Sleeper, clock: Clock, console: Console) -> None:
        self._inner, self._clock, self._console = inner, clock, console

    def sleep(self, span: Span) -> None:
        """See `Sleeper.sleep`."""
        if span >= _WORTH_TELLING:
            until = rfc3339(self._clock.now() + span)
            self._console.print(
                f"GitHub's rate limit: waiting {span_text(span)}, until {until}", markup=False, highlight=False
            )
        self._inner.sleep(span)

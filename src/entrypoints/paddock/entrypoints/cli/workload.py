"""``paddock workload``: loads to simulate, made up or looked at. Recording one is a module of its own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import attrs
from cyclopts import Parameter

from paddock.adapters.simulation.workloads import (
    GeneratorParameters,
    Office,
    built_in_day,
    generated,
    read_trace,
    write_trace,
)
from paddock.adapters.simulation.workloads.parameters import TUESDAY, WORLD, asking
from paddock.core.errors import InvalidInput
from paddock.core.units import datetime_of, moment_of
from paddock.entrypoints.cli.config import checked_path

_TUESDAY = datetime_of(TUESDAY).date().isoformat()
_OUTPUT: Mapping[str, str] = {"output": "--output"}
_MADE_UP: Mapping[str, str] = {
    **_OUTPUT,
    "zone": "--zone",
    "days": "--days",
    "jobs_per_day": "--jobs-per-day",
    "repositories": "--repositories",
    "pools": "--pool",
}
"""What the command line calls fields of a load that is made up."""


def generate(
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    jobs_per_day: int = 2_000,
    days: int = 1,
    seed: int = 1,
    start: str = _TUESDAY,
    repositories: int = 24,
    zone: Annotated[tuple[str, ...], Parameter(negative="", show_default=False)] = (),
    pool: Annotated[tuple[str, ...], Parameter(negative="", show_default=False)] = (),
) -> int:
    """Make up a load from published figures of CI, and write it to a file that `paddock simulate` takes.

    The day's and the week's shape, bursts, cron, matrices, durations, failures and cancelled runs are as published;
    docs/simulating.md names the sources and what is an assumption. The same seed gives the same load, everywhere.

    Parameters
    ----------
    output
        The file to write: .csv or .jsonl, with .gz behind it or without. It must not be there yet.
    jobs_per_day
        How many jobs a working day has in the mean. Weekends have fewer.
    days
        How many days of 24 hours it lasts.
    seed
        Which of all loads of this kind it is.
    start
        The day on which it begins at midnight UTC, such as 2026-11-24.
    repositories
        How many repositories there are. They are of very different size.
    zone
        An IANA time zone in which people work from nine to six, such as Europe/Berlin; once for each, and each has the
        same share. Left out, people push by the whole world's published curve.
    pool
        A pool that some jobs ask for, and how many in a hundred do, such as web=30; once for each.
    """
    with _as_typed(_MADE_UP):
        parameters = GeneratorParameters(
            jobs_per_day=jobs_per_day,
            start=_midnight(start),
            repositories=repositories,
            offices=tuple(Office(name) for name in zone) or (WORLD,),
        )
        parameters = attrs.evolve(parameters, labels=asking(parameters.labels, dict(map(_part, pool))))
        jobs = write_trace(generated(parameters, seed, days), output)
    print(f"{output}: {jobs:,} jobs; `paddock workload show {output}` says what is in it")
    return 0


def show(file: Path | None = None, /) -> int:
    """Say what is in a load: jobs by the hour of each day, label sets, durations. It also checks the whole file.

    Parameters
    ----------
    file
        A trace that was recorded, generated or made by hand. Left out, the built-in day is shown.
    """
    from paddock.adapters.simulation.workloads.summary import summary_of  # noqa: PLC0415 - needed only here
    from paddock.entrypoints.cli.styles import console, show  # noqa: PLC0415 - as above
    from paddock.entrypoints.cli.workload_view import summary_view  # noqa: PLC0415 - as above

    if file is None:
        summary = summary_of(built_in_day())
    else:
        _there(file)
        summary = summary_of(read_trace(file))
    show(console(), summary_view(summary))
    return 0


@contextmanager
def _as_typed(flags: Mapping[str, str]) -> Iterator[None]:
    """Errors about fields that came by flags name those, as they were typed."""
    try:
        yield
    except InvalidInput as error:
        if error.field not in flags:
            raise
        raise InvalidInput(flags[error.field], error.value, error.remedy) from None


def _part(text: str) -> tuple[str, int]:
    name, _, part = text.partition("=")
    if not name or not (part.isascii() and part.isdigit()):
        raise InvalidInput("--pool", text, "must be a pool's name and a part of a hundred jobs, such as web=30")
    return name, int(part)


def _there(file: Path) -> None:
    if not file.exists():
        remedy = "there is no such file: `paddock workload generate --output FILE` makes one"
        raise InvalidInput("FILE", str(file), remedy)


def _midnight(text: str) -> int:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidInput("--start", text, f"must be a day such as {_TUESDAY}") from None
    return moment_of(datetime(day.year, day.month, day.day, tzinfo=UTC))


def record(
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    config: Annotated[Path, Parameter(name=["--config", "-c"])] = Path("paddock.yml"),
    since: str | None = None,
    until: str | None = None,
    repository: Annotated[tuple[str, ...], Parameter(negative="", show_default=False)] = (),
    all_labels: Annotated[bool, Parameter(negative="")] = False,
    leave: int = 50,
) -> int:
    """Record what your repositories asked of runners, from GitHub's own history, as a load to simulate.

    It costs a call for every run, so it takes its time: half of the hour's rate limit is left to the fleet, and if
    the limit is reached it waits and goes on. The file is complete up to a moment at any time; if the recording is
    interrupted, it says from when on to record the rest.

    Parameters
    ----------
    output
        The file to write: .csv or .jsonl, with .gz behind it or without. It must not be there yet.
    config
        The fleet's paddock.yml: which GitHub, by what right, which repositories, and which labels are the fleet's.
    since
        From when on: a day such as 2026-11-01, or a time such as 2026-11-01T08:00:00Z. Left out, four weeks ago.
    until
        Before when, written in the same way. Left out, now.
    repository
        A repository (owner/name) to record, once for each. Left out, all that paddock.yml names.
    all_labels
        Take jobs of all labels, not only of those that the fleet claims; aliases can then give them machines.
    leave
        How many per cent of the hour's rate limit are left to others, from 0 to 99.
    """
    from paddock.entrypoints.cli.recording import Request, recording, when  # noqa: PLC0415 - needed only here

    checked_path("--config", config, "paddock workload record --config PATH …")
    if not 0 <= leave <= 99:  # noqa: PLR2004 - per cent
        raise InvalidInput("--leave", leave, "must be a whole number from 0 to 99")
    with _as_typed(_OUTPUT):
        return recording(
            Request(
                output=output,
                config=config,
                since=None if since is None else when("--since", since),
                until=None if until is None else when("--until", until),
                repositories=repository,
                all_labels=all_labels,
                leave=leave,
            )
        )

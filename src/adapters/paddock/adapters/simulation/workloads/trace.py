"""Workloads as files: one job on each line, as CSV or JSON lines, read and written without holding more than a moment.

Rows with the same time, repository and run are one run's jobs. A run whose later rows have another time comes in parts:
that is how jobs are written that wait for others (``needs``), and attempts that were re-run.
"""

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from io import BufferedIOBase
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import IO, Any, Self, cast

import attrs

from paddock.adapters.simulation.load import JobLoad, RunLoad, Workload
from paddock.adapters.simulation.workloads.cells import (
    READERS,
    REQUIRED,
    Unfit,
    label_list,
    labels_text,
    moment_text,
    span_cell,
)
from paddock.adapters.simulation.workloads.lines import Row, guarded, rows, wrong
from paddock.core.errors import InvalidInput
from paddock.core.units import Moment

_CSV, _JSON = (".csv",), (".jsonl", ".ndjson")
_NUMBERS = ("duration", "cancelled_after")
_OF_A_RUN = ("workflow", "branch", "cancelled_after")
_DEFAULTS = {"workflow": "ci", "branch": "main", "job": "job", "conclusion": "success", "cancelled_after": None}


class Trace:
    """A `Workload` from a file."""

    def __init__(self, path: Path) -> None:
        """Args: the file. It is read when it is asked for."""
        self._path = path
        self.name = path.name

    @cached_property
    def repositories(self) -> tuple[str, ...]:
        """See `Workload.repositories`. Reads the whole file once, and so finds whatever is wrong with it.

        Raises:
            InvalidInput: a line that means nothing; the error names file, line, column, value and what would be right.
        """
        return tuple(sorted({run.repository for run in self.runs()}))

    def runs(self) -> Iterator[RunLoad]:
        """See `Workload.runs`. The jobs of one moment are held at a time.

        Raises:
            InvalidInput: as above.
        """
        at: Moment = 0
        found: dict[tuple[object, ...], _Run] = {}
        for line, row in rows(self._path):
            values = self._values(line, row)
            if values["at"] != at:
                if values["at"] < at:
                    remedy = "is before the line above: sort the rows by this column"
                    raise wrong(self._path, line, "at", row["at"], remedy)
                yield from (run.load() for run in found.values())
                at, found = values["at"], {}
            key = (values["repository"], values.get("run", line))
            run = found.get(key)
            if run is None:
                found[key] = run = _Run(line, values)
            self._join(run, line, row, values)
        yield from (run.load() for run in found.values())

    def _values(self, line: int, row: Row) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for column, cell in row.items():
            try:
                if isinstance(cell, list):
                    values[column] = label_list(cell)
                else:
                    values[column] = READERS[column](cell if column in ("job", "workflow", "branch") else cell.strip())
            except Unfit as unfit:
                raise wrong(self._path, line, column, cell, str(unfit)) from None
        for column in REQUIRED:
            if column not in values:
                raise wrong(self._path, line, column, "", "must not be empty")
        return values

    def _join(self, run: "_Run", line: int, row: Row, values: dict[str, Any]) -> None:
        for column in _OF_A_RUN:
            if column in values and run.values.setdefault(column, values[column]) != values[column]:
                remedy = f"is not what line {run.line} says of the same run: a run has one {column}"
                raise wrong(self._path, line, column, row[column], remedy)
        word = {**_DEFAULTS, **values}
        run.jobs.append(JobLoad(word["job"], values["labels"], values["duration"], word["conclusion"]))


@attrs.frozen
class _Run:
    """A run as far as it was read; ``line`` is its first."""

    line: int
    values: dict[str, Any]
    jobs: list[JobLoad] = attrs.field(factory=list)

    def load(self) -> RunLoad:
        word = {**_DEFAULTS, **self.values}
        return RunLoad(
            self.values["at"],
            self.values["repository"],
            word["workflow"],
            tuple(self.jobs),
            word["branch"],
            word["cancelled_after"],
        )


class TraceWriter:
    """Writes runs to a new file; a context manager. ``.csv`` and ``.jsonl`` are known, each with ``.gz`` or without."""

    def __init__(self, path: Path) -> None:
        """Args: the file.

        Raises:
            InvalidInput: its name says no format, it is there already, or cannot be made there.
        """
        self._json = _kind(path) in _JSON
        self._zipped = path.suffix == ".gz"
        self._files = ExitStack()
        with _making(path):
            self._text = self._files.enter_context(self._opened(path))
        self._csv = csv.writer(self._text)
        if not self._json:
            self._csv.writerow(READERS)

    def _opened(self, path: Path) -> IO[str]:
        raw: BufferedIOBase = self._files.enter_context(path.open("xb"))
        if self._zipped:
            # Without a time and a name inside, the same load is the same file.
            raw = self._files.enter_context(gzip.GzipFile("", "wb", fileobj=raw, mtime=0))
        # GzipFile is all that a text wrapper asks for; only its stub does not say so.
        return io.TextIOWrapper(cast("IO[bytes]", raw), encoding="utf-8", newline="")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def write(self, run: RunLoad, number: int) -> None:
        """Write the run's jobs. Runs must come in the order of time; `number` tells those of one moment apart."""
        after = "" if run.cancelled_after is None else span_cell(run.cancelled_after)
        whole = (moment_text(run.at), run.repository, run.workflow, str(number), run.branch)
        for job in run.jobs:
            if self._json:
                texts = (*whole, job.name, "", span_cell(job.duration), job.conclusion, after)
                row = dict(zip(READERS, texts, strict=True))
                self._text.write(_json_line({**row, "labels": list(job.labels)}))
            else:
                texts = (*whole, job.name, labels_text(job.labels), span_cell(job.duration), job.conclusion, after)
                self._csv.writerow(guarded(text) for text in texts)


def read_trace(path: Path) -> Trace:
    """The workload that the file holds. It may be gzipped; its format is known by its first line."""
    return Trace(path)


def write_trace(workload: Workload, path: Path) -> int:
    """Write every run to a new file; how many jobs there were. A run without jobs leaves nothing there.

    It is written aside, in a hidden folder beside it, and has its name once it is whole: whatever ends this early, no
    part of a load passes for all of it.

    Raises:
        InvalidInput: the file's name says no format, it is there already, or cannot be made there.
    """
    _kind(path)
    jobs = 0
    with ExitStack() as cleanup:
        with _making(path):
            _free(path)
            aside = cleanup.enter_context(TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent))
        part = Path(aside, path.name)
        with TraceWriter(part) as writer:
            for number, run in enumerate(workload.runs(), 1):
                writer.write(run, number)
                jobs += len(run.jobs)
        with _making(path):
            _free(path)
            part.rename(path)
    return jobs


def _kind(path: Path) -> str:
    """What the file's name says it is."""
    suffixes = path.suffixes[-2:] if path.suffix == ".gz" else path.suffixes[-1:]
    kind = suffixes[0].casefold() if suffixes else ""
    if kind not in (*_CSV, *_JSON):
        raise InvalidInput("output", str(path), "must end in .csv or .jsonl, or in .csv.gz or .jsonl.gz")
    return kind


def _free(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise FileExistsError


@contextmanager
def _making(path: Path) -> Iterator[None]:
    """What the system says while the file is made, as an error about the output."""
    try:
        yield
    except FileExistsError:
        raise InvalidInput("output", str(path), "is there already: remove it, or name another file") from None
    except FileNotFoundError:
        raise InvalidInput("output", str(path), "its folder does not exist: make it first") from None
    except OSError as error:
        raise InvalidInput("output", str(path), f"cannot be made there ({error.strerror}): name another file") from None


def _json_line(row: Mapping[str, object]) -> str:
    """A line of JSON. Spans are numbers there, with the digits that stand here."""
    parts = [
        f'"{column}":{cell if column in _NUMBERS else json.dumps(cell, ensure_ascii=False)}'
        for column, cell in row.items()
        if cell != ""
    ]
    return "{" + ",".join(parts) + "}\n"

"""A trace's lines, whatever it was saved as: CSV or JSON lines, with gzip or without, one row at a time."""

import csv
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from io import BufferedIOBase
from pathlib import Path
from typing import TypeAlias

from paddock.adapters.simulation.workloads.cells import READERS, REQUIRED
from paddock.core.errors import InvalidInput

Cell: TypeAlias = str | list[str]
Row: TypeAlias = Mapping[str, Cell]

_GZIP = b"\x1f\x8b"
_LONGEST = 1 << 20  # bytes of a line: nobody writes such a one by intention
_GUARD = "'"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", _GUARD)
_COLUMNS = ", ".join(READERS)


def rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Each row with the number of its line, empty cells left out.

    Raises:
        InvalidInput: the file cannot be read as a trace; the error names file and line.
    """
    with _opened(path) as stream:
        lines = _lines(path, stream)
        number, first = next(((n, line) for n, line in lines if line.strip()), (1, ""))
        start = first.lstrip()
        if not start:
            raise wrong(path, 1, "", "", f"holds nothing: the first line of a CSV names its columns ({_COLUMNS})")
        if start.startswith("["):
            remedy = "is one JSON list: write one object on each line (`jq -c '.[]' FILE` does that)"
            raise wrong(path, number, "", "", remedy)
        if start.startswith("{"):
            yield _object(path, number, first)
            yield from (_object(path, n, line) for n, line in lines if line.strip())
        else:
            yield from _table(path, number, first, lines)


def wrong(path: Path, line: int, column: str, value: object, remedy: str) -> InvalidInput:
    """The error about a place in the file."""
    shown = value if len(str(value)) <= 60 else f"{str(value)[:59]}…"  # noqa: PLR2004 - enough to find it
    error = InvalidInput(column or "line", shown, remedy)
    what = f"{column} = {shown!r}: " if column else ""
    error.args = (f"{path}:{line}: {what}{remedy}",)
    return error


def guarded(text: str) -> str:
    """A CSV cell that no spreadsheet takes for a formula: names of jobs are strangers' words."""
    return _GUARD + text if text.startswith(_FORMULA) else text


def _opened(path: Path) -> BufferedIOBase:
    try:
        with path.open("rb") as probe:
            zipped = probe.read(2) == _GZIP
        return gzip.open(path, "rb") if zipped else path.open("rb")
    except FileNotFoundError:
        raise InvalidInput("file", str(path), "there is no such file") from None
    except IsADirectoryError:
        raise InvalidInput("file", str(path), "is a folder: name the file in it") from None


def _lines(path: Path, stream: BufferedIOBase) -> Iterator[tuple[int, str]]:
    number = 0
    while True:
        number += 1
        try:
            line = stream.readline(_LONGEST)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise wrong(path, number, "", "", "the gzip file is damaged or cut off: copy it again") from None
        if not line:
            return
        if len(line) == _LONGEST:
            raise wrong(path, number, "", "", f"is longer than {_LONGEST:,} bytes: write one job per line")
        try:
            yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise wrong(path, number, "", "", "is not UTF-8: save the file as UTF-8") from None


def _object(path: Path, number: int, line: str) -> tuple[int, Row]:
    try:
        # Numbers stay the text they are: a float would not hold what is written there.
        found = json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
    except ValueError as error:
        raise wrong(path, number, "", "", f"is no JSON object ({error})") from None
    except RecursionError:
        raise wrong(path, number, "", "", "is no JSON object (too deep)") from None
    if not isinstance(found, dict):
        raise wrong(path, number, "", "", "is no JSON object: write {…} on each line")
    _check_names(path, number, list(found))
    row: dict[str, Cell] = {}
    for column, cell in found.items():
        listed = column == "labels" and isinstance(cell, list) and all(isinstance(one, str) for one in cell)
        if column in READERS and cell not in (None, "") and not (isinstance(cell, str) or listed):
            kinds = "a list of texts" if column == "labels" else "a text or a number"
            raise wrong(path, number, column, json.dumps(cell), f"must be {kinds}")
        if cell not in (None, "") and column in READERS:
            row[column] = cell
    return number, row


def _table(path: Path, number: int, first: str, lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, Row]]:
    delimiter = max(",;\t", key=first.count)
    last = number

    def text() -> Iterator[str]:
        nonlocal last
        yield first
        for last, line in lines:  # noqa: B007 - the reader of the cells asks how far we are
            yield line

    reader = csv.reader(text(), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        begun = last + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise wrong(path, last, "", "", f"is no CSV ({error})") from None
        if cells is None:
            return
        if header is None:
            header = [cell.strip().casefold() for cell in cells]
            _check_header(path, number, header)
        elif any(cell.strip() for cell in cells):
            if len(cells) > len(header):
                remedy = f"has {len(cells)} cells, and the first line names {len(header)} columns: quote what holds a "
                raise wrong(path, begun, "", "", remedy + repr(delimiter))
            pairs = zip(header, cells, strict=False)
            yield begun, {c: cell.removeprefix(_GUARD) for c, cell in pairs if c in READERS and cell.strip()}


def _check_header(path: Path, number: int, header: Sequence[str]) -> None:
    _check_names(path, number, header)
    for column in REQUIRED:
        if column not in header:
            raise wrong(path, number, column, "", f"is missing: the first line must name the columns ({_COLUMNS})")
    for column in READERS:
        if header.count(column) > 1:
            raise wrong(path, number, column, "", "is named twice: keep one column of this name")


def _check_names(path: Path, number: int, names: Sequence[str]) -> None:
    """What has another name is somebody else's and left alone, unless it is only misspelt."""
    missing = [column for column in READERS if column not in names]
    for name in names:
        near = get_close_matches(name, missing, n=1, cutoff=0.8) if name not in READERS else []
        if near:
            raise wrong(path, number, name, "", f"is no column of a trace; did you mean {near[0]}?")

"""What checks find, and how all of them are made, each by itself."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Generic, TypeVar

import attrs

from paddock.core.errors import PaddockError

T = TypeVar("T")

REPORT = "this is a fault of Paddock's own: please report it"


class Verdict(StrEnum):
    """What a finding comes to. ``unknown``: it could not be looked at, which says nothing of the fleet."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@attrs.frozen
class Finding:
    """What a check found. ``fix`` is the next step: what is ok has none, everything else has one."""

    check: str
    verdict: Verdict
    found: str
    fix: str = ""


def fine(check: str, found: str) -> Finding:
    """All is as it should be."""
    return Finding(check, Verdict.OK, found)


def warning(check: str, found: str, fix: str) -> Finding:
    """The fleet works, but not as well as it could."""
    return Finding(check, Verdict.WARN, found, fix)


def failure(check: str, found: str, fix: str) -> Finding:
    """The fleet does not work, or soon will not."""
    return Finding(check, Verdict.FAIL, found, fix)


def unknown(check: str, found: str, fix: str) -> Finding:
    """It could not be looked at."""
    return Finding(check, Verdict.UNKNOWN, found, fix)


@attrs.frozen
class Check:
    """One thing to look at. ``fix`` is the next step if it cannot be looked at and the error does not say it itself."""

    name: str
    look: Callable[[], Iterable[Finding]]
    fix: str


class Unseen(PaddockError):  # noqa: N818
    """What this needs could not be had, which was told already."""

    def __init__(self, what: str) -> None:
        """Args: what it needs."""
        super().__init__(f"it needs {what}, which could not be had: see above")


class Once(Generic[T]):
    """A value that several checks need, had once. Whoever needs it first tells why it could not be had."""

    def __init__(self, what: str, had: Callable[[], T]) -> None:
        """Args: what it is called, and how it is had."""
        self._what = what
        self._had = had
        self._kept: list[T] = []
        self._failed = False

    def __call__(self) -> T:
        """The value.

        Raises:
            Unseen: it could not be had before.
            PaddockError: it cannot be had.
        """
        if self._failed:
            raise Unseen(self._what)
        if not self._kept:
            self._failed = True
            self._kept.append(self._had())
            self._failed = False
        return self._kept[0]


def diagnose(checks: Sequence[Check], told: Callable[[str], object]) -> Iterator[Finding]:
    """Make every check, in this order. One that throws is unknown, with the cause, and hides no other.

    Args:
        checks: what to look at.
        told: is told the name of each check before it is made.
    """
    for check in checks:
        told(check.name)
        try:
            yield from check.look()  # what it found before it threw is kept: it may look at several things
        except PaddockError as error:
            yield unknown(check.name, str(error), _step(error, check.fix))
        except OSError as error:  # a file that may not be read, a disk that fails: this machine's, and no fault of ours
            yield unknown(check.name, _of_system(error), check.fix)
        except Exception as error:  # noqa: BLE001 - even a fault of ours concerns its own check alone
            yield unknown(check.name, f"it ended by a {type(error).__name__}", REPORT)  # its text may hold anything


def _of_system(error: OSError) -> str:
    said = error.strerror or type(error).__name__
    return said if error.filename is None else f"{said}: {error.filename}"


def _step(error: PaddockError, fix: str) -> str:
    notes = getattr(error, "__notes__", ())
    if isinstance(error, Unseen):
        return "mend that first, and ask again"
    return "; ".join(notes) or fix


def well(findings: Iterable[Finding]) -> bool:
    """True if everything could be looked at, and nothing fails."""
    return all(one.verdict in (Verdict.OK, Verdict.WARN) for one in findings)

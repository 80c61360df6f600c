"""The values of a trace as people and spreadsheets write them, read without a float in between and written back."""

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from paddock.core.units import HOUR, MINUTE, SECOND, Moment, Span, moment_of, rfc3339

_NUMBER = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?")
_STAMP = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)(.*)")
_ZONE = re.compile(r"[Zz]|[+-][0-9]{2}:[0-9]{2}")
_CLOCK = re.compile(r"([0-9]{1,6}):([0-5][0-9]):([0-5][0-9])(?:\.([0-9]{1,6}))?")
_WORDS = re.compile(r"(?:([0-9]{1,6})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?")
_LAST = moment_of(datetime(9999, 12, 31, tzinfo=UTC))

_SECONDS = "write seconds such as 90 or 90.5, 0:01:30, or 1m30s"
CONCLUSIONS = ("success", "failure", "cancelled", "timed_out")
"""What may become of a job that a runner had."""


class Unfit(Exception):  # noqa: N818 - it never leaves this package
    """A cell that means nothing. Its text says what would be right."""


def moment(text: str) -> Moment:
    """``2026-11-24T09:00:05Z``, or seconds: since 1970, or since whatever the trace begins with."""
    number = _NUMBER.fullmatch(text)
    if number is not None:
        found = _micros(number[1], number[2])
    else:
        stamp = _STAMP.fullmatch(text)
        if stamp is None:
            raise Unfit("must be a time such as 2026-11-24T09:00:05Z, or seconds")
        if not _ZONE.fullmatch(stamp[3].strip()):
            raise Unfit(f"says no time zone: write {stamp[1]}T{stamp[2]}Z if it is UTC, or add an offset like +01:00")
        try:
            found = moment_of(datetime.fromisoformat(f"{stamp[1]}T{stamp[2]}{stamp[3].strip().upper()}"))
        except (ValueError, OverflowError):
            raise Unfit("is no time that a calendar has: write one such as 2026-11-24T09:00:05Z") from None
    if not 0 <= found < _LAST:
        raise Unfit("must be between 1970 and 9999")
    return found


def span(text: str) -> Span:
    """``90``, ``90.5``, ``0:01:30`` or ``1m30s``."""
    number = _NUMBER.fullmatch(text)
    if number is not None:
        return _micros(number[1], number[2])
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        return int(clock[1]) * HOUR + int(clock[2]) * MINUTE + _micros(clock[3], clock[4])
    words = _WORDS.fullmatch(text)
    if words is None or not text:
        raise Unfit(f"must be a span of 0 or more: {_SECONDS}")
    units = (24 * HOUR, HOUR, MINUTE, SECOND)
    return sum(int(count) * unit for count, unit in zip(words.groups(), units, strict=True) if count is not None)


def labels(text: str) -> tuple[str, ...]:
    """``paddock/cpu=4``, several parted by semicolons, or a JSON list."""
    if text.startswith("["):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise Unfit('must be labels parted by semicolons, such as self-hosted;gpu, or a JSON list: ["gpu"]')
    else:
        found = [label.strip() for label in text.split(";") if label.strip()]
    return label_list(found)


def label_list(found: Sequence[str]) -> tuple[str, ...]:
    """The labels, if there are any."""
    if not found or not all(found):
        raise Unfit("must be at least one label, as runs-on has it, such as paddock/cpu=4")
    return tuple(found)


def conclusion(text: str) -> str:
    """GitHub's word for how a job ended."""
    folded = text.casefold()
    if folded not in CONCLUSIONS:
        raise Unfit(f"must be one of {', '.join(CONCLUSIONS)}")
    return folded


def repository(text: str) -> str:
    """``owner/name``."""
    owner, slash, name = text.partition("/")
    if not (owner and slash and name) or "/" in name or text != text.strip():
        raise Unfit("must be owner/name, such as acme/shop")
    return text


def plain(text: str) -> str:
    """Any text."""
    return text


READERS: dict[str, Callable[[str], object]] = {
    "at": moment,
    "repository": repository,
    "workflow": plain,
    "run": plain,
    "branch": plain,
    "job": plain,
    "labels": labels,
    "duration": span,
    "conclusion": conclusion,
    "cancelled_after": span,
}
"""The columns in the order in which they are written, and how each is read."""

REQUIRED = ("at", "repository", "labels", "duration")


def moment_text(at: Moment) -> str:
    """The moment by RFC 3339, as fine as it is."""
    whole, micros = rfc3339(at), at % SECOND
    return whole if not micros else f"{whole[:-1]}.{micros:06}".rstrip("0") + "Z"


def span_cell(span: Span) -> str:
    """The span in seconds, as fine as it is."""
    whole, micros = divmod(span, SECOND)
    return str(whole) if not micros else f"{whole}.{micros:06}".rstrip("0")


def labels_text(found: Sequence[str]) -> str:
    """The labels in one cell, so that `labels` finds them again."""
    simple = not found[0].startswith("[") and all(label and label == label.strip() for label in found)
    if simple and not any(";" in label for label in found):
        return ";".join(found)
    return json.dumps(list(found), ensure_ascii=False)


def _micros(whole: str, fraction: str | None) -> int:
    """Seconds as microseconds; what is finer is cut off."""
    return int(whole) * SECOND + (0 if fraction is None else int(fraction[:6].ljust(6, "0")))

"""How the values of a label's keys are read, each with the sentence for what it cannot be."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from paddock.core.errors import InvalidInput
from paddock.core.spec import MAX_DISK_GIB, Arch, Range, RetryMode

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_NUMBER: Final = re.compile(r"[0-9]{1,6}")
_FAMILY: Final = re.compile(r"[a-z][a-z0-9*?-]{0,31}")
_GIB: Final = " (GiB)"


class InvalidLabel(InvalidInput):
    """A label that means nothing here. The job is rejected, and its author is told this text."""


def _number(key: str, text: str, least: int, most: int, of: str = "") -> int:
    if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
        raise InvalidLabel(key, text, f"must be a whole number from {least} to {most}{of}")
    return int(text)


def _range(key: str, text: str, most: int, of: str = "") -> tuple[int, int | None]:
    low, plus, high = text.partition("+")
    if "+" in high:
        raise InvalidLabel(key, text, f"has more than two bounds: write {key}=least+most")
    least = _number(key, low, 1, most, of)
    if not plus:
        return least, None
    upper = _number(key, high, 1, most, of)
    if upper < least:
        raise InvalidLabel(key, text, f"is an empty range: write {key}={upper}+{least}")
    return least, upper


def _cpu(key: str, text: str) -> Range:
    least, most = _range(key, text, 896)
    return Range(least, least * 2 if most is None else most)


def _ram(key: str, text: str) -> Range:
    return Range(*_range(key, text, 24_576, _GIB))


def _family(key: str, text: str) -> tuple[str, ...]:
    families = tuple(part.casefold() for part in text.split("+"))
    for family in families:
        alone, dot, _ = family.partition(".")
        if dot:
            raise InvalidLabel(key, text, f"names a type: write its family, {key}={alone}, and its size by cpu and ram")
        if not _FAMILY.fullmatch(family):
            raise InvalidLabel(key, text, "must be EC2 families joined by +, such as m7i+c7i or c7*")
    return families


def _arch(key: str, text: str) -> Arch:
    try:
        return Arch(text.casefold())
    except ValueError:
        foreign = {"amd64": "x64", "x86_64": "x64", "aarch64": "arm64"}.get(text.casefold())
        raise InvalidLabel(key, text, f"must be x64 or arm64{f': write {key}={foreign}' if foreign else ''}") from None


def _flag(key: str, text: str) -> bool:
    if text.casefold() not in {"true", "false"}:
        raise InvalidLabel(key, text, "must be true or false")
    return text.casefold() == "true"


def _retry(key: str, text: str) -> RetryMode:
    try:
        return RetryMode(text.casefold())
    except ValueError:
        raise InvalidLabel(key, text, "must be when-interrupted or false") from None


def name(key: str, text: str) -> str:
    """A name of people's own.

    Raises:
        InvalidLabel: it is none.
    """
    if not NAME.fullmatch(text):
        raise InvalidLabel(key, text, "must be letters, digits, - and _, at most 63, beginning with a letter or digit")
    return text


def _disk(key: str, text: str) -> int:
    return _number(key, text, 8, MAX_DISK_GIB, _GIB)


KEYS: Final[Mapping[str, tuple[str, Callable[[str, str], object]]]] = {
    "cpu": ("cpu", _cpu),
    "ram": ("ram", _ram),
    "family": ("families", _family),
    "arch": ("arch", _arch),
    "image": ("image", name),
    "disk": ("disk", _disk),
    "spot": ("spot", _flag),
    "retry": ("retry", _retry),
}
"""Each key: the field of `RunnerSpec` it sets, and how its value is read."""

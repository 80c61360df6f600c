"""CloudWatch's metric maths, as far as our alarms and widgets use it. What it does not know is an error, not a guess.

Known are numbers, ids, ``[a, b]``, ``+ - * /``, ``< <= > >= == !=``, ``AND``, ``OR``, ``IF``, ``FILL``, ``METRICS``,
and ``SUM``, ``MAX``, ``MIN`` of several series. These three of one series give a number that depends on how far
CloudWatch looks back, so AWS advises against them in alarms, and they are refused here.

Source: "Using math expressions with CloudWatch metrics". A value that is missing counts as 0 beside one that is there;
where both are missing there is none. A point that would be divided by zero is dropped.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from paddock.core.errors import InvalidInput

Point = float | None
Series = tuple[Point, ...]
Value = float | Series | list[Series]
Operation = Callable[[float, float], float]

_TOKEN: Final = re.compile(
    r'\s*(\d+(?:\.\d+)?|"[^"]*"|[A-Za-z]\w*|<=|>=|==|!=|&&|\|\||[-+*/<>(),\[\]])',
    re.ASCII,
)
_ID: Final = re.compile(r"[a-z]\w*", re.ASCII)
_PRODUCTS: Final[Mapping[str, Operation]] = {"*": operator.mul, "/": operator.truediv}
_SUMS: Final[Mapping[str, Operation]] = {"+": operator.add, "-": operator.sub}
_COMPARISONS: Final[Mapping[str, Operation]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_AND: Final[Mapping[str, Operation]] = dict.fromkeys(("AND", "&&"), lambda one, other: bool(one) and bool(other))
_OR: Final[Mapping[str, Operation]] = dict.fromkeys(("OR", "||"), lambda one, other: bool(one) or bool(other))
_LEVELS: Final = (_OR, _AND, _COMPARISONS, _SUMS, _PRODUCTS)  # from the loosest to the tightest
_OVER: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {"SUM": sum, "MAX": max, "MIN": min}


def evaluate(expression: str, series: Mapping[str, Series]) -> Series:
    """The series that the expression makes of these, which are equally long, the oldest point first.

    Raises:
        InvalidInput: the expression has something that is not known here, or does not give one series.
    """
    found = _Reader(expression, series).all()
    if not isinstance(found, tuple):
        raise InvalidInput("expression", expression, "must give one series: this gives a number, or several series")
    return found


class _Reader:
    """Reads an expression from left to right, and computes as it reads."""

    def __init__(self, text: str, series: Mapping[str, Series]) -> None:
        self._text = text
        self._series = series
        self._tokens = self._split()
        self._at = 0

    def all(self) -> Value:
        found = self._binary(0)
        if self._at < len(self._tokens):
            raise self._wrong(f"{self._peek()!r} is not expected where it stands")
        return found

    def _split(self) -> list[str]:
        tokens: list[str] = []
        at, text = 0, self._text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise self._wrong(f"{text[at:].strip()[:20]!r} is nothing that is known here")
            tokens.append(match[1])
            at = match.end()
        return tokens

    def _wrong(self, why: str) -> InvalidInput:
        return InvalidInput("expression", self._text, why)

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _expect(self, sign: str) -> None:
        if self._next() != sign:
            raise self._wrong(f"{sign!r} is missing")

    def _binary(self, level: int) -> Value:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while self._peek() in _LEVELS[level]:
            operation = _LEVELS[level][self._next()]
            left = self._pairwise(operation, left, self._binary(level + 1))
        return left

    def _unary(self) -> Value:
        if self._peek() == "-":
            self._next()
            return self._pairwise(operator.sub, 0.0, self._unary())
        return self._term()

    def _term(self) -> Value:
        part = self._next()
        if part[:1].isdigit():
            return float(part)
        if part == "(":
            inner = self._binary(0)
            self._expect(")")
            return inner
        if part == "[":
            return [self._one(each) for each in self._list("]")]
        if self._peek() == "(" and part.isupper():
            return self._call(part)
        if _ID.fullmatch(part) and part in self._series:
            return self._series[part]
        raise self._wrong(f"{part or 'the end'!r} is no metric of it, and nothing that is known here")

    def _list(self, end: str) -> list[Value]:
        found: list[Value] = []
        while self._peek() != end:
            if found:
                self._expect(",")
            found.append(self._binary(0))
        self._next()
        return found

    # -- functions ----------------------------------------------------------------------------------------------

    def _call(self, name: str) -> Value:
        self._next()
        if name == "METRICS":
            return self._metrics()
        if name == "FILL":
            return self._fill()
        arguments = self._list(")")
        if name == "IF" and len(arguments) == 3:  # noqa: PLR2004 - condition, then, else
            return self._if(*arguments)
        if name in _OVER and len(arguments) == 1 and isinstance(arguments[0], list):
            return self._over(_OVER[name], arguments[0])
        raise self._wrong(f"{name} with such arguments is nothing that is known here")

    def _metrics(self) -> list[Series]:
        part = "" if self._peek() == ")" else self._next()
        if part and not part.startswith('"'):
            raise self._wrong("METRICS takes a text in quotation marks, or nothing")
        self._expect(")")
        return [series for name, series in self._series.items() if part.strip('"') in name]

    def _fill(self) -> Value:
        what = self._binary(0)
        self._expect(",")
        if self._peek() == "REPEAT":
            self._next()
            filled: Callable[[Series], Series] = _repeated
        else:
            value = self._binary(0)
            if not isinstance(value, float):
                raise self._wrong("FILL takes a number or REPEAT")
            filled = _filled_with(value)
        self._expect(")")
        if isinstance(what, float):
            raise self._wrong("FILL fills a series, not a number")
        return [filled(one) for one in what] if isinstance(what, list) else filled(what)

    def _if(self, condition: Value, then: Value, otherwise: Value) -> Series:
        if not isinstance(condition, tuple) or isinstance(then, list) or isinstance(otherwise, list):
            raise self._wrong("IF takes a condition that is a series, and series or numbers")
        chosen: list[Point] = []
        for at, holds in enumerate(condition):
            value = then if holds else otherwise
            chosen.append(None if holds is None else value[at] if isinstance(value, tuple) else value)
        return tuple(chosen)

    def _over(self, operation: Callable[[Sequence[float]], float], several: list[Series]) -> Series:
        columns = zip(*several, strict=True)
        present = [[point for point in column if point is not None] for column in columns]
        return tuple(operation(points) if points else None for points in present)

    def _one(self, value: Value) -> Series:
        if not isinstance(value, tuple):
            raise self._wrong("[…] holds series")
        return value

    def _pairwise(self, operation: Operation, left: Value, right: Value) -> Value:
        if isinstance(left, float) and isinstance(right, float):
            found = _applied(operation, left, right)
            if found is None:
                raise self._wrong("a number is divided by zero")
            return found
        if isinstance(left, list) or isinstance(right, list):
            raise self._wrong("several series at once are known in SUM, MAX, MIN and FILL alone")
        if isinstance(left, tuple) and isinstance(right, tuple):
            return tuple(_both(operation, one, other) for one, other in zip(left, right, strict=True))
        if isinstance(left, tuple):
            return tuple(None if one is None else _applied(operation, one, _number(right)) for one in left)
        return tuple(None if other is None else _applied(operation, left, other) for other in _series(right))


def _both(operation: Operation, one: Point, other: Point) -> Point:
    return None if one is other is None else _applied(operation, one or 0.0, other or 0.0)


def _applied(operation: Operation, one: float, other: float) -> Point:
    try:
        return float(operation(one, other))
    except ZeroDivisionError:
        return None


def _number(value: Value) -> float:
    assert isinstance(value, float)
    return value


def _series(value: Value) -> Series:
    assert isinstance(value, tuple)
    return value


def _filled_with(value: float) -> Callable[[Series], Series]:
    return lambda series: tuple(value if point is None else point for point in series)


def _repeated(series: Series) -> Series:
    last: Point = None
    found: list[Point] = []
    for point in series:
        last = last if point is None else point
        found.append(last)
    return tuple(found)

"""The fields of a record as DynamoDB's typed values, and back.

A whole number is an ``N``, a text or a word of a vocabulary an ``S``, a truth a ``BOOL``; anything else is an ``S``
that holds its JSON. What is empty, and empty by default, is not written at all, neither as an attribute nor within
JSON: so a field that comes later changes no text that conditions compare. Any other default is written: so a default
that is changed one day changes no record that was written before.
"""

import json
import types
from functools import cache
from typing import Any, Final, TypeAlias, Union, get_args, get_origin, get_type_hints

import attrs

from paddock.core.codec import to_data
from paddock.core.errors import Rejected

Value: TypeAlias = dict[str, Any]
Item: TypeAlias = dict[str, Value]

DIGITS: Final = 38
NULL: Final[Value] = {"NULL": True}


@attrs.frozen
class Field:
    """How one field is kept. ``absent`` is its value in an item that lacks it; ``required``: it has no default."""

    name: str
    compound: bool
    absent: object
    required: bool

    def rests(self, value: object) -> bool:
        """True if an item without the attribute has this value."""
        return type(value) is type(self.absent) and value == self.absent

    def kept(self, value: object) -> Value | None:
        """The attribute to write; None: there is to be none."""
        return None if not self.absent and self.rests(value) else self.typed(value)

    def typed(self, value: object) -> Value:
        """The value as DynamoDB takes it.

        Raises:
            Rejected: a number of more digits than it keeps.
        """
        if value is None:
            return NULL
        if self.compound:
            data = _lean(value, to_data(value))
            return {"S": json.dumps(data, separators=(",", ":"), sort_keys=True, ensure_ascii=False)}
        if isinstance(value, bool):
            return {"BOOL": value}
        if isinstance(value, int):
            if abs(value) >= 10**DIGITS:
                raise Rejected(f"{self.name} = {value}: a number in the table has at most {DIGITS} digits")
            return {"N": str(value)}
        return {"S": str(value)}

    def plain(self, value: Value) -> object:
        """The plain data that the codec reads.

        Raises:
            ValueError: it is nothing that `typed` makes.
        """
        ((kind, content),) = value.items()
        if kind == "S":
            return json.loads(content) if self.compound else content
        if kind == "N":
            return int(content)
        if kind in {"BOOL", "NULL"}:
            return content if kind == "BOOL" else None
        raise ValueError(f"{self.name} is of type {kind}")


@cache
def fields_of(record: type[Any]) -> dict[str, Field]:
    """The record's fields by name."""
    hints = get_type_hints(record)
    return {
        field.name: Field(
            name=field.name,
            compound=_compound(hints[field.name]),
            absent=_default(field.default),
            required=field.default is attrs.NOTHING,
        )
        for field in attrs.fields(record)
    }


def _lean(value: Any, data: Any) -> Any:  # noqa: ANN401 - any value, any JSON
    """The data of a value, without those fields of records in it that are empty, and empty by default."""
    if attrs.has(type(value)):
        return {
            name: _lean(getattr(value, name), data[name])
            for name, field in fields_of(value.__class__).items()
            if field.required or field.kept(getattr(value, name)) is not None
        }
    if isinstance(value, tuple | list):
        return [_lean(inner, part) for inner, part in zip(value, data, strict=True)]
    return data


def _default(default: Any) -> object:  # noqa: ANN401 - attrs' own: a value, a factory or nothing
    if default is attrs.NOTHING:
        return None
    return default.factory() if isinstance(default, attrs.Factory) else default  # type: ignore[arg-type]


def _compound(hint: Any) -> bool:  # noqa: ANN401 - a type form, for which Python has no type
    if get_origin(hint) in {Union, types.UnionType}:
        hints = [inner for inner in get_args(hint) if inner is not type(None)]
        return len(hints) != 1 or _compound(hints[0])
    return not (isinstance(hint, type) and issubclass(hint, int | str))

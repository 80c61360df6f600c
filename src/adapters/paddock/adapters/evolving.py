"""A frozen record with some of its fields set: what `attrs.evolve` does, in a fifth of the time.

A simulation does little else. What takes the time is the constructor of a frozen class, which must go round the class's
own refusal to be changed, field by field. Here the new record is made as one of a subclass that refuses nothing, all of
it is copied by a function that is written once for each class, and only then does it become one of its own class.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

import attrs

T = TypeVar("T")

_Evolve = Callable[[Any, Mapping[str, Any]], Any]


def evolved(record: T, change: Mapping[str, Any]) -> T:
    """The record, an instance of an attrs class, with the fields of `change` set.

    Raises:
        TypeError: the class has no such field.
    """
    cls: Any = type(record)
    return _evolve_of(cls)(record, change)  # type: ignore[no-any-return]  # the record's own class


@cache
def _evolve_of(cls: type[Any]) -> _Evolve:
    """How records of this class are evolved."""
    names = [field.name for field in attrs.fields(cls)]
    if not _is_plain(cls, names):
        return lambda record, change: attrs.evolve(record, **change)
    thawed: Any = type(
        f"Thawed{cls.__name__}",
        (cls,),
        {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__},
    )
    lines = ["def copied(old):", "    new = make(thawed)", *(f"    new.{name} = old.{name}" for name in names)]
    scope: dict[str, Any] = {"make": object.__new__, "thawed": thawed}
    exec("\n".join([*lines, "    return new"]), scope)  # noqa: S102 - of names of fields alone, as attrs itself does
    copied = scope["copied"]

    def evolve(record: Any, change: Mapping[str, Any]) -> Any:  # noqa: ANN401 - see `evolved`
        new = copied(record)
        try:
            for name, value in change.items():
                setattr(new, name, value)
        except AttributeError:
            raise TypeError(f"{cls.__name__} has no field {name!r}") from None
        new.__class__ = cls
        return new

    return evolve


def _is_plain(cls: type[Any], names: list[str]) -> bool:
    """True if all that a record of this class holds are its fields as they were given."""
    as_given = all(field.init and field.validator is field.converter is None for field in attrs.fields(cls))
    slots = [name for name in cls.__dict__.get("__slots__", ()) if name != "__weakref__"]
    return as_given and cls.__bases__ == (object,) and slots == names and not hasattr(cls, "__attrs_post_init__")

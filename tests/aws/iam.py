"""IAM's verdict on one action on one resource: an own reading of its rules, for moto asks nobody for a right.

As far as our statements go, and as "IAM JSON policy elements" has it: a statement allows if its action, one of its
resources and all of its conditions fit. A policy variable stands for the value of that key, whose wildcards count for
nothing; where the key has no value, the resource or the condition fits nothing. An operator or an element that is not
known here is an error, not a guess.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs

Context: TypeAlias = Mapping[str, tuple[str, ...]]
"""The values of condition keys, ``aws:userid`` and so on; a key without any is absent."""

ELEMENTS: Final = frozenset({"Sid", "Effect", "Action", "Resource", "Condition"})
_TOKEN: Final = re.compile(r"(\$\{[^}]*\}|[*?])")
_WILD: Final = {"*": ".*", "?": "."}
_LITERAL: Final = {"${*}": "*", "${?}": "?", "${$}": "$"}


@attrs.frozen
class Asked:
    """What is asked: may it do this, to what has this ARN, when things are so?"""

    action: str
    resource: str
    context: Context = attrs.field(factory=dict, hash=False)


def allows(statement: Mapping[str, Any], asked: Asked) -> bool:
    """Whether a statement allows what is asked; if none of a role's does, it is refused.

    Raises:
        ValueError: the statement says what is not known here, or it denies.
    """
    if set(statement) - ELEMENTS or statement["Effect"] != "Allow":
        raise ValueError(f"not known here: {statement}")
    return (
        asked.action in _listed(statement["Action"])
        and any(fits(pattern, asked.resource, asked.context) for pattern in _listed(statement["Resource"]))
        and _holds(statement.get("Condition", {}), asked.context)
    )


def trusts(statement: Mapping[str, Any], principal: str, asked: Asked) -> bool:
    """The same for a statement of the policy that says who may assume a role: it has a principal and no resource.

    `principal` is the ARN of the role that asks, or a service's name.
    """
    named = dict(statement)
    principals = [one for kind in named.pop("Principal").values() for one in _listed(kind)]
    return principal in principals and allows({**named, "Resource": "*"}, asked)


def fits(pattern: str, value: str, context: Context, *, wild: bool = True) -> bool:
    """Whether a pattern of IAM fits: ``*`` is anything, ``?`` one character, ``${key}`` the value of that key.

    Unless it is `wild`, ``*`` and ``?`` are themselves.
    """
    parts: list[str] = []
    for token in _TOKEN.split(pattern):
        if token in _WILD:
            parts.append(_WILD[token] if wild else re.escape(token))
        elif token in _LITERAL:
            parts.append(re.escape(_LITERAL[token]))
        elif token.startswith("${"):
            values = context.get(token[2:-1], ())
            if len(values) != 1:
                return False
            parts.append(re.escape(values[0]))
        else:
            parts.append(re.escape(token))
    return re.fullmatch("".join(parts), value, re.DOTALL) is not None


def _holds(conditions: Mapping[str, Mapping[str, str | Sequence[str]]], context: Context) -> bool:
    """Whether all conditions hold, each for the values of its key."""
    return all(
        _operator(operator, context.get(key, ()), _listed(wanted), context)
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _operator(operator: str, values: tuple[str, ...], wanted: Sequence[str], context: Context) -> bool:
    """One operator on the values of one key.

    "Condition operators": of several wanted values one must fit; of a key with several values, ``ForAllValues`` has all
    of them fit and holds if there is none, ``ForAnyValue`` has one fit and does not.
    """
    name, _, comparison = operator.rpartition(":")
    if comparison not in {"StringEquals", "StringLike"} or name not in {"", "ForAllValues", "ForAnyValue"}:
        raise ValueError(f"not known here: {operator}")
    each = _each(values, wanted, context, wild=comparison == "StringLike")
    if name == "ForAllValues":
        return all(each)
    if name == "" and len(values) > 1:
        raise ValueError(f"several values {values}, and {operator} is for one")
    return any(each)


def _each(values: Iterable[str], wanted: Sequence[str], context: Context, *, wild: bool) -> Iterator[bool]:
    return (any(fits(pattern, value, context, wild=wild) for pattern in wanted) for value in values)


def _listed(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value

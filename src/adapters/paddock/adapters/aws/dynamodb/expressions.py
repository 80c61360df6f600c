"""Conditions and changes in DynamoDB's language of expressions.

Every attribute goes by a placeholder, for hundreds of words are reserved (``state``, ``name``, ``at`` ...).
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from paddock.adapters.aws.dynamodb.definition import PARTITION
from paddock.adapters.aws.dynamodb.items import Items
from paddock.adapters.aws.dynamodb.values import NULL, Field, Item, Value

IN: Final = 100  # operands of one IN: DynamoDB's limit


class Expressions:
    """The expressions of one request, and the names and values that they share."""

    def __init__(self) -> None:
        """None yet."""
        self._names: dict[str, str] = {}
        self._values: Item = {}

    def parameters(self) -> dict[str, Any]:
        """The names and values, as every operation takes them."""
        named: dict[str, Any] = {"ExpressionAttributeNames": self._names} if self._names else {}
        return named | ({"ExpressionAttributeValues": self._values} if self._values else {})

    def name(self, attribute: str) -> str:
        """What the attribute is called in an expression."""
        self._names[f"#{attribute}"] = attribute
        return f"#{attribute}"

    def value(self, value: Value) -> str:
        """What the value is called in an expression."""
        called = f":{len(self._values)}"
        self._values[called] = value
        return called

    def condition(self, items: Items[Any], when: Mapping[str, object]) -> str:
        """True of an item that is there and whose record matches.

        Raises:
            TypeError: the record has no such field.
        """
        clauses = [self._one_of(items.field(name), wanted) for name, wanted in when.items()]
        return " AND ".join([f"attribute_exists({self.name(PARTITION)})", *clauses])

    def changes(self, attributes: Mapping[str, Value | None]) -> str:
        """Sets the attributes; None takes one away."""
        sets = [f"{self.name(name)} = {self.value(value)}" for name, value in attributes.items() if value is not None]
        gone = [self.name(name) for name, value in attributes.items() if value is None]
        return " ".join(f"{verb} {', '.join(parts)}" for verb, parts in (("SET", sets), ("REMOVE", gone)) if parts)

    def _one_of(self, field: Field, wanted: object) -> str:
        options = wanted if isinstance(wanted, AbstractSet) else (wanted,)
        name = self.name(field.name)
        clauses = [f"attribute_not_exists({name})"] if any(map(field.rests, options)) else []
        values = sorted((field.typed(option) for option in options), key=str)
        if NULL in values:
            clauses.append(f"{name} = {self.value(NULL)}")
            values.remove(NULL)
        clauses += [self._equals(name, values[start : start + IN]) for start in range(0, len(values), IN)]
        return f"({' OR '.join(clauses)})"

    def _equals(self, name: str, values: Sequence[Value]) -> str:
        called = [self.value(value) for value in values]
        return f"{name} = {called[0]}" if len(called) == 1 else f"{name} IN ({', '.join(called)})"

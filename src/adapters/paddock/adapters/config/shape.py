"""The file's shape against its JSON Schema, with each breach as a sentence at its place.

The schema carries the sentences itself: ``x-expected`` says what a value must be, ``x-secret`` that what stands there
is never shown, ``x-one-of`` what a choice between keys is about.
"""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from paddock.adapters.config.problems import Path, Problem, did_you_mean, dotted, nearest, shown
from paddock.adapters.config.tree import Tree
from paddock.contracts import schema_text


@cache
def _whole() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(schema_text("config"))
    return schema


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(_whole())


def breaches(tree: Tree) -> list[tuple[Path, Problem]]:
    """Everything in which the tree differs from the schema, each with the path it makes unusable."""
    return list(_sentences(tree, _validator().iter_errors(tree.data)))


def _sentences(tree: Tree, errors: Iterable[ValidationError]) -> Iterator[tuple[Path, Problem]]:
    for error in errors:
        path: Path = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            yield from _unknown_keys(tree, path, error)
        elif error.validator == "required":
            yield from _missing_keys(tree, path, error)
        elif "propertyNames" in error.schema_path:  # an error of a name, which has no path of its own
            name = str(error.instance)
            yield (*path, name), tree.problem((*path, name), "", _expected(error, "is no name"), at_key=True)
        elif error.validator == "oneOf":
            if isinstance(error.instance, dict):  # of what is no mapping that alone is told
                yield path, tree.problem(path, "", _choice(error, error.instance), at_key=True)
        elif error.validator == "anyOf" and (nearer := _nearer(error)):
            yield from _sentences(tree, nearer)
        else:
            value = "" if secret(path) else shown(error.instance)
            yield path, tree.problem(path, value, _expected(error, error.message))


def _unknown_keys(tree: Tree, path: Path, error: ValidationError) -> Iterator[tuple[Path, Problem]]:
    known = list(_schema(error)["properties"])
    for name in cast("dict[str, Any]", error.instance):
        if name not in known:
            # Its value is not shown: whoever misspells a secret's key has perhaps written a secret.
            hint = _expected(error, "") if secret(path) and not nearest(name, known) else did_you_mean(name, known)
            remedy = f"is no key of {dotted(path) or 'this file'}; {hint}"
            yield (*path, name), tree.problem((*path, name), "", remedy, at_key=True)


def _missing_keys(tree: Tree, path: Path, error: ValidationError) -> Iterator[tuple[Path, Problem]]:
    # jsonschema gives one error for each missing key, and names it in its text alone.
    name = next(name for name in _rule(error) if error.message.startswith(repr(name)))
    expected = _resolved(_schema(error)["properties"][name]).get("x-expected", "write it")
    yield (*path, name), tree.problem((*path, name), "", f"is missing: it {expected}", at_key=True)


def _choice(error: ValidationError, instance: dict[str, Any]) -> str:
    """What is to be done about a choice between keys of which not exactly one is there."""
    rule = str(_schema(error)["x-one-of"])
    names = [branch["required"][0] for branch in _rule(error)]
    there = [name for name in names if name in instance]
    if there:
        return f"{rule}: here are {' and '.join(there)}, so leave out all but one"
    forms = (f"{name} {_resolved(_schema(error)['properties'][name])['x-expected']}" for name in names)
    return f"{rule}: here is none; {', or '.join(forms)}"


def _nearer(error: ValidationError) -> list[ValidationError]:
    """Of the branches of a choice, the errors of the one that the value's own type points to; none if none does."""
    branches: dict[object, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.schema_path[0], []).append(inner)
    for errors in branches.values():
        if not any(inner.validator == "type" and not inner.path for inner in errors):
            return errors
    return []


def _expected(error: ValidationError, otherwise: str) -> str:
    if "x-expected" in _schema(error):
        return str(_schema(error)["x-expected"])
    if error.validator == "enum":
        return f"must be one of {', '.join(shown(word).strip(chr(39)) for word in _rule(error))}"
    if error.validator == "type" and error.validator_value == "object":
        return "must be a mapping of keys to values"
    return otherwise


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: dict[str, Any] = _whole()["$defs"][reference.rsplit("/", 1)[1]]
    return found


# jsonschema types what it gives for every kind of schema there is; ours are objects.


def _schema(error: ValidationError) -> dict[str, Any]:
    return cast("dict[str, Any]", error.schema)


def _rule(error: ValidationError) -> Any:  # noqa: ANN401 - whatever stands behind the schema's keyword
    return error.validator_value


def secret(path: Path) -> bool:
    """True if what stands at the path, or around it, is a secret's place, where people might write the secret."""
    node = _whole()
    for step in path:
        if node.get("x-secret"):
            return True
        if isinstance(step, int):
            node = _resolved(node.get("items") or {})
        else:
            inner = node.get("properties", {}).get(step) or node.get("additionalProperties")
            node = _resolved(inner if isinstance(inner, dict) else {})
    return bool(node.get("x-secret"))

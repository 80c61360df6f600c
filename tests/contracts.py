"""The published schemas as validators, for the tests of whatever sends or reads a message."""

import json
from functools import cache
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

from paddock.contracts import schema_text


@cache
def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of this name, as data. Shared: do not change it."""
    data: dict[str, Any] = json.loads(schema_text(name))
    return data


@cache
def validator(name: str) -> Validator:
    """A validator for the JSON Schema of this name."""
    Draft202012Validator.check_schema(schema(name))
    checker: Validator = Draft202012Validator(schema(name))
    return checker


def breaches(name: str, data: object) -> list[str]:
    """Why `data` does not fit the schema of this name, in words; empty if it does."""
    return [f"{error.json_path}: {error.message}" for error in validator(name).iter_errors(cast("Any", data))]

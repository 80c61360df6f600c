"""Payloads made by GitHub's own schemas, as githubkit carries them: the oracle for what GitHub may send.

`example` fills every field that a schema requires with something of the right type, takes the given fields instead, and
lets githubkit judge the whole, so a test cannot feed the client what GitHub would never send.
"""

import json
import types
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from githubkit_schemas.latest import models
from pydantic import BaseModel

_STAMP = "2026-11-22T12:00:00Z"
_PLAIN: Mapping[object, object] = {str: "x", int: 1, bool: False, float: 1.0, datetime: _STAMP, date: _STAMP[:10]}


def model(name: str) -> type[BaseModel]:
    """The model of this name, for the newest version of GitHub's REST interface that githubkit carries."""
    found: type[BaseModel] = getattr(models, name)
    return found


def example(name: str, /, **fields: object) -> dict[str, Any]:
    """A payload of the schema `name` as plain data; a field that is a mapping is filled up in its turn.

    Raises:
        pydantic.ValidationError: GitHub's schema does not allow these fields.
    """
    kind = model(name)
    payload = _filled(kind, fields)
    kind.model_validate(payload)
    return payload


def example_bytes(name: str, /, **fields: object) -> bytes:
    """The payload as it goes over the wire."""
    return json.dumps(example(name, **fields)).encode()


def _filled(kind: type[BaseModel], fields: Mapping[str, object]) -> dict[str, Any]:
    payload: dict[str, Any] = {}
    known = {}
    for name, field in kind.model_fields.items():
        key = field.alias or name
        known[key] = field.annotation
        if field.is_required() and key not in fields:
            payload[key] = _any_of(field.annotation)
    for key, value in fields.items():
        nested = _model_in(known.get(key))
        payload[key] = _filled(nested, value) if isinstance(value, dict) and nested is not None else value
    return payload


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def _any_of(annotation: Any) -> object:  # noqa: ANN401, PLR0911 - annotations have no common type; one line for each kind
    origin = get_origin(annotation)
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if origin is Literal:
        return get_args(annotation)[0]
    if origin is Annotated:
        return _any_of(get_args(annotation)[0])
    if origin in {Union, types.UnionType}:
        return None if type(None) in get_args(annotation) else _any_of(get_args(annotation)[0])
    if origin is list:
        return []
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _filled(annotation, {})
    return None if annotation is None else {}

"""Outcomes as JSON, and back: what ``paddock simulate --json`` prints and what scripts and comparisons read.

One object with ``kind``, ``version`` and ``outcomes``, by the rules of `paddock.contracts` (the schema is called
``simulation``). Numbers are integers: microseconds and micro-dollars. Keys are sorted and everything is ASCII, so equal
outcomes give equal bytes on every Python. ``cost.total`` is the sum that `Cost.total` computes; it is not read back.
"""

import json
from collections.abc import Sequence

import attrs

from paddock.adapters.simulation.outcome import Outcome, Waits
from paddock.core.codec import Data, from_data, to_data
from paddock.core.errors import InvalidInput

_OBJECTS = {"jobs", "cost", *(field.name for field in attrs.fields(Waits))}

KIND = "simulation"
VERSION = 1


def outcomes_data(outcomes: Sequence[Outcome]) -> Data:
    """The outcomes as plain data, in the order given."""
    return {"kind": KIND, "version": VERSION, "outcomes": [_outcome(outcome) for outcome in outcomes]}


def outcomes_to_json(outcomes: Sequence[Outcome]) -> str:
    """The outcomes as JSON text, with a line break at the end."""
    return json.dumps(outcomes_data(outcomes), indent=2, sort_keys=True) + "\n"


def outcomes_from_json(text: str | bytes) -> tuple[Outcome, ...]:
    """The outcomes that `outcomes_to_json` wrote. Keys that a later version added are passed over.

    Raises:
        InvalidInput: it is no JSON, not of this kind or version, or a key is missing or wrong; the error names it.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise InvalidInput("simulation", type(text).__name__, f"is not JSON: {error}") from None
    if not isinstance(data, dict) or data.get("kind") != KIND:
        raise InvalidInput("kind", data.get("kind") if isinstance(data, dict) else None, f"must be {KIND!r}")
    version = data.get("version")
    if type(version) is not int or version != VERSION:
        raise InvalidInput("version", version, f"this reader understands {VERSION}: upgrade it first")
    outcomes = data.get("outcomes")
    if not isinstance(outcomes, list):
        raise InvalidInput("outcomes", type(outcomes).__name__, "must be a list")
    return tuple(_read(outcome) for outcome in outcomes)


def outcome_to_json(outcome: Outcome) -> str:
    """One outcome as JSON text."""
    return outcomes_to_json([outcome])


def outcome_from_json(text: str | bytes) -> Outcome:
    """The one outcome in the text.

    Raises:
        InvalidInput: as `outcomes_from_json`, and if there is not exactly one.
    """
    outcomes = outcomes_from_json(text)
    if len(outcomes) != 1:
        raise InvalidInput("outcomes", len(outcomes), "must be exactly one; outcomes_from_json reads several")
    return outcomes[0]


def _outcome(outcome: Outcome) -> Data:
    data = to_data(outcome)
    data["cost"]["total"] = outcome.cost.total
    return data


def _read(data: object) -> Outcome:
    """An outcome. Where every key may be missing, even a text would pass for an object without any: looked at here."""
    if isinstance(data, dict):
        objects = [("jobs", data.get("jobs", {})), ("cost", data.get("cost", {}))]
        by_labels = data.get("waits")
        for waits in (data.get("wait"), *(by_labels.values() if isinstance(by_labels, dict) else ())):
            objects += waits.items() if isinstance(waits, dict) else ()
        for name, value in objects:
            if name in _OBJECTS and not isinstance(value, dict):
                raise InvalidInput(name, type(value).__name__, "must be an object")
    return from_data(data, Outcome)

"""Values to plain data and back: the one place that knows how our records and messages look as JSON.

Compatibility rule: a message carries ``kind`` and ``version``. A new optional field needs no new version, and readers
ignore fields they do not know. A change of meaning or of a required field does, and then the reader also accepts the
version before its own, by an upgrade step below; so a fleet can be upgraded while its machines run.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar, get_args, get_origin

from cattrs import transform_error
from cattrs.preconf.json import JsonConverter, make_converter

from paddock.core.errors import InvalidInput
from paddock.core.messages import (
    Assignment,
    JobObserved,
    JobRequested,
    MachineChanged,
    MachineWarned,
    RunCompleted,
    RunnerReported,
)

T = TypeVar("T")
Data = dict[str, Any]

VERSION = 1

KINDS: Mapping[str, type] = {
    "job_requested": JobRequested,
    "job_observed": JobObserved,
    "run_completed": RunCompleted,
    "runner_reported": RunnerReported,
    "machine_warned": MachineWarned,
    "machine_changed": MachineChanged,
    "assignment": Assignment,
}
_KIND_OF: Mapping[type, str] = {record: kind for kind, record in KINDS.items()}


def _is_tuple(target: Any) -> bool:  # noqa: ANN401 - a type form, for which Python has no type
    return get_origin(target) is tuple


def _listed(converter: JsonConverter, target: Any) -> Callable[[object, object], tuple[Any, ...]]:  # noqa: ANN401 - as above
    """How to read ``tuple[item, ...]``: from a list, and from nothing else that can be gone through."""
    (item, _) = get_args(target)
    read = converter.get_structure_hook(item)

    def listed(value: object, _: object) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise TypeError(f"expected list, got {type(value).__name__}")
        return tuple(read(inner, item) for inner in value)

    return listed


def _converter() -> JsonConverter:
    converter = make_converter(omit_if_default=False)
    for scalar in (int, str, bool):

        def exact(value: object, target: type, scalar: type = scalar) -> object:
            # cattrs would turn "4" into 4 and 0 into False; a contract means what it says.
            if type(value) is not scalar:
                raise TypeError(f"expected {scalar.__name__}, got {type(value).__name__}")
            # The hook also answers for subclasses: an enumeration of ours takes its members' values and no others.
            return value if target is scalar else target(value)

        converter.register_structure_hook(scalar, exact)
    # To cattrs a text is as good a sequence as a list, and an enumeration of texts needs no unwrapping.
    converter.register_structure_hook_factory(_is_tuple, lambda target: _listed(converter, target))
    converter.register_unstructure_hook(StrEnum, lambda member: member.value)
    converter.register_structure_hook(str | int | bool | None, lambda value, _: value)
    return converter


_CONVERTER = _converter()


def to_data(value: object) -> Data:
    """A record as plain data: dictionaries, lists, strings, numbers, booleans and None."""
    data: Data = _CONVERTER.unstructure(value)
    return data


def from_data(data: object, kind: type[T]) -> T:
    """The record that `to_data` turned into `data`.

    Raises:
        InvalidInput: a field is missing or of the wrong type; the error names it.
    """
    try:
        return _CONVERTER.structure(data, kind)
    except Exception as error:
        raise InvalidInput(kind.__name__, _short(data), "; ".join(transform_error(error))) from error


def message_to_data(message: object) -> Data:
    """A message as plain data, with its kind and version."""
    return {"kind": _KIND_OF[type(message)], "version": VERSION, **to_data(message)}


def message_from_data(data: object) -> Any:  # noqa: ANN401 - the kind is in the data; callers match on it
    """The message in `data`, of this version or the one before.

    Raises:
        InvalidInput: no known kind, a version that cannot be read, or a field that is missing or wrong.
    """
    if not isinstance(data, dict):
        raise InvalidInput("message", _short(data), "must be an object with kind and version")
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise InvalidInput("kind", kind, f"must be one of {', '.join(KINDS)}")
    version = data.get("version", 0)
    if type(version) is not int or version not in {VERSION - 1, VERSION}:
        raise InvalidInput("version", version, f"this reader understands {VERSION - 1} and {VERSION}: upgrade it first")
    if version != VERSION:
        if kind not in _UPGRADES:
            raise InvalidInput("version", version, f"{kind} began with version {VERSION}, and not before")
        data = _UPGRADES[kind](data)
    return from_data({key: value for key, value in data.items() if key not in {"kind", "version"}}, KINDS[kind])


def _nest_job(data: Data) -> Data:
    """Version 0 had the job's facts beside the message's own fields."""
    facts = {"job_id", "run_id", "run_attempt", "repository", "labels", "name", "workflow", "head_sha", "head_branch"}
    facts |= {"private", "installation_id", "created_at"}
    job = {key: value for key, value in data.items() if key in facts}
    return {"job": job, **{key: value for key, value in data.items() if key not in facts}}


def _name_machine(data: Data) -> Data:
    """Version 0 called the machine by EC2's word, and had no launch number."""
    data = {"launch": 1, **data}
    data["machine"] = data.pop("instance_id", None)
    return data


def _name_run(data: Data) -> Data:
    """Version 0 did not know a run's attempts."""
    return {"run_attempt": 1, **data}


_UPGRADES: Mapping[str, Callable[[Data], Data]] = {
    "job_requested": _nest_job,
    "job_observed": _nest_job,
    "run_completed": _name_run,
    "runner_reported": _name_machine,
    "assignment": _name_machine,
}


def _short(value: object) -> str:
    """What stands there, without its contents: they may hold a secret."""
    return (
        f"{type(value).__name__} with {', '.join(map(str, value)) or 'no fields'}"
        if isinstance(value, dict)
        else type(value).__name__
    )

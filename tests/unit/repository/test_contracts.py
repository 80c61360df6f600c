"""The messages keep to their published schemas, and the schemas say neither more nor less than the reader does."""

import copy
import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.codec import KINDS, VERSION, from_data, message_from_data, message_to_data, to_data
from paddock.core.errors import InvalidInput
from paddock.core.job import JobFacts
from paddock.core.messages import RunnerPackage
from tests.contracts import breaches, schema
from tests.strategies import MESSAGES, RECORDS

GOLDEN = Path(__file__).parents[2] / "golden"
MESSAGE = st.one_of(*MESSAGES.values())
JSON: st.SearchStrategy[Any] = st.recursive(
    # No whole floats: JSON Schema calls 4.0 an integer, the reader does not, and nobody writes it.
    st.none() | st.booleans() | st.integers() | st.just(0.5) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def test_every_message_has_a_strategy_and_a_schema() -> None:
    """A new kind of message cannot be added without a schema and without being tried here."""
    assert set(MESSAGES) == set(KINDS.values())
    for kind in KINDS:
        assert schema(kind)["properties"]["kind"] == {"const": kind, "description": "Which message this is."}
        assert schema(kind)["properties"]["version"]["const"] == VERSION


@given(MESSAGE)
def test_what_is_written_fits_its_schema_and_reads_back_equal(message: object) -> None:
    """Whatever the fleet sends is what the contract promises, also after a trip through JSON."""
    data = json.loads(json.dumps(message_to_data(message)))
    assert breaches(data["kind"], data) == []
    # By repr, because a text equals the member of an enumeration that has it as its value, and True equals 1.
    assert repr(message_from_data(data)) == repr(message)


@given(st.one_of(*RECORDS.values()))
def test_records_survive_a_trip_through_json_with_their_types(record: object) -> None:
    """A store hands out what was put in, members of enumerations included: code may compare them with `is`."""
    data = json.loads(json.dumps(to_data(record)))
    assert repr(from_data(data, type(record))) == repr(record)


@given(st.one_of(*MESSAGES.values(), *RECORDS.values()))
def test_plain_data_is_plain(value: object) -> None:
    """What `to_data` gives holds nothing but JSON's own types, so any store can keep it."""

    def check(data: object) -> None:
        assert type(data) in {dict, list, tuple, str, int, bool, type(None)}
        for inner in (*data.keys(), *data.values()) if isinstance(data, dict) else data if type(data) is list else ():
            check(inner)

    check(to_data(value))


@given(MESSAGE, JSON)
def test_unknown_fields_are_tolerated_by_schema_and_reader(message: object, value: object) -> None:
    """A newer sender may add fields: an older reader neither fails nor sees them."""
    data = {**message_to_data(message), "a_field_of_tomorrow": value}
    assert breaches(data["kind"], data) == []
    assert message_from_data(data) == message


@given(MESSAGE)
def test_optional_fields_may_be_left_out(message: object) -> None:
    """A message with its required fields alone is read, and the rest takes the defaults that the schema names."""
    data = message_to_data(message)
    required = set(schema(data["kind"])["required"])
    least = {key: value for key, value in data.items() if key in required}
    assert breaches(data["kind"], least) == []
    assert message_from_data(least) == type(message)(
        **{name: getattr(message, name) for name in required - {"kind", "version"}}
    )


def places(data: object, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside `data`, its own excepted."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path for key, value in inner for path in [(*at, key), *places(value, (*at, key))]]


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A message with one value somewhere inside replaced or taken away."""
    data: dict[str, Any] = json.loads(json.dumps(message_to_data(draw(MESSAGE))))
    *way, last = draw(st.sampled_from([place for place in places(data) if place != ("kind",)]))
    spot: Any = data
    for key in way:
        spot = spot[key]
    if draw(st.booleans()):
        del spot[last]
    else:
        spot[last] = draw(JSON)
    return data


def example_of(kind: str, **changes: object) -> dict[str, Any]:
    """The golden message of this kind, changed."""
    return {**copy.deepcopy(golden(kind, VERSION)), **changes}


@given(damaged())
def test_reader_and_schema_agree_on_what_is_wrong(data: dict[str, Any]) -> None:
    """Whatever the schema refuses the reader refuses, naming it; whatever the schema allows the reader takes."""
    if type(data.get("version", 0)) is int and data.get("version", 0) == 0:
        return  # an earlier version: it has no schema any more, and tests of its own below
    wrong = breaches(data["kind"], data)
    if wrong:
        with pytest.raises(InvalidInput):
            message_from_data(data)
    else:
        message_from_data(data)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("job_requested", "job", "17"),
        ("job_requested", "job", ["job_id", "run_id", "repository", "labels"]),
        ("job_observed", "status", "queued"),
        ("run_completed", "run_id", "17"),
        ("run_completed", "run_id", True),
        ("runner_reported", "event", "exploded"),
        ("runner_reported", "phases", {"boot": "1 s"}),
        ("runner_reported", "phases", [["boot", 1]]),
        ("runner_reported", "exit_code", 0.5),
        ("assignment", "labels", "paddock"),
        ("assignment", "labels", {"paddock": 1}),
        ("assignment", "labels", [1]),
        ("assignment", "version", 1.5),
        ("assignment", "version", "1"),
        ("assignment", "version", True),
    ],
)
def test_values_of_the_wrong_kind_are_refused_by_both(kind: str, field: str, value: object) -> None:
    """The traps of Python's own leniency: text is no list, a truth no number, a list of pairs no object."""
    data = example_of(kind, **{field: value})
    assert breaches(kind, data)
    with pytest.raises(InvalidInput):
        message_from_data(data)


def golden(kind: str, version: int) -> dict[str, Any]:
    """The stored message of this kind and version: as it was once written, never regenerated."""
    data: dict[str, Any] = json.loads((GOLDEN / f"{kind}.v{version}.json").read_text(encoding="utf-8"))
    return data


def only_as_in(old: object, new: object) -> object:
    """`new`, without the keys that `old` does not have."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {key: only_as_in(old[key], value) for key, value in new.items() if key in old}
    return new


@pytest.mark.parametrize("kind", KINDS)
def test_golden_messages_of_this_version_are_read(kind: str) -> None:
    """What was once written in this version is read as it was meant, and written the same way today.

    But for optional fields that were added since: they have their defaults.
    """
    data = golden(kind, VERSION)
    assert breaches(kind, data) == []
    message = message_from_data(data)
    written = message_to_data(message)
    assert only_as_in(data, written) == data
    assert message_from_data(written) == message


@pytest.mark.parametrize("kind", [kind for kind in KINDS if (GOLDEN / f"{kind}.v{VERSION - 1}.json").exists()])
def test_golden_messages_of_the_version_before_are_read(kind: str) -> None:
    """A machine that runs the version before is understood: its message means what the golden one of today means."""
    before = message_from_data(golden(kind, VERSION - 1))
    assert before == message_from_data(golden(kind, VERSION))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", [VERSION + 1, VERSION + 40, -1])
def test_a_version_that_is_not_known_is_refused_with_a_remedy(kind: str, version: int) -> None:
    """A message from the future is not guessed at: the error names its version and those that are understood."""
    with pytest.raises(InvalidInput, match=f"version = {version}: .*{VERSION - 1} and {VERSION}.*upgrade"):
        message_from_data(example_of(kind, version=version))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not (GOLDEN / f"{kind}.v{VERSION - 1}.json").exists()])
def test_a_message_that_there_was_not_in_the_version_before_is_refused(kind: str) -> None:
    """Nobody ever wrote it."""
    with pytest.raises(InvalidInput, match=f"{kind} began with version {VERSION}"):
        message_from_data(example_of(kind, version=VERSION - 1))


@pytest.mark.parametrize("kind", ["", None, "job_requestd", 7, [], {}])
def test_an_unknown_kind_is_refused(kind: object) -> None:
    """A message that is no message of ours names the kinds there are."""
    with pytest.raises(InvalidInput, match=r"kind = .*job_requested, job_observed"):
        message_from_data({"kind": kind, "version": VERSION})


@given(JSON)
def test_anything_else_is_refused_with_our_own_error(data: object) -> None:
    """Whatever lands on a queue, the reader's only complaint is its own."""
    with pytest.raises(InvalidInput):
        message_from_data(data)


@pytest.mark.parametrize(
    ("kind", "part", "record"),
    [
        *((kind, "", record) for kind, record in KINDS.items()),
        ("job_requested", "job", JobFacts),
        ("job_observed", "job", JobFacts),
        ("assignment", "package", RunnerPackage),
    ],
)
def test_schema_and_class_have_the_same_fields(kind: str, part: str, record: type) -> None:
    """Names, which of them are required, and the defaults of the others are one and the same in both places."""
    node = schema(kind)["$defs"][part] if part else schema(kind)
    envelope = set() if part else {"kind", "version"}
    properties = {name: value for name, value in node["properties"].items() if name not in envelope}
    known = attrs.fields_dict(record)
    assert list(properties) == list(known)
    assert set(node["required"]) - envelope == {name for name, field in known.items() if field.default is attrs.NOTHING}
    for name, field in known.items():
        default: Any = field.default
        if default is attrs.NOTHING:
            assert "default" not in properties[name]
        else:
            value = default.factory() if hasattr(default, "factory") else default
            assert properties[name]["default"] == (list(value) if isinstance(value, tuple) else value)


def test_every_field_says_what_it_is_and_times_say_their_unit() -> None:
    """A reader of the schema alone knows what every number counts."""
    timed = ("_at", "at", "created_at", "max_runtime", "idle_timeout", "phases")

    def check(node: dict[str, Any]) -> None:
        for name, field in node.get("properties", {}).items():
            if "$ref" in field:
                continue
            assert field["description"].endswith("."), name
            if name == "at" or name.endswith("_at") or name in timed:
                assert "icroseconds" in field["description"], name
            check(field)

    for kind in KINDS:
        check(schema(kind))
        for inner in schema(kind).get("$defs", {}).values():
            check(inner)


def test_a_secret_does_not_show_when_a_message_is_refused() -> None:
    """The registration is a secret: an error about an assignment names fields, not what is in them."""
    data = example_of("assignment", jit_config="hush-hush", runner_id="x")
    with pytest.raises(InvalidInput) as caught:
        message_from_data(data)
    assert "hush-hush" not in str(caught.value)
    assert "hush-hush" not in repr(message_from_data(example_of("assignment", jit_config="hush-hush")))
    assert to_data(message_from_data(example_of("assignment", jit_config="hush-hush")))["jit_config"] == "hush-hush"

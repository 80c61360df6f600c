"""Outcomes as JSON: equal outcomes are equal bytes, every outcome comes back, and the schema says the same."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.simulation.outcome import Outcome
from paddock.adapters.simulation.render.data import (
    outcome_from_json,
    outcome_to_json,
    outcomes_data,
    outcomes_from_json,
    outcomes_to_json,
)
from paddock.adapters.simulation.render.headline import headline
from paddock.core.errors import InvalidInput
from tests.contracts import breaches, schema
from tests.unit.simulation.outcomes import broken, outcome_a, outcome_b, outcomes

SMALL = attrs.evolve(broken(outcome_b()), policy="caf\u00e9", levels=outcome_b().levels[:1])


@given(st.lists(outcomes(), max_size=3))
def test_outcomes_come_back_as_they_were(several: list[Outcome]) -> None:
    """Whatever a simulation comes to survives the way through JSON, in order, with its types."""
    back = outcomes_from_json(outcomes_to_json(several))
    assert list(back) == several
    assert [dict(sorted(one.waits.items())) for one in back] == [dict(sorted(one.waits.items())) for one in several]


@given(outcomes())
def test_equal_outcomes_are_equal_bytes(outcome: Outcome) -> None:
    """In whatever order the label sets were met, the text is the same; it is plain ASCII without fractions."""
    turned = attrs.evolve(outcome, waits=dict(reversed(list(outcome.waits.items()))))
    text = outcome_to_json(outcome)
    assert outcome_to_json(turned) == text
    assert text.isascii()
    assert outcome_to_json(outcome_from_json(text)) == text


def test_the_bytes_are_those_of_every_python_and_every_day() -> None:
    """The text of a fixed outcome is known to the byte, and is read as that outcome for ever."""
    golden = (Path(__file__).parents[2] / "golden" / "simulation.v1.json").read_text(encoding="utf-8")
    assert outcome_to_json(SMALL) == golden
    assert outcome_from_json(golden) == SMALL


@given(st.lists(outcomes(), max_size=2))
def test_what_is_written_fits_its_schema(several: list[Outcome]) -> None:
    """The contract describes what is printed."""
    assert breaches("simulation", json.loads(outcomes_to_json(several))) == []


def test_every_key_is_described_in_the_schema() -> None:
    """No key is printed that the contract does not name, and each has a description."""
    data = json.loads(outcomes_to_json([broken(outcome_a())]))
    definitions = schema("simulation")["$defs"]

    def named(value: Any, of: dict[str, Any]) -> None:  # noqa: ANN401 - any JSON
        of = definitions[of["$ref"].rpartition("/")[2]] if "$ref" in of else of
        if isinstance(value, list):
            for inner in value:
                named(inner, of["items"])
        elif isinstance(value, dict):
            for key, inner in value.items():
                assert key in of.get("properties", {}) or "additionalProperties" in of, key
                named(inner, of.get("properties", {}).get(key) or of["additionalProperties"])

    named(data, schema("simulation"))
    for name, definition in definitions.items():
        assert all("description" in one for one in definition["properties"].values()), name


def test_the_total_is_written_for_those_who_read_it() -> None:
    """``cost.total`` spares scripts the sum; whoever changes it changes nothing that is read back."""
    data = outcomes_data([outcome_a()])
    assert data["outcomes"][0]["cost"]["total"] == outcome_a().cost.total == 9_800_000
    data["outcomes"][0]["cost"]["total"] = 1
    assert outcomes_from_json(json.dumps(data)) == (outcome_a(),)


def places(data: object, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path for key, value in inner for path in [(*at, key), *places(value, (*at, key))]]


@given(st.data())
def test_reader_and_schema_agree_on_what_is_wrong(data: st.DataObject) -> None:
    """With any value taken away or replaced, the reader refuses what the schema refuses, and nothing else."""
    told: dict[str, Any] = json.loads(outcome_to_json(SMALL))
    *way, last = data.draw(st.sampled_from([place for place in places(told) if place[-1] != "total"]))
    spot: Any = told
    for key in way:
        spot = spot[key]
    if data.draw(st.booleans()):
        del spot[last]
    else:
        spot[last] = data.draw(st.sampled_from([None, True, 7, "7", 0.5, [], {}, ["x"], {"x": 1}]))
    if breaches("simulation", told):
        with pytest.raises(InvalidInput):
            outcomes_from_json(json.dumps(told))
    else:
        outcomes_from_json(json.dumps(told))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON"),
        ("[]", "kind = None"),
        ('{"kind": "assignment"}', "must be 'simulation'"),
        ('{"kind": "simulation", "version": 2, "outcomes": []}', "this reader understands 1"),
        ('{"kind": "simulation", "version": true, "outcomes": []}', "this reader understands 1"),
        ('{"kind": "simulation", "version": 1}', "outcomes"),
        ('{"kind": "simulation", "version": 1, "outcomes": [{}]}', "policy"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, said: str) -> None:
    """The error names what is wrong and what would be right."""
    with pytest.raises(InvalidInput, match=said):
        outcomes_from_json(text)


def test_one_outcome_is_asked_for_where_one_is_meant() -> None:
    """A file with two policies is not read as if it had one."""
    with pytest.raises(InvalidInput, match="exactly one"):
        outcome_from_json(outcomes_to_json([outcome_a(), outcome_b()]))


def test_keys_of_tomorrow_are_passed_over() -> None:
    """A later writer may add keys: this reader neither fails nor sees them, and the schema allows them."""
    data = copy.deepcopy(outcomes_data([outcome_a()]))
    data["outcomes"][0]["mood"] = "good"
    data["outcomes"][0]["jobs"]["happy"] = 1
    assert outcomes_from_json(json.dumps(data)) == (outcome_a(),)
    assert breaches("simulation", json.loads(json.dumps(data))) == []


def test_the_library_example_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The code block is executed as it stands, on the outcomes of two policies."""
    page = (Path(__file__).parents[3] / "docs" / "simulating.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("outcomes.json").write_text(outcomes_to_json([outcome_a(), outcome_b()]), encoding="utf-8")
    exec(compile(code, "docs/simulating.md", "exec"), {})
    told = capsys.readouterr().out.splitlines()
    assert told == [headline([outcome_a(), outcome_b()]), "A"]
    assert Path("report.html").read_text(encoding="utf-8").startswith("<!doctype html>")

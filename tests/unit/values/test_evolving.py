"""Records changed in the quick way are the records that `attrs.evolve` makes."""

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.evolving import evolved
from paddock.adapters.listings import index_values
from paddock.core.job import Job, JobFacts
from paddock.core.records import KINDS, Kind, Made
from tests.strategies import RECORDS

pytestmark = pytest.mark.slow

JOB = Job(JobFacts(1, 1, "acme/app", ()))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.prefix)
@given(data=st.data())
def test_a_changed_record_is_what_attrs_makes_of_it(kind: Kind[Any], data: st.DataObject) -> None:
    """Any fields of any kind of record."""
    first, second = data.draw(RECORDS[kind.record]), data.draw(RECORDS[kind.record])
    names = data.draw(st.sets(st.sampled_from([field.name for field in attrs.fields(kind.record)])))
    change = {name: getattr(second, name) for name in names}
    assert evolved(first, change) == attrs.evolve(first, **change)
    assert evolved(first, {}) == first


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.prefix)
@given(data=st.data())
def test_fields_that_a_kind_is_not_placed_by_move_nothing(kind: Kind[Any], data: st.DataObject) -> None:
    """Key, order and indexes of a record stay when any other field changes."""
    first, second = data.draw(RECORDS[kind.record]), data.draw(RECORDS[kind.record])
    others = [field.name for field in attrs.fields(kind.record) if field.name not in kind.placed_by]
    after = attrs.evolve(first, **{name: getattr(second, name) for name in others})
    assert after.key == first.key
    assert kind.order(after) == kind.order(first)
    assert index_values(kind, after) == index_values(kind, first)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.prefix)
@given(data=st.data())
def test_a_key_is_made_of_the_fields_that_the_kind_names(kind: Kind[Any], data: st.DataObject) -> None:
    """A change of any other field leaves the record where it is."""
    first, second = data.draw(RECORDS[kind.record]), data.draw(RECORDS[kind.record])
    names = {field.name for field in attrs.fields(kind.record)}
    assert kind.keyed_by <= names
    after = attrs.evolve(first, **{name: getattr(second, name) for name in names - kind.keyed_by})
    assert after.key == first.key


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.prefix)
@given(data=st.data())
def test_indexes_and_order_are_made_of_the_field_they_name(kind: Kind[Any], data: st.DataObject) -> None:
    """A store that sets other fields need not look at them."""
    first, second = data.draw(RECORDS[kind.record]), data.draw(RECORDS[kind.record])
    everything: list[Made[Any]] = [kind.order, *kind.indexes.values()]
    for made in everything:
        names = [field.name for field in attrs.fields(kind.record) if field.name != made.field]
        after = attrs.evolve(first, **{name: getattr(second, name) for name in names})
        assert made(after) == made(first)


def test_a_field_that_is_none_is_refused() -> None:
    """A misspelt change must not be lost."""
    with pytest.raises(TypeError, match="no field 'sate'"):
        evolved(JOB, {"sate": 1})


def test_a_changed_record_is_as_frozen_as_any() -> None:
    """It is of the record's own class, and the record itself stays as it was."""
    after = evolved(JOB, {"launch": 1})
    assert (type(after), after.launch, JOB.launch) == (Job, 1, 0)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        after.launch = 2  # type: ignore[misc]  # on purpose
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        del after.launch


def test_what_a_class_makes_of_its_fields_is_made_of_changed_ones() -> None:
    """Converters, validators, derived fields, inherited ones, and those without slots."""

    @attrs.frozen
    class Made:
        a: int = attrs.field(converter=int)
        b: int = attrs.field(default=1, validator=attrs.validators.ge(0))
        c: int = attrs.field(init=False)

        def __attrs_post_init__(self) -> None:
            object.__setattr__(self, "c", self.a + self.b)

    @attrs.frozen
    class Heir(Made):
        d: int = 4

    @attrs.frozen(slots=False)
    class Loose:
        a: int

    for cls in (Made, Heir):
        assert evolved(cls(1, 2), {"a": "3"}) == cls(3, 2)
        with pytest.raises(ValueError, match="b"):
            evolved(cls(1, 2), {"b": -1})
    assert evolved(Loose(1), {"a": 2}) == Loose(2)


def test_a_class_whose_constructor_is_called_otherwise_is_changed_all_the_same() -> None:
    """Fields by keyword only, and a single field."""

    @attrs.frozen(kw_only=True)
    class Keywords:
        a: int
        b: int = 2

    @attrs.frozen
    class Single:
        a: int

    assert evolved(Keywords(a=1), {"b": 3}) == Keywords(a=1, b=3)
    assert evolved(Single(1), {"a": 2}) == Single(2)

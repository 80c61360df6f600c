"""What every log of decisions promises, held against each adapter."""

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.core.decision import Decision
from paddock.core.ports.decisions import Decisions
from tests.integration.contracts.decisions_adapters import ADAPTERS, OpenDecisions
from tests.strategies import decisions
from tests.threads import race


@pytest.fixture(params=ADAPTERS.values(), ids=list(ADAPTERS))
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Decisions]:
    """An empty log."""
    with request.param(tmp_path) as opened:
        yield opened


def decision(number: int, subject: str = "job:1") -> Decision:
    return Decision(subject, at=number, actor="dispatch", verdict=f"verdict-{number}", reason="because")


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=list(ADAPTERS))
def test_every_decision_comes_back_as_it_was(adapter: OpenDecisions, tmp_path: Path) -> None:
    """Whatever its facts are: a zero stays a zero, False stays False, and absent stays absent."""
    with adapter(tmp_path) as log:
        count = iter(range(10**6))

        @settings(max_examples=60)
        @given(st.lists(decisions, max_size=4))
        def comes_back(batch: list[Decision]) -> None:
            subject = f"job:{next(count)}"
            filed = [attrs.evolve(each, subject=subject) for each in batch]
            log.append(filed)
            assert [repr(each) for each in log.about(subject)] == [repr(each) for each in filed]

        comes_back()


def test_decisions_are_kept_in_the_order_in_which_they_came(log: Decisions) -> None:
    """Within a batch and from batch to batch, also if the clock stepped backwards in between."""
    log.append([decision(5), decision(6)])
    log.append([])
    log.append([decision(3)])
    assert [each.at for each in log.about("job:1")] == [5, 6, 3]


def test_only_the_subject_asked_for_is_told(log: Decisions) -> None:
    """Nothing about another subject, and nothing at all about an unknown one, is an empty answer and no error."""
    log.append([decision(1), decision(2, "job:10"), decision(3, "machine:1")])
    assert list(log.about("job:10")) == [decision(2, "job:10")]
    assert list(log.about("job:404")) == []


def test_the_same_decision_twice_is_two_decisions(log: Decisions) -> None:
    """The log is append-only: it does not guess that a repetition is a mistake."""
    log.append([decision(1), decision(1)])
    assert list(log.about("job:1")) == [decision(1), decision(1)]


def test_a_limit_keeps_the_newest_oldest_first(log: Decisions) -> None:
    """Of many decisions the last ones are told, in their order."""
    log.append([decision(number) for number in range(10)])
    assert [each.at for each in log.about("job:1", limit=3)] == [7, 8, 9]
    assert [each.at for each in log.about("job:1", limit=100)] == list(range(10))


def test_a_long_story_is_told_up_to_the_limit(log: Decisions) -> None:
    """More decisions than one page of any store: the newest 200 by default, all if asked."""
    for start in range(0, 300, 50):
        log.append([decision(number) for number in range(start, start + 50)])
    assert [each.at for each in log.about("job:1")] == list(range(100, 300))
    assert [each.at for each in log.about("job:1", limit=1_000)] == list(range(300))


def test_appending_in_many_threads_loses_nothing(log: Decisions) -> None:
    """Every thread's decisions are there, in the order in which that thread appended them."""

    def append(thread: int) -> None:
        for number in range(10):
            log.append([decision(thread * 100 + number)])

    race(4, append)
    told = [each.at for each in log.about("job:1")]
    assert len(told) == 40
    for thread in range(4):
        assert [at for at in told if at // 100 == thread] == [thread * 100 + number for number in range(10)]

"""The three lives as tables: connected, ending where they should, and every predicate derived from the edges."""

from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.errors import IllegalTransition
from paddock.core.job import Job, JobFacts
from paddock.core.records import CIRCUITS, JOBS, LAUNCHES, RUNNERS, Kind
from paddock.core.runner import Runner
from paddock.core.states import (
    CIRCUIT_LIFE,
    ENDED_JOBS,
    JOB_LIFE,
    LIVE_JOBS,
    LIVE_RUNNERS,
    RUNNER_LIFE,
    CircuitState,
    JobState,
    RunnerState,
    StateTable,
)

LIVES: dict[str, tuple[StateTable[Any], type[StrEnum], list[StrEnum]]] = {
    "job": (JOB_LIFE, JobState, [JobState.QUEUED]),
    # The cloud may have given the machine before a record of it was written.
    "runner": (RUNNER_LIFE, RunnerState, [RunnerState.REQUESTED]),
    "circuit": (CIRCUIT_LIFE, CircuitState, [CircuitState.CLOSED]),
}
each_life = pytest.mark.parametrize(("life", "vocabulary", "beginnings"), LIVES.values(), ids=list(LIVES))


def reachable(life: StateTable[Any], start: list[StrEnum]) -> set[StrEnum]:
    """Where one can get from the start, in any number of steps."""
    seen, todo = set(start), list(start)
    while todo:
        for target in life.targets(todo.pop()) - seen:
            seen.add(target)
            todo.append(target)
    return seen


@each_life
def test_every_state_is_reached_from_the_beginning(
    life: StateTable[Any], vocabulary: type[StrEnum], beginnings: list[StrEnum]
) -> None:
    """No state of the vocabulary is missing from its table, and none is an island."""
    assert life.states == set(vocabulary)
    assert reachable(life, beginnings) == set(vocabulary)


@each_life
def test_ends_have_no_exits_and_everything_else_can_end(
    life: StateTable[Any], vocabulary: type[StrEnum], beginnings: list[StrEnum]
) -> None:
    """Nothing leaves an end by itself; from every live state some end can be reached, if there are ends at all."""
    del beginnings
    for end in life.ends:
        assert life.targets(end) == frozenset()
        assert {state for state in vocabulary if life.allows(end, state) and (end, state) not in life.reopened} == {end}
    for state in life.live:
        assert life.targets(state)
        assert not life.ends or reachable(life, [state]) & life.ends


@each_life
def test_every_edge_says_why(life: StateTable[Any], vocabulary: type[StrEnum], beginnings: list[StrEnum]) -> None:
    """An edge is a move from one state to another, with a reason in words."""
    del beginnings
    for (source, target), reason in (*life.edges.items(), *life.reopened.items()):
        assert source in vocabulary
        assert target in vocabulary
        assert source is not target
        assert reason.strip()


@each_life
def test_the_predicates_are_the_edges_in_other_words(
    life: StateTable[Any], vocabulary: type[StrEnum], beginnings: list[StrEnum]
) -> None:
    """`allows`, `sources` and `targets` agree about each pair; live and ended states are a partition."""
    del beginnings
    for a in vocabulary:
        assert life.allows(a, a)
        for b in vocabulary:
            edge = (a, b) in life.edges
            assert (b in life.targets(a)) is (a in life.sources(b)) is edge
            assert life.allows(a, b) is (edge or a is b or (a, b) in life.reopened)
    assert {a for a, _ in life.reopened} <= life.ends
    assert life.live | life.ends == life.states
    assert life.live & life.ends == frozenset()


def test_the_ends_are_those_of_the_design() -> None:
    """A job ends in four ways, a machine in one, a circuit never."""
    assert {*JOB_LIFE.ends} == {JobState.FINISHED, JobState.CANCELLED, JobState.REJECTED, JobState.ABANDONED}
    assert {*RUNNER_LIFE.ends} == {RunnerState.GONE}
    assert CIRCUIT_LIFE.ends == frozenset()
    assert (JOB_LIFE.live, JOB_LIFE.ends, RUNNER_LIFE.live) == (LIVE_JOBS, ENDED_JOBS, LIVE_RUNNERS)


def test_a_running_job_never_queues_again() -> None:
    """GitHub re-runs as a new attempt with new job ids; there is no way back, by any detour that goes by itself."""
    assert reachable(JOB_LIFE, [JobState.RUNNING]) == {JobState.RUNNING, JobState.FINISHED, JobState.ABANDONED}


def test_a_machine_serves_at_most_one_job() -> None:
    """Once it is busy it can never be ready, busy after something else, or asleep again."""
    assert reachable(RUNNER_LIFE, [RunnerState.BUSY]) == {RunnerState.BUSY, RunnerState.DRAINING, RunnerState.GONE}


@given(st.sampled_from(JobState))
def test_a_job_is_live_until_it_has_ended(state: JobState) -> None:
    """The record's own predicate is the table's."""
    job = Job(facts=JobFacts(1, 1, "acme/api", ()), state=state)
    assert job.live is (state in LIVE_JOBS) is bool(JOB_LIFE.targets(state))


@given(st.sampled_from(RunnerState))
def test_a_machine_is_live_until_it_is_gone(state: RunnerState) -> None:
    """The record's own predicate is the table's."""
    runner = Runner("i-1", "acme/api", (), "l-1", state=state)
    assert runner.live is (state in LIVE_RUNNERS) is bool(RUNNER_LIFE.targets(state))


@pytest.mark.parametrize("kind", [JOBS, RUNNERS, CIRCUITS], ids=lambda kind: str(kind.prefix))
def test_a_change_of_state_is_checked_against_each_state_it_may_start_from(kind: Kind[Any]) -> None:
    """Allowed if every admitted source has the edge; refused if one lacks it, or if no source is named."""
    life = kind.life
    assert life is not None
    for target in life.states:
        everywhere = {source for source in life.states if life.allows(source, target)}
        kind.check({"state": everywhere}, {"state": target})
        for source in life.states - everywhere:
            for when in ({"state": source}, {"state": {source}}, {"state": everywhere | {source}}):
                with pytest.raises(IllegalTransition, match=f"{source} -> {target}"):
                    kind.check(when, {"state": target})
        with pytest.raises(IllegalTransition, match="from which states"):
            kind.check({}, {"state": target})


def test_a_change_without_a_state_needs_no_source() -> None:
    """Fields other than the state may change at any time, and kinds without a life have nothing to check."""
    JOBS.check({}, {"reason": "noted"})
    LAUNCHES.check({}, {"machines": ()})

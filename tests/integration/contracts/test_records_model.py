"""Stores of records against a dictionary: any sequence of calls has the outcome that the plain model says."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from paddock.core.errors import Conflict, IllegalTransition, NotFound
from paddock.core.job import Job, JobFacts
from paddock.core.records import JOBS
from paddock.core.states import JOB_LIFE, JobState
from tests.integration.contracts.records_adapters import PARAMETERS, AnyRecords, OpenRecords, sequences_of

numbers = st.integers(1, 6)
states = st.sampled_from(JobState)
machines = st.none() | st.sampled_from(["i-1", "i-2"])
conditions = st.fixed_dictionaries(
    {"state": states | st.sets(states, min_size=1)}, optional={"machine": machines, "launch": st.integers(0, 2)}
)
changes = st.fixed_dictionaries(
    {}, optional={"state": states, "machine": machines, "launch": st.integers(0, 2), "reason": st.text(max_size=3)}
)


def fits(job: Job, when: dict[str, Any]) -> bool:
    """The model's own word on a condition."""
    return all(
        getattr(job, name) in wanted if isinstance(wanted, set) else getattr(job, name) == wanted
        for name, wanted in when.items()
    )


def legal(when: dict[str, Any], change: dict[str, Any]) -> bool:
    """The model's own word on a change of state: every state admitted may make it."""
    sources = when["state"] if isinstance(when["state"], set) else {when["state"]}
    target = change.get("state")
    return target is None or all(
        source == target or (source, target) in {*JOB_LIFE.edges, *JOB_LIFE.reopened} for source in sources
    )


class RecordsModel(RuleBasedStateMachine):
    """Jobs in a store and in a dictionary."""

    adapter: OpenRecords

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = self.stack.enter_context(TemporaryDirectory())
        self.store: AnyRecords = self.stack.enter_context(self.adapter(JOBS, Path(folder)))
        self.model: dict[str, Job] = {}

    def teardown(self) -> None:
        """Close the store."""
        self.stack.close()

    @initialize()
    def begin(self) -> None:
        """A store is empty at first."""
        assert self.store.page("all", "all").items == ()

    @rule(number=numbers, created_at=st.integers(0, 3), state=states)
    def add(self, number: int, created_at: int, state: JobState) -> None:
        """A free key takes the record, a taken one refuses it."""
        facts = JobFacts(job_id=number, run_id=1, repository="acme/api", labels=(), created_at=created_at)
        job = Job(facts=facts, state=state)
        assert self.store.add(job) is (job.key not in self.model)
        self.model.setdefault(job.key, job)

    @rule(number=numbers, when=conditions, change=changes)
    def update(self, number: int, when: dict[str, Any], change: dict[str, Any]) -> None:
        """Refused, not found, in conflict or done, as the model says."""
        job = self.model.get(str(number))
        if not legal(when, change):
            with pytest.raises(IllegalTransition):
                self.store.update(str(number), when, change)
        elif job is None:
            with pytest.raises(NotFound):
                self.store.update(str(number), when, change)
        elif not fits(job, when):
            with pytest.raises(Conflict) as caught:
                self.store.update(str(number), when, change)
            assert caught.value.current == job
        else:
            after = attrs.evolve(job, **change)
            assert self.store.update(str(number), when, change) == after
            self.model[job.key] = after

    @rule(number=numbers)
    def remove(self, number: int) -> None:
        """There or not there."""
        assert self.store.remove(str(number)) is (self.model.pop(str(number), None) is not None)

    @rule(limit=st.integers(1, 4))
    def page(self, limit: int) -> None:
        """All pages of any size hold everything once, by age."""
        found: list[Job] = []
        cursor = None
        while True:
            page = self.store.page("all", "all", limit=limit, cursor=cursor)
            found += page.items
            assert page.cursor is None or page.cursor != cursor, "the listing turns in circles"
            cursor = page.cursor
            if cursor is None:
                break
        assert sorted(found, key=lambda job: job.key) == sorted(self.model.values(), key=lambda job: job.key)
        ages = [job.facts.created_at for job in found]
        assert ages == sorted(ages)

    @invariant()
    def same_records(self) -> None:
        """Every key holds the same."""
        for number in range(1, 7):
            assert self.store.get(str(number)) == self.model.get(str(number))

    @invariant()
    def same_indexes(self) -> None:
        """Live jobs are listed under what their state stands for, and no others."""
        stages = {
            "queued": {JobState.QUEUED},
            "claimed": {JobState.DISPATCHING},
            "placed": {JobState.LAUNCHED, JobState.RUNNING},
        }
        for stage, within in stages.items():
            listed = {job.key for job in self.store.page("live", stage).items}
            assert listed == {key for key, job in self.model.items() if job.state in within}


@pytest.mark.parametrize("adapter", PARAMETERS)
def test_any_sequence_of_calls_ends_as_in_a_dictionary(adapter: OpenRecords) -> None:
    """Random adds, updates, removals and listings: after each the store and the model are the same."""
    model = type("Model", (RecordsModel,), {"adapter": staticmethod(adapter)})
    sequences, steps = sequences_of(adapter, settings().max_examples)
    run_state_machine_as_test(model, settings=settings(max_examples=sequences, stateful_step_count=steps))

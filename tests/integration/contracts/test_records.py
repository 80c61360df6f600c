"""What every store of records promises, held against each adapter."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias, Unpack

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.core.costs.ledger import Bill, Interval, Phase
from paddock.core.errors import Conflict, IllegalTransition, NotFound
from paddock.core.job import Job, JobChange, JobFacts
from paddock.core.records import JOBS, KINDS, LEDGER, RERUNS, RUNNERS, RUNS, Keyed, Kind, Made
from paddock.core.rerun import Rerun
from paddock.core.run import Run
from paddock.core.runner import Runner
from paddock.core.spec import Market
from paddock.core.states import JobState, RunnerState
from tests.integration.contracts.records_adapters import PARAMETERS, AnyRecords, OpenRecords, fewer
from tests.strategies import RECORDS
from tests.threads import race

Open: TypeAlias = Callable[[Kind[Any]], AnyRecords]
FACTS = JobFacts(job_id=1, run_id=7, repository="acme/api", labels=("paddock",))


@pytest.fixture(params=PARAMETERS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the records of a kind in a store that is empty at first."""
    with ExitStack() as stack:
        yield lambda kind: stack.enter_context(request.param(kind, tmp_path))


def job(number: int, created_at: int = 0, **fields: Unpack[JobChange]) -> Job:
    return Job(facts=attrs.evolve(FACTS, job_id=number, created_at=created_at), **fields)


def bill(machine: str = "i-1", workflow: str = "") -> Bill:
    intervals = (Interval(Phase.JOB, 60, 1, 1, 1),)
    return Bill(machine, 0, intervals, "m7i.large", Market.SPOT, "acme/api", workflow)


def listing(records: AnyRecords, index: str, value: str, limit: int = 100) -> list[Any]:
    """All pages, one after the other."""
    items: list[Any] = []
    cursor = None
    while True:
        page = records.page(index, value, limit=limit, cursor=cursor)
        assert len(page.items) <= limit
        items += page.items
        assert page.cursor is None or page.cursor != cursor, "the listing turns in circles"
        cursor = page.cursor
        if cursor is None:
            return items


@pytest.mark.parametrize("adapter", PARAMETERS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.prefix))
def test_every_kind_of_record_comes_back_as_it_was(adapter: OpenRecords, kind: Kind[Any], tmp_path: Path) -> None:
    """Whatever is in a record, reading returns an equal one, and the indexes hold exactly what the kind says."""
    with adapter(kind, tmp_path) as records:

        @settings(max_examples=fewer(adapter, 40))
        @given(RECORDS[kind.record])
        def comes_back(record: Keyed) -> None:
            records.remove(record.key)
            assert records.add(record)
            assert records.get(record.key) == record
            for index, value_of in kind.indexes.items():
                value = value_of(record)
                if value is not None:
                    assert record in listing(records, index, value)
            assert records.remove(record.key)
            assert all(not listing(records, index, of(record) or "none") for index, of in kind.indexes.items())

        comes_back()


def test_a_taken_key_is_refused_and_nothing_is_written(store: Open) -> None:
    """The second `add` of a key returns False and leaves the first record as it was."""
    jobs = store(JOBS)
    assert jobs.add(job(1, machine="i-1"))
    assert not jobs.add(job(1, machine="i-2", state=JobState.RUNNING))
    assert jobs.get("1") == job(1, machine="i-1")
    assert listing(jobs, "live", "placed") == []


def test_a_key_without_a_record_gives_none(store: Open) -> None:
    """Reading what is not there is no error."""
    assert store(JOBS).get("404") is None


def test_kinds_do_not_share_keys(store: Open) -> None:
    """A job and a run of the same number are two records."""
    jobs, runs = store(JOBS), store(RUNS)
    assert jobs.add(job(1))
    assert runs.add(Run(run_id=1, repository="acme/api", fork=False))
    assert jobs.remove("1")
    assert runs.get("1") == Run(run_id=1, repository="acme/api", fork=False)


def test_an_update_sets_the_fields_named_and_no_others(store: Open) -> None:
    """The record that `update` returns is what stands there: the change applied, everything else kept."""
    jobs = store(JOBS)
    before = job(1, launch=1, launch_id="l-1", reason="first")
    jobs.add(before)
    after = jobs.update("1", {"launch": 1}, {"machine": "i-1", "launch": 2})
    assert after == attrs.evolve(before, machine="i-1", launch=2)
    assert jobs.get("1") == after


def test_a_set_in_the_condition_matches_any_member(store: Open) -> None:
    """``state in {queued, dispatching}`` holds for both of them and for nothing else."""
    jobs = store(JOBS)
    for number, state in enumerate((JobState.QUEUED, JobState.DISPATCHING, JobState.LAUNCHED), start=1):
        jobs.add(job(number, state=state))
    when = {"state": {JobState.QUEUED, JobState.DISPATCHING}}
    for key in ("1", "2"):
        assert jobs.update(key, when, {"state": JobState.CANCELLED}).state is JobState.CANCELLED
    with pytest.raises(Conflict):
        jobs.update("3", when, {"state": JobState.CANCELLED})


@pytest.mark.parametrize(
    "when",
    [{"state": JobState.QUEUED}, {"launch": 3}, {"machine": None}, {"machine": "i-2"}, {"launch": 2, "machine": None}],
    ids=str,
)
def test_a_condition_that_fails_changes_nothing_and_shows_what_stands_there(store: Open, when: dict[str, Any]) -> None:
    """Each given field must match; the Conflict carries the record as it is."""
    jobs = store(JOBS)
    standing = job(1, state=JobState.LAUNCHED, launch=2, machine="i-1")
    jobs.add(standing)
    with pytest.raises(Conflict) as caught:
        jobs.update("1", when, {"reason": "changed"})
    assert caught.value.current == standing
    assert jobs.get("1") == standing


def test_none_in_the_condition_matches_a_field_without_value(store: Open) -> None:
    """``machine = None`` means: only if no machine stands there."""
    jobs = store(JOBS)
    jobs.add(job(1))
    assert jobs.update("1", {"machine": None}, {"machine": "i-1"}).machine == "i-1"
    with pytest.raises(Conflict):
        jobs.update("1", {"machine": None}, {"machine": "i-2"})


def test_an_update_without_a_condition_always_matches(store: Open) -> None:
    """An empty condition is met by every record, as long as no state is changed."""
    jobs = store(JOBS)
    jobs.add(job(1))
    assert jobs.update("1", {}, {"reason": "noted"}).reason == "noted"


def test_updating_what_is_not_there_is_not_found(store: Open) -> None:
    """A change never creates a record."""
    jobs = store(JOBS)
    with pytest.raises(NotFound):
        jobs.update("1", {"state": JobState.QUEUED}, {"state": JobState.RUNNING})
    assert jobs.get("1") is None


def test_a_repeated_update_changes_nothing(store: Open) -> None:
    """A message that is handled twice finds its condition gone."""
    jobs = store(JOBS)
    jobs.add(job(1))
    first = jobs.update("1", {"state": JobState.QUEUED}, {"state": JobState.DISPATCHING, "lease_until": 5})
    with pytest.raises(Conflict):
        jobs.update("1", {"state": JobState.QUEUED}, {"state": JobState.DISPATCHING, "lease_until": 9})
    assert jobs.get("1") == first


@pytest.mark.parametrize("source", JobState)
def test_only_the_edges_of_the_life_can_be_written(store: Open, source: JobState) -> None:
    """From each state exactly the edges of the table can be taken; the others are refused and leave no trace."""
    jobs = store(JOBS)
    assert JOBS.life is not None
    for number, target in enumerate(JobState, start=1):
        jobs.add(job(number, state=source))
        if JOBS.life.allows(source, target):
            assert jobs.update(str(number), {"state": source}, {"state": target}).state is target
        else:
            with pytest.raises(IllegalTransition):
                jobs.update(str(number), {"state": source}, {"state": target})
            assert jobs.get(str(number)) == job(number, state=source)


def test_an_illegal_change_is_refused_before_anything_is_read(store: Open) -> None:
    """It is our fault, whatever stands there: also without a record, and if only one state of a set forbids it."""
    runners = store(RUNNERS)
    with pytest.raises(IllegalTransition):
        runners.update("i-404", {"state": RunnerState.GONE}, {"state": RunnerState.BOOTING})
    with pytest.raises(IllegalTransition):
        runners.update("i-404", {"state": {RunnerState.READY, RunnerState.GONE}}, {"state": RunnerState.BUSY})


def test_a_change_of_state_must_say_from_where(store: Open) -> None:
    """Without a condition on the state no edge can be checked, so nothing is written."""
    jobs = store(JOBS)
    jobs.add(job(1))
    with pytest.raises(IllegalTransition):
        jobs.update("1", {"launch": 0}, {"state": JobState.RUNNING})
    assert jobs.get("1") == job(1)


def test_an_index_follows_the_record(store: Open) -> None:
    """A record is listed under the value it has now, and no longer under the one it had."""
    jobs = store(JOBS)
    jobs.add(job(1))
    assert listing(jobs, "live", "queued") == [job(1)]
    jobs.update("1", {"state": JobState.QUEUED}, {"state": JobState.DISPATCHING})
    assert listing(jobs, "live", "queued") == []
    jobs.update("1", {"state": JobState.DISPATCHING}, {"reason": "a listing shows the record as it is"})
    assert [found.reason for found in listing(jobs, "live", "claimed")] == ["a listing shows the record as it is"]
    jobs.update("1", {"state": JobState.DISPATCHING}, {"state": JobState.LAUNCHED})
    assert listing(jobs, "live", "claimed") == []
    assert [found.key for found in listing(jobs, "live", "placed")] == ["1"]
    jobs.update("1", {"state": JobState.LAUNCHED}, {"state": JobState.RUNNING})
    assert [found.state for found in listing(jobs, "live", "placed")] == [JobState.RUNNING]


def test_an_index_is_sparse(store: Open) -> None:
    """A record whose index function gives None is in no listing of that index, and leaves it when it becomes so."""
    runners = store(RUNNERS)
    for machine in ("i-1", "i-2"):
        runners.add(Runner(machine=machine, repository="acme/api", labels=(), launch_id="l-1"))
    runners.update("i-1", {"state": RunnerState.BOOTING}, {"state": RunnerState.GONE})
    assert [runner.key for runner in listing(runners, "live", "live")] == ["i-2"]
    assert [runner.key for runner in listing(runners, "minute", "0")] == ["i-1", "i-2"]


def test_an_empty_string_never_enters_an_index(store: Open) -> None:
    """DynamoDB refuses such a key, so it is no value in any store: the record is kept, and not in that index."""
    by_workflow = attrs.evolve(LEDGER, indexes={"day": Made("workflow", lambda workflow: workflow)})
    bills = store(by_workflow)
    unnamed = bill(workflow="")
    assert bills.add(unnamed)
    assert bills.get(unnamed.key) == unnamed
    assert listing(bills, "day", "") == []
    named = bill(machine="i-2", workflow="CI")
    assert bills.add(named)
    assert listing(bills, "day", "CI") == [named]


@pytest.mark.parametrize("adapter", PARAMETERS)
def test_all_pages_together_hold_every_record_once_oldest_first(
    adapter: OpenRecords, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever the page size, and also among records of the same age."""

    @given(created=st.lists(st.integers(0, 5), min_size=1, max_size=12), limit=st.integers(1, 13))
    @settings(max_examples=fewer(adapter, 25))
    def holds(created: list[int], limit: int) -> None:
        with adapter(JOBS, tmp_path_factory.mktemp("pages")) as jobs:
            for number, created_at in enumerate(created, start=1):
                jobs.add(job(number, created_at))
            found = listing(jobs, "all", "all", limit)
            assert sorted(record.id for record in found) == list(range(1, len(created) + 1))
            assert [record.facts.created_at for record in found] == sorted(created)

    holds()


def test_pages_hold_while_others_write(store: Open) -> None:
    """Records that come, go and leave the listing between two pages neither hide nor repeat those that stay."""
    jobs = store(JOBS)
    for number in range(10, 20):
        jobs.add(job(number, created_at=number))
    first = jobs.page("live", "queued", limit=4)
    seen = [record.id for record in first.items]
    assert seen == [10, 11, 12, 13]
    jobs.remove("10")  # seen
    jobs.update("13", {"state": JobState.QUEUED}, {"state": JobState.CANCELLED})  # the very one the cursor stands on
    jobs.update("15", {"state": JobState.QUEUED}, {"state": JobState.CANCELLED})  # not seen yet
    jobs.add(job(5, created_at=5))  # before the cursor
    jobs.add(job(30, created_at=30))  # after it
    cursor = first.cursor
    while cursor is not None:
        page = jobs.page("live", "queued", limit=4, cursor=cursor)
        seen += [record.id for record in page.items]
        assert page.cursor != cursor, "the listing turns in circles"
        cursor = page.cursor
    assert seen == [10, 11, 12, 13, 14, 16, 17, 18, 19, 30]


def test_a_cursor_leads_on_when_the_records_it_was_made_of_are_gone(store: Open) -> None:
    """It is a place and no count: good for as long as it is kept, also when all up to it, or beyond, is forgotten."""
    jobs = store(JOBS)
    for number in range(1, 8):
        jobs.add(job(number, created_at=3 if number in {3, 4} else number))
    cursor = jobs.page("all", "all", limit=3).cursor
    jobs.remove("3")  # the one it stands on; the next one is as old
    assert [record.id for record in jobs.page("all", "all", cursor=cursor).items] == [4, 5, 6, 7]
    for number in (1, 2, 4, 5):
        jobs.remove(str(number))
    assert [record.id for record in jobs.page("all", "all", cursor=cursor).items] == [6, 7]
    for number in (6, 7):
        jobs.remove(str(number))
    assert jobs.page("all", "all", cursor=cursor).items == ()
    jobs.add(job(8, created_at=8))
    assert [record.id for record in jobs.page("all", "all", cursor=cursor).items] == [8]


def test_an_index_that_the_kind_does_not_have_is_refused(store: Open) -> None:
    """A misspelt index is an error, not an empty listing."""
    jobs = store(JOBS)
    with pytest.raises(ValueError, match="index"):
        jobs.page("colour", "red")


def test_a_cursor_of_another_listing_is_refused(store: Open) -> None:
    """A cursor that is nonsense, or leads on in another listing, is an error and not a wrong page."""
    jobs = store(JOBS)
    for number in (1, 2):
        jobs.add(job(number))
    cursor = jobs.page("live", "queued", limit=1).cursor
    assert cursor is not None
    for index, value, wrong in (("all", "all", cursor), ("live", "placed", cursor), ("live", "queued", "nonsense")):
        with pytest.raises(ValueError, match="cursor"):
            jobs.page(index, value, cursor=wrong)


def test_a_removed_record_is_gone_everywhere(store: Open) -> None:
    """It is neither read nor listed, a second removal says False, and its key is free again."""
    jobs = store(JOBS)
    jobs.add(job(1))
    assert jobs.remove("1")
    assert jobs.get("1") is None
    assert listing(jobs, "all", "all") == []
    assert not jobs.remove("1")
    assert jobs.add(job(1, machine="i-2"))
    assert listing(jobs, "all", "all") == [job(1, machine="i-2")]


def test_of_many_threads_that_add_one_key_one_succeeds(store: Open) -> None:
    """`add` is atomic: exactly one caller is told that the record is theirs, and theirs is what stands there."""
    jobs = store(JOBS)
    outcomes = race(8, lambda number: jobs.add(job(1, machine=f"i-{number}")))
    assert sorted(outcomes) == [False] * 7 + [True]
    found = jobs.get("1")
    assert found is not None
    assert found.machine == f"i-{outcomes.index(True)}"


def test_of_many_threads_that_claim_one_record_one_succeeds(store: Open) -> None:
    """A conditional update is one atomic step: the losers get a Conflict that shows the winner's record."""
    jobs = store(JOBS)
    jobs.add(job(1))

    def claim(number: int) -> str:
        try:
            change = {"state": JobState.DISPATCHING, "launch_id": f"l-{number}"}
            return str(jobs.update("1", {"state": JobState.QUEUED}, change).launch_id)
        except Conflict as conflict:
            return f"lost to {getattr(conflict.current, 'launch_id', None)}"

    outcomes = race(8, claim)
    winner = next(outcome for outcome in outcomes if not outcome.startswith("lost"))
    assert sorted(outcomes) == sorted([winner] + [f"lost to {winner}"] * 7)


def test_counting_in_many_threads_loses_nothing(store: Open) -> None:
    """Read, then update on what was read, again until it fits: every one of the increments is there in the end."""
    runs = store(RERUNS)
    runs.add(Rerun(1, "acme/api", 1, ()))

    def increments(_: int) -> int:
        conflicts = 0
        for _ in range(5):
            while True:
                before: Rerun | None = runs.get("1")
                assert before is not None
                try:
                    runs.update("1", {"times": before.times}, {"times": before.times + 1})
                    break
                except Conflict:
                    conflicts += 1
        return conflicts

    race(4, increments)
    found = runs.get("1")
    assert found is not None
    assert found.times == 20

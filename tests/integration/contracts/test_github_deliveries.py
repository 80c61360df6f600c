"""What the port `Deliveries` promises, held against each adapter."""

from collections.abc import Iterator
from operator import attrgetter

import pytest

from paddock.adapters.memory.github import JobScript
from paddock.core.errors import NotFound
from tests.integration.contracts.github_adapters import A_WHILE, ADAPTERS, REPOSITORY, GitHubUnderTest
from tests.strategies import NOON

JOB = JobScript("build", ("paddock",))


@pytest.fixture(name="github", params=ADAPTERS)
def _github(request: pytest.FixtureRequest) -> Iterator[GitHubUnderTest]:
    with ADAPTERS[request.param]() as opened:
        yield opened


def test_lists_what_was_sent_newest_first(github: GitHubUnderTest) -> None:
    """Every delivery comes with its event, action, time and outcome, the newest first."""
    github.model.start_run(REPOSITORY, [JOB])
    github.clock.advance(A_WHILE)
    event = github.model.deliveries.newest_first()[0].event
    github.model.deliveries.record(event, 502)
    found = list(github.deliveries.since(NOON - 1))
    assert [(one.event, one.action, one.ok, one.redelivery) for one in found] == [
        ("workflow_job", "queued", False, False),
        ("workflow_job", "queued", True, False),
        ("workflow_run", "requested", True, False),
    ]
    assert [one.delivered_at for one in found] == [NOON + A_WHILE, NOON, NOON]
    assert found[0].guid == found[1].guid != found[2].guid


def test_starts_after_the_moment(github: GitHubUnderTest) -> None:
    """Deliveries at the moment itself, and before, are not listed."""
    github.model.start_run(REPOSITORY, [JOB])
    github.clock.advance(A_WHILE)
    github.model.start_run(REPOSITORY, [JOB])
    assert {one.delivered_at for one in github.deliveries.since(NOON)} == {NOON + A_WHILE}
    assert list(github.deliveries.since(NOON + A_WHILE)) == []


def test_no_answer_is_a_failure(github: GitHubUnderTest) -> None:
    """A delivery that nobody answered is not ok."""
    github.model.start_run(REPOSITORY, [JOB])
    event = github.model.deliveries.newest_first()[0].event
    github.model.deliveries.record(event, 0)
    assert next(iter(github.deliveries.since(NOON - 1))).ok is False


def test_reads_all_pages(github: GitHubUnderTest) -> None:
    """A log longer than a page is read to its end, each entry once."""
    github.model.start_run(REPOSITORY, [JobScript(f"shard {number}", ("paddock",)) for number in range(250)])
    found = list(github.deliveries.since(NOON - 1))
    assert len({one.id for one in found}) == len(found) == 251
    assert found == sorted(found, key=attrgetter("id"), reverse=True)


def test_redelivers_under_the_same_guid(github: GitHubUnderTest) -> None:
    """What is asked for again is sent again: a new entry, marked as a redelivery, with the old GUID."""
    github.model.start_run(REPOSITORY, [JOB])
    event = github.model.deliveries.newest_first()[0].event
    failed = github.model.deliveries.record(event, 502)
    github.clock.advance(A_WHILE)
    github.deliveries.redeliver(failed.id)
    again = next(iter(github.deliveries.since(NOON)))
    assert (again.guid, again.redelivery, again.ok) == (event.guid, True, True)
    assert again.id != failed.id


def test_an_unknown_delivery_is_not_found(github: GitHubUnderTest) -> None:
    """GitHub forgets deliveries; asking for one it does not know is `NotFound`."""
    with pytest.raises(NotFound):
        github.deliveries.redeliver(17)

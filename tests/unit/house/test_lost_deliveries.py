"""Deliveries that failed are asked for again; and what was settled once is not read in GitHub's log for ever."""

from collections.abc import Iterator

import attrs
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from paddock.core.errors import Unavailable
from paddock.core.ports.github import HookDelivery
from paddock.core.task import TaskReport
from paddock.core.units import HOUR, MINUTE, SECOND, Moment, Span
from paddock.core.usecases.house.sweep_github import MOST_ATTEMPTS
from tests.strategies import NOON
from tests.world.world import World


@attrs.define
class Log:
    """GitHub's log, which may be behind. ``read`` are the moments from which on it was read, ``asked`` the GUIDs."""

    entries: list[tuple[Moment, HookDelivery]] = attrs.field(factory=list)
    read: list[Moment] = attrs.field(factory=list)
    asked: list[str] = attrs.field(factory=list)
    now: Moment = NOON
    away: bool = False

    def attempt(self, guid: str, *, ok: bool = False, event: str = "workflow_job", late: Span = 0) -> None:
        """An attempt of this moment, which is to be seen so much later."""
        entry = HookDelivery(len(self.entries), guid, event, "queued", self.now, ok, redelivery=False)
        self.entries.append((self.now + late, entry))

    def since(self, moment: Moment) -> Iterator[HookDelivery]:
        """See the port."""
        if self.away:
            raise Unavailable("away")
        self.read.append(moment)
        return (one for seen, one in reversed(self.entries) if seen <= self.now and one.delivered_at > moment)

    def redeliver(self, delivery_id: int) -> None:
        """See the port; what comes of it, the test says."""
        self.asked.append(self.entries[delivery_id][1].guid)


class House:
    """A fleet that has this log, and the task's cursor."""

    def __init__(self) -> None:
        self.log, self.cursor = Log(), ""
        self.world = World(around=lambda name, port: self.log if name == "github.deliveries" else port)
        self.log.now = self.world.clock.now()

    def later(self, span: Span) -> None:
        """Time passes."""
        self.log.now = self.world.clock.advance(span)

    def run(self) -> TaskReport:
        """One run, which goes on where the last one ended."""
        report = self.world.fleet.house.sweep_github(cursor=self.cursor)
        self.cursor = report.cursor
        return report

    def whole(self) -> list[str]:
        """What a run would ask for again that reads all of the last hour."""
        acts = self.world.fleet.house.sweep_github(dry_run=True).acts
        return [act.removeprefix("delivery ") for act in acts if act.startswith("delivery ")]


def test_what_was_settled_is_not_read_again() -> None:
    """A large fleet has tens of thousands of deliveries an hour, and a page holds a hundred."""
    house = House()
    for number in range(6):
        house.log.attempt(f"g{number}", ok=True)
        house.run()
        house.later(10 * MINUTE)
    spans = [at - moment for at, moment in zip(range(NOON, house.log.now, 10 * MINUTE), house.log.read, strict=True)]
    assert spans[0] == HOUR
    assert max(spans[2:]) == 15 * MINUTE, "the last run was ten minutes ago, and the log may be five behind"


def test_one_that_failed_is_asked_for_until_it_is_taken_or_tried_often_enough() -> None:
    """However far the reading has come with others meanwhile."""
    house = House()
    house.log.attempt("lost")
    for number in range(10):
        house.later(5 * MINUTE)
        house.log.attempt(f"g{number}", ok=True)
        asked = len(house.log.asked)
        house.run()
        if len(house.log.asked) > asked:
            house.later(SECOND)
            house.log.attempt("lost")
    assert house.log.asked == ["lost"] * (MOST_ATTEMPTS - 1)


def test_what_nobody_asks_for_again_does_not_keep_the_log_open() -> None:
    """Such as a ping that failed."""
    house = House()
    house.log.attempt("ping", event="ping")
    house.later(20 * MINUTE)
    house.log.attempt("g", ok=True)
    house.run()
    house.run()
    assert house.log.read[-1] == house.log.now - 5 * MINUTE
    assert not house.log.asked


@pytest.mark.parametrize("cursor", ["", "?", "-5", "0", "٣", str(NOON * 2)])
def test_a_cursor_that_says_nothing_is_an_hour(cursor: str) -> None:
    """An older release had none, a clock may have been wrong."""
    house = House()
    house.cursor = cursor
    house.run()
    assert house.log.read == [NOON - HOUR]


def test_a_log_that_cannot_be_read_is_read_from_the_same_moment_later() -> None:
    """Nothing was settled."""
    house = House()
    house.cursor = before = str(NOON - 10 * MINUTE)
    house.log.away = True
    assert house.run().failed == 1
    assert house.cursor == before


STEPS = st.tuples(st.integers(0, 3), st.integers(0, 7), st.sampled_from((0, 5)), st.sampled_from((0, 1, 4, 14)))


@limits(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_nothing_is_asked_for_less_or_more_than_by_who_reads_all_of_it(steps: list[tuple[int, int, int, int]]) -> None:
    """Attempts at any time, of which one in eight is taken; each is to be seen at once or some minutes later."""
    house, taken = House(), set[int]()
    for guid, luck, late, wait in steps:
        if guid not in taken:
            house.log.attempt(str(guid), ok=not luck, late=late * MINUTE)
            taken.update([] if luck else [guid])
        if wait:
            whole, asked = house.whole(), len(house.log.asked)
            house.run()
            assert house.log.asked[asked:] == whole
        house.later(wait * MINUTE)

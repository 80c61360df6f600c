"""A pool's machine on standby: how often it says that it is ready, in which words, and who tells it to wait."""

import argparse
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.agent.aws.config import parse_config
from paddock.agent.local.start import add_arguments
from paddock.agent.machine.clock import SECOND, Phases
from paddock.agent.machine.service import SystemdService
from paddock.agent.reporting import Reporter
from paddock.agent.standby import TURN, Vigil
from paddock.core.codec import message_from_data
from paddock.core.messages import ReportEvent, RunnerReported
from tests.aws.machine import HandClock
from tests.contracts import breaches

LEAST = {"version": 1, "table": "paddock", "reports_queue_url": "https://sqs.example/1/reports"}


class Watching(SystemdService):
    """Counts the signs of life."""

    def __init__(self) -> None:
        super().__init__({})
        self.heard = 0

    def alive(self) -> None:
        """See `ports.ServiceManager`."""
        self.heard += 1


def test_it_is_said_soon_and_every_five_minutes() -> None:
    """Not at once: orders may lie there already. Whoever watches the agent hears of it every five seconds at least."""
    clock, service, said = HandClock(), Watching(), list[int]()
    vigil = Vigil(lambda: said.append(clock.now()), 300 * SECOND, clock, service)
    start, turns = clock.now(), 0
    while clock.now() < start + 900 * SECOND:
        pause = vigil()
        turns += 1
        assert 0 < pause <= TURN
        clock.time += pause
    assert [(at - start) // SECOND for at in said] == [2, 302, 602]
    assert service.heard == turns


@given(every=st.integers(1, 1_000 * SECOND), late=st.lists(st.integers(0, 100 * SECOND), max_size=30))
def test_turns_that_come_late_make_no_flood(every: int, late: list[int]) -> None:
    """However the machine dawdles, no two words come closer together than they should."""
    clock, said = HandClock(), list[int]()
    vigil = Vigil(lambda: said.append(clock.now()), every, clock, SystemdService({}))
    for more in late:
        clock.time += vigil() + more
    assert all(after - before >= every for before, after in pairwise(said))


def test_the_word_keeps_to_the_contract() -> None:
    """No job, no launch and no runner: the schema allows it, and the core reads it as what it is."""
    clock = HandClock()
    data = json.loads(json.dumps(Reporter("i-1", clock, Phases(clock)).ready().to_data()))
    assert breaches("runner_reported", data) == []
    assert message_from_data(data) == RunnerReported(ReportEvent.READY, "i-1", 0, 0, "", clock.now())


@pytest.mark.parametrize(
    ("said", "standby"), [({}, None), ({"standby": None}, None), ({"standby": True}, True), ({"standby": False}, False)]
)
def test_the_settings_may_say_so_or_leave_it_to_the_tag(said: dict[str, object], standby: bool | None) -> None:  # noqa: FBT001 - a table's column
    """Nothing said is neither yes nor no: then the machine is asked."""
    config = parse_config({**LEAST, **said})
    assert (config.standby, config.settings.standby) == (standby, standby is True)


def test_a_local_machine_is_told_by_an_option() -> None:
    """Without it, it is started for a job."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = ["--machine-dir", "m", "--cache-dir", "c"]
    assert [parser.parse_args([*words, *more]).standby for more in ([], ["--standby"])] == [False, True]

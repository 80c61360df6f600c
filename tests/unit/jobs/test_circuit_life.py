"""Circuits in any story: they change along the edges of their life, and every change is told."""

from collections.abc import Callable
from typing import Any

import attrs
from hypothesis import event, given, settings
from hypothesis import strategies as st

from paddock.adapters.memory import ManualClock, MemoryDecisions
from paddock.adapters.memory.bundles import memory_table
from paddock.adapters.simulation.wires import Wired
from paddock.core.circuit import CircuitPolicy
from paddock.core.launch import Launch
from paddock.core.runner import Runner
from paddock.core.spec import Market, RunnerSpec
from paddock.core.states import CIRCUIT_LIFE, CircuitState, OperationalResult
from paddock.core.units import MINUTE
from paddock.core.usecases.circuits import Circuits
from tests.strategies import NOON

POLICY = CircuitPolicy()
POLICIES = st.sampled_from((POLICY, attrs.evolve(POLICY, avoid=0)))


class Story:
    """One circuit, whatever befalls it; ``changes`` are its states before and after each, ``made`` its first one."""

    def __init__(self, policy: CircuitPolicy = POLICY) -> None:
        self.clock, self.table, self.decisions = ManualClock(NOON), memory_table(), MemoryDecisions()
        self.changes: list[tuple[CircuitState, CircuitState]] = []
        self.made: list[CircuitState] = []
        self.machines = 0
        watched = attrs.evolve(self.table, circuits=Wired("circuits", self.table.circuits, self._seen))
        self.circuits = Circuits(policy=policy, table=watched, decisions=self.decisions, clock=self.clock)

    def _seen(self, what: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the port returns
        before = self.circuits.all() if what in {"circuits.add", "circuits.update"} else []
        after = call()
        # Avoiding an offer is no change of its circuit.
        if what == "circuits.update" and after.avoided_until <= before[0].avoided_until:
            self.changes.append((before[0].state, after.state))
        if what == "circuits.add" and after:
            self.made += [one.state for one in self.circuits.all()]
        return after

    @property
    def probe(self) -> str | None:
        """The launch that tries."""
        return next((one.probe for one in self.circuits.all() if one.state is CircuitState.HALF_OPEN), None)

    def hit(self) -> None:
        """A machine is taken."""
        self.machines += 1
        self.hit_again()

    def hit_again(self) -> None:
        """The last one is told of once more."""
        if self.machines:
            self._taken("l-old")

    def hit_the_probe(self) -> None:
        """The probe's machine is taken, if there is one."""
        self.machines += 1
        self._taken(self.probe or "l-old")

    def _taken(self, launch: str) -> None:
        runner = Runner(f"i-{self.machines}", "", (), launch, instance_type="m7i", zone="a")
        self.circuits.interrupted(runner, self.clock.now())

    def lend(self) -> None:
        """A launch wants to try."""
        for one in self.circuits.all():
            if one.may_probe(self.clock.now(), POLICY):
                self.circuits.lend(one, f"l-{self.machines}-{len(self.changes)}")

    def serve(self) -> None:
        """The probe's machine serves its job, and the sweep sees it."""
        launch = self.probe
        if launch is not None:
            machine = f"i-{launch}"
            self.table.runners.add(Runner(machine, "", (), launch, result=OperationalResult.SERVED))
            spec = RunnerSpec()
            self.table.launches.add(Launch(launch, spec, Market.SPOT, (1,), self.clock.now(), machines=(machine,)))
        self.circuits.settle(self.circuits.all())

    def open(self) -> None:
        """An operator opens it."""
        self.circuits.open("a", "m7i", "an operator", 20 * MINUTE)

    def close(self) -> None:
        """An operator closes it."""
        self.circuits.close("a", "m7i", "an operator")

    def soon(self) -> None:
        """A little later."""
        self.clock.advance(MINUTE)

    def later(self) -> None:
        """Its cool-down is over."""
        self.clock.advance(31 * MINUTE)


DEEDS = (
    Story.hit,
    Story.hit,
    Story.hit_again,
    Story.hit_the_probe,
    Story.lend,
    Story.serve,
    Story.open,
    Story.close,
    Story.soon,
    Story.later,
)


@settings(max_examples=200)
@given(st.lists(st.sampled_from(DEEDS), max_size=40), POLICIES)
def test_every_change_is_one_of_its_life_and_is_told(
    deeds: list[Callable[[Story], None]], policy: CircuitPolicy
) -> None:
    """Each opening, each trial and each closing is a decision; and there is one circuit, for there is one type."""
    story = Story(policy)
    for deed in deeds:
        deed(story)
    assert all(CIRCUIT_LIFE.allows(*change) for change in story.changes)
    told = [one.verdict for one in story.decisions.about("circuit:a/m7i")]
    became = [after for _, after in story.changes]
    found = story.circuits.all()
    assert len(found) <= 1
    assert told.count("closed") == became.count(CircuitState.CLOSED)
    assert told.count("half_open") == became.count(CircuitState.HALF_OPEN)
    assert told.count("opened") == became.count(CircuitState.OPEN) + story.made.count(CircuitState.OPEN)
    event(f"states: {sorted(set(became))}")


@given(
    st.lists(st.sampled_from([deed for deed in DEEDS if deed not in {Story.open, Story.hit_the_probe}]), max_size=60),
    POLICIES,
)
def test_it_opens_for_three_new_interruptions_and_no_fewer(
    deeds: list[Callable[[Story], None]], policy: CircuitPolicy
) -> None:
    """Since it last changed, and each counted once."""
    story = Story(policy)
    hits = 0
    for deed in deeds:
        changes, machines = len(story.changes), story.machines
        opened = story.made.count(CircuitState.OPEN)
        deed(story)
        hits += story.machines - machines
        grew = len(story.changes) > changes or story.made.count(CircuitState.OPEN) > opened
        if grew:
            if story.circuits.all()[0].state is CircuitState.OPEN:
                assert hits >= POLICY.threshold
            hits = 0


def test_what_is_told_again_after_it_closed_opens_nothing() -> None:
    """In its shortest form."""
    story = Story()
    for deed in (Story.hit, Story.hit, Story.hit, Story.later, Story.lend, Story.serve, Story.hit_again):
        deed(story)
    assert [one.state for one in story.circuits.all()] == [CircuitState.CLOSED]

"""How the fleet's steps run: batches, cold starts, limits, and a queue that does not answer."""

import attrs

from paddock.adapters.memory import MemoryQueue, SeededChance
from paddock.adapters.simulation.draws import always
from paddock.adapters.simulation.faults import FaultPlan
from paddock.adapters.simulation.functions import Schedule, SimulatedQueue, Worker
from paddock.adapters.simulation.parameters import Functions
from paddock.adapters.simulation.timeline import Timeline
from paddock.core.messages import RunCompleted
from paddock.core.units import HOUR, MILLISECOND, MINUTE, SECOND, Span

FUNCTIONS = Functions(
    concurrency=2,
    pick_up=always(20 * MILLISECOND),
    cold=always(400 * MILLISECOND),
    per_message=10 * MILLISECOND,
    keep=5 * MINUTE,
)


def message(number: int) -> RunCompleted:
    """Any message."""
    return RunCompleted(number, 1, "acme/app", None)


class Bench:
    """A queue, its worker, and when which batch was handled."""

    def __init__(self, functions: Functions = FUNCTIONS, plan: FaultPlan = FaultPlan()) -> None:
        self.timeline = Timeline()
        self.memory: MemoryQueue[RunCompleted] = MemoryQueue(self.timeline)
        self.queue = SimulatedQueue(self.memory, SeededChance(1), plan)
        self.batches: list[tuple[Span, int]] = []
        self.down = False
        self.worker = Worker(
            timeline=self.timeline, chance=SeededChance(2), functions=functions, queue=self.queue, step=self.step
        )

    def step(self) -> int:
        """Take a batch, and be done with it."""
        if self.down:
            self.batches.append((self.timeline.now(), 0))
            return 0
        batch = self.queue.receive(10)
        self.queue.delete([one.receipt for one in batch])
        self.batches.append((self.timeline.now(), len(batch)))
        return len(batch)

    def send(self, count: int, delay: Span = 0) -> None:
        """So many messages."""
        self.queue.send([message(number) for number in range(count)], delay=delay)


def test_a_message_is_picked_up_by_a_cold_environment_and_the_next_one_by_a_warm_one() -> None:
    """And by a cold one again when that has been idle for too long."""
    bench = Bench()
    bench.send(1)
    bench.timeline.run(MINUTE)
    bench.send(1)
    bench.timeline.run(HOUR)
    bench.send(1)
    bench.timeline.run(2 * HOUR)
    assert [at for at, _ in bench.batches] == [
        430 * MILLISECOND,
        MINUTE + 30 * MILLISECOND,
        HOUR + 430 * MILLISECOND,
    ]
    assert (bench.worker.invocations, bench.worker.cold) == (3, 2)


def test_messages_that_come_together_are_one_batch_of_up_to_ten() -> None:
    """Twenty-five are three batches, and no more than two run at once."""
    bench = Bench()
    bench.send(25)
    bench.timeline.run(MINUTE)
    assert [count for _, count in bench.batches] == [10, 10, 5]
    assert bench.batches[0][0] == bench.batches[1][0] < bench.batches[2][0]
    assert bench.worker.invocations == 3


def test_a_window_collects_what_comes_within_it() -> None:
    """At the price of a wait."""
    bench = Bench(attrs.evolve(FUNCTIONS, window=SECOND, cold=always(0), per_message=0))
    bench.send(1)
    bench.timeline.run(SECOND // 2)
    bench.send(3)
    bench.timeline.run(MINUTE)
    assert bench.batches == [(SECOND + 20 * MILLISECOND, 4)]


def test_what_is_delayed_or_lent_is_picked_up_when_it_is_visible() -> None:
    """Also what a process that died had received: it comes back after its time-out."""
    bench = Bench()
    bench.send(1, delay=MINUTE)
    bench.timeline.run(2 * MINUTE)
    assert [count for _, count in bench.batches] == [1]
    bench.queue.inner.send([message(9)])
    assert len(bench.queue.receive(1)) == 1  # and its process dies
    bench.queue.watch()
    bench.timeline.run(HOUR)
    assert [count for _, count in bench.batches] == [1, 1]
    assert bench.batches[1][0] > 2 * MINUTE + 6 * MINUTE


def test_a_queue_that_does_not_answer_is_asked_every_few_seconds() -> None:
    """Not for ever at the same moment."""
    bench = Bench()
    bench.down = True
    bench.send(1)
    bench.timeline.run(MINUTE)
    assert 5 <= len(bench.batches) <= 13
    bench.down = False
    bench.timeline.run(2 * MINUTE)
    assert bench.batches[-1][1] == 1


def test_messages_may_come_twice_and_late() -> None:
    """By the plan's odds, never later than SQS can delay one."""
    bench = Bench(plan=FaultPlan(message_twice=5_000, message_late=5_000))
    for _ in range(100):
        bench.send(1)
    bench.timeline.run(HOUR)
    assert 130 < sum(count for _, count in bench.batches) < 170
    assert max(at for at, _ in bench.batches) > 9 * MINUTE


def test_every_request_to_the_queue_is_counted() -> None:
    """Sends, receives and deletes are what SQS is paid for."""
    bench = Bench()
    bench.send(3)
    bench.timeline.run(MINUTE)
    assert bench.queue.requests == 3


def test_a_schedule_runs_as_long_as_it_is_on() -> None:
    """Every minute, to the microsecond."""
    timeline = Timeline(30 * SECOND)
    moments: list[Span] = []
    schedule = Schedule(timeline, MINUTE, lambda: moments.append(timeline.now()))
    timeline.run(3 * MINUTE)
    schedule.on = False
    timeline.run(5 * MINUTE)
    schedule.on = True
    timeline.run(6 * MINUTE)
    assert moments == [90 * SECOND, 150 * SECOND, 330 * SECOND]

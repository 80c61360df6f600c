"""Jobs that EC2's and GitHub's limits leave no room for: they wait in their records, and never on the queue."""

from collections.abc import Sequence

import attrs

from paddock.adapters.pacing import Ceiling, ec2_ceilings, github_ceilings
from paddock.adapters.pacing.ceilings import MACHINES
from paddock.core.errors import Unavailable
from paddock.core.messages import JobRequested
from paddock.core.pace import Bucket
from paddock.core.states import JobState
from paddock.core.units import HOUR, MINUTE, SECOND, Span
from paddock.core.usecases.handled import Again, Done
from tests.faults import Repeated
from tests.strategies import NOON
from tests.world.asked import requests
from tests.world.invariants import check
from tests.world.world import World


class Post:
    """The jobs' queue, which keeps what is sent to it, with the delay; ``broken`` times it does not answer."""

    def __init__(self, port: object, sent: list[tuple[list[int], Span]], broken: int = 0) -> None:
        self._port = port
        self._sent = sent
        self._broken = broken

    def __getattr__(self, name: str) -> object:
        return getattr(self._port, name)

    def send(self, messages: Sequence[JobRequested], *, delay: Span = 0) -> None:
        """Keep it."""
        if self._broken:
            self._broken -= 1
            raise Unavailable("away")
        self._sent.append(([message.job.job_id for message in messages], delay))
        self._port.send(messages, delay=delay)  # type: ignore[attr-defined]


def waiting(every: Span, *, broken: int = 0) -> tuple[World, list[tuple[list[int], Span]]]:
    """A world that gives one machine now and one `every` so often; and what its dispatcher sends to the jobs' queue."""
    sent = list[tuple[list[int], Span]]()
    nobodys_own = Bucket(0, HOUR)
    limits = {name: attrs.evolve(one, own=nobodys_own) for name, one in {**ec2_ceilings(), **github_ceilings()}.items()}
    limits[MACHINES] = Ceiling(Bucket(1, every), nobodys_own, keep=SECOND)
    return World(
        around=lambda name, port: Post(port, sent, broken) if name == "jobs" else port,
        webhooks=lambda _: (),
        ceilings=limits,
    ), sent


def salted(world: World, count: int) -> list[int]:
    """So many jobs of one kind, each with a label of its own: no machine serves another one's job."""
    return [world.push_job(labels=f"paddock={number}-1") for number in range(count)]


def test_jobs_that_wait_for_their_turn_have_their_messages_acknowledged_and_others_come_then() -> None:
    """A message that stayed would be lent again and again, and be given up for that."""
    world, sent = waiting(40 * SECOND)
    jobs = salted(world, 3)
    assert world.fleet.dispatch(requests(world, *jobs)) == [Done()] * 3
    assert sent == [([jobs[1]], 40 * SECOND), ([jobs[2]], 80 * SECOND)]
    assert [world.record(job).state for job in jobs] == [JobState.LAUNCHED, JobState.QUEUED, JobState.QUEUED]
    assert [world.record(job).not_before for job in jobs] == [0, NOON + 40 * SECOND, NOON + 80 * SECOND]
    assert [world.verdicts(job).count("in_turn") for job in jobs] == [0, 1, 1]
    world.run(79 * SECOND)
    assert world.record(jobs[1]).machine is not None
    assert world.record(jobs[2]).state is JobState.QUEUED
    world.run(2 * SECOND)
    assert world.record(jobs[2]).state is JobState.LAUNCHED
    assert len(sent) == 2
    world.run_until_quiet()
    check(world)


def test_jobs_of_one_turn_share_a_request() -> None:
    """Turns are at every fifth second."""
    world, sent = waiting(SECOND)
    first, *others = salted(world, 11)
    world.fleet.dispatch(requests(world, first, *others))
    assert sent == [(others[:5], 5 * SECOND), (others[5:], 10 * SECOND)]


def test_a_turn_further_off_than_a_queue_keeps_messages_back_is_kept_all_the_same() -> None:
    """The message is sent on, and the job is neither started before its turn nor long after it."""
    world, sent = waiting(40 * MINUTE)
    _, job = jobs = salted(world, 2)
    world.fleet.dispatch(requests(world, *jobs))
    world.run(40 * MINUTE - SECOND)
    assert world.record(job).state is JobState.QUEUED
    assert [(those, delay) for those, delay in sent] == [
        ([job], 15 * MINUTE),
        ([job], 15 * MINUTE),
        ([job], 10 * MINUTE),
    ]
    world.run(2 * SECOND)
    assert world.record(job).state is JobState.LAUNCHED
    assert "woken" not in world.verdicts(job)


def test_githubs_own_word_on_a_job_that_waits_sends_no_further_message() -> None:
    """However often GitHub repeats it."""
    world, sent = waiting(20 * MINUTE)
    _, job = jobs = salted(world, 2)
    asked = requests(world, *jobs)
    for _ in range(3):
        assert world.fleet.dispatch(asked) == [Done()] * 2
    assert sent == [([job], 15 * MINUTE)]


def test_a_job_whose_message_could_not_be_sent_is_asked_for_by_the_sweep() -> None:
    """Its record stands written by then, and the message that came back is acknowledged."""
    world, sent = waiting(MINUTE, broken=1)
    _, job = jobs = salted(world, 2)
    asked = requests(world, *jobs)
    assert world.fleet.dispatch(asked) == [Done(), Again(5 * SECOND, "Unavailable: away")]
    assert world.fleet.dispatch(asked[1:]) == [Done()]
    assert sent == []
    world.run(3 * MINUTE)
    assert sent == [([job], 0)]
    assert world.record(job).machine is not None
    world.run_until_quiet()
    check(world)


def test_a_message_that_is_sent_on_is_sent_although_the_answer_to_its_write_was_lost() -> None:
    """The write was repeated below us, and its condition holds no more: the record says that it is ours."""
    world, sent = waiting(20 * MINUTE)
    _, job = jobs = salted(world, 2)
    world.fleet.dispatch(requests(world, *jobs))
    lost, post = Repeated("table.jobs.update", lambda job: job.wakes == 1), world.around
    world.fleet = world.new_fleet(lambda name, port: lost.around(name, post(name, port)))
    world.run(15 * MINUTE + SECOND)
    assert lost.done
    assert sent == [([job], 15 * MINUTE), ([job], 5 * MINUTE)]

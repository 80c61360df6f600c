"""What may go wrong in a simulated world, as a value: how much of each, by chance and by the clock."""

from typing import Any

import attrs

from paddock.core.ports.system import Chance
from paddock.core.units import HOUR, MINUTE, SECOND, Span


@attrs.frozen
class Outage:
    """One part of the world does not answer for a while.

    ``of`` is the beginning of the names of the calls that fail: ``github.``, ``machines.launch``, ``table.jobs.``,
    ``webhooks`` (GitHub sends none, and logs that it failed). ``after`` is counted from the simulation's start.
    """

    of: str
    after: Span
    lasts: Span


@attrs.frozen
class FaultPlan:
    """How much goes wrong. Odds are cases of ten thousand, each on its own.

    Webhooks: ``webhook_lost`` was never sent and is in no log, ``webhook_failed`` is in GitHub's log as failed,
    ``webhook_twice`` comes a second time up to ``late`` later, ``webhook_late`` comes up to ``late`` later.
    The cloud's events: ``event_lost``, ``event_twice``, ``event_late``. Machines' reports: ``report_lost``,
    ``report_twice``, ``report_late``. Queues: ``message_twice``, ``message_late``.
    Port calls: ``call_failed`` (nothing was done), ``answer_lost`` (it was done, and the answer is an error),
    ``crash`` (the process dies, before or after the call), ``pause`` (the process is held up for up to ``held``, while
    the world goes on), ``stale`` (the cloud's answer is up to ten seconds old, or a listing of the table lacks what was
    put there in the last ten).
    Machines: ``reclaim`` (a spot machine is taken back within its first half hour; one in four without a warning),
    ``dead_boot`` (its system comes up without an agent), ``mute`` (the agent dies, its runner goes on), ``hang`` (it
    stands still in its job), ``failure`` (its hardware fails in its first half hour), ``clock_off`` (by up to
    ``skew``), ``deleted`` (GitHub deletes the registration before the runner connects), ``ghost`` (GitHub loses the
    job's assignment).
    """

    name: str = "none"
    webhook_lost: int = 0
    webhook_failed: int = 0
    webhook_twice: int = 0
    webhook_late: int = 0
    event_lost: int = 0
    event_twice: int = 0
    event_late: int = 0
    report_lost: int = 0
    report_twice: int = 0
    report_late: int = 0
    message_twice: int = 0
    message_late: int = 0
    call_failed: int = 0
    answer_lost: int = 0
    crash: int = 0
    pause: int = 0
    stale: int = 0
    reclaim: int = 0
    dead_boot: int = 0
    mute: int = 0
    hang: int = 0
    failure: int = 0
    clock_off: int = 0
    deleted: int = 0
    ghost: int = 0
    late: Span = 10 * MINUTE
    held: Span = 3 * MINUTE
    skew: Span = 10 * MINUTE
    outages: tuple[Outage, ...] = ()

    @property
    def calls(self) -> bool:
        """True if port calls are touched at all."""
        return any((self.call_failed, self.answer_lost, self.crash, self.pause, self.stale, self.outages))

    @staticmethod
    def none() -> "FaultPlan":
        """Nothing goes wrong."""
        return FaultPlan()


# What each odds may be at most: a world in which every second call fails proves nothing.
_MOST = {
    "webhook_lost": 2_000,
    "webhook_failed": 2_000,
    "webhook_twice": 2_000,
    "webhook_late": 2_000,
    "event_lost": 3_000,
    "event_twice": 2_000,
    "event_late": 2_000,
    "report_lost": 2_000,
    "report_twice": 2_000,
    "report_late": 2_000,
    "message_twice": 1_000,
    "message_late": 1_000,
    "call_failed": 300,
    "answer_lost": 300,
    "crash": 100,
    "pause": 50,
    "stale": 2_000,
    "reclaim": 3_000,
    "dead_boot": 500,
    "mute": 500,
    "hang": 300,
    "failure": 1_000,
    "clock_off": 1_000,
    "deleted": 500,
    "ghost": 500,
}


def _shares(divisor: int) -> Any:  # noqa: ANN401 - fields of FaultPlan by name
    return {name: most // divisor for name, most in _MOST.items()}


_OUTAGES = ("github.", "machines.", "table.", "jobs.", "events.", "assignments.", "decisions.", "webhooks")


def random_plan(chance: Chance, *, within: Span = 2 * HOUR) -> FaultPlan:
    """A mix of faults, each absent in half of all plans, and up to two outages of at most three minutes."""
    odds = {name: chance.below(most) if chance.below(2) else 0 for name, most in _MOST.items()}
    outages = tuple(
        Outage(_OUTAGES[chance.below(len(_OUTAGES))], chance.below(within), SECOND + chance.below(3 * MINUTE))
        for _ in range(chance.below(3))
    )
    return FaultPlan(name="random", outages=outages, **odds)


PLANS: dict[str, FaultPlan] = {
    plan.name: plan
    for plan in (
        FaultPlan(),
        FaultPlan("webhooks", webhook_lost=300, webhook_failed=300, webhook_twice=500, webhook_late=500),
        FaultPlan("reports", report_lost=1_000, report_twice=500, report_late=500, event_lost=1_000, event_twice=500),
        FaultPlan("queues", message_twice=500, message_late=500),
        FaultPlan("calls", call_failed=100, answer_lost=100),
        FaultPlan("crashes", crash=50, pause=10),
        FaultPlan("machines", reclaim=500, failure=200, dead_boot=200, mute=100, hang=50, clock_off=500),
        FaultPlan("runners", deleted=300, ghost=300),
        FaultPlan("stale reads", stale=1_000),
        FaultPlan("GitHub is away", outages=tuple(Outage(of, HOUR, 10 * MINUTE) for of in ("github.", "webhooks"))),
        FaultPlan("EC2 is away", outages=(Outage("machines.", HOUR, 10 * MINUTE),)),
        FaultPlan("the table is away", outages=(Outage("table.", HOUR, 5 * MINUTE),)),
        FaultPlan("everything", **_shares(5)),
    )
}
"""Plans by name, the empty one among them."""

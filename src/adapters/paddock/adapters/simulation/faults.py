"""What may go wrong in a simulated world, as a value: how much of each, by chance and by the clock."""

import attrs

from paddock.core.units import MINUTE, Span


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
    the world goes on), ``stale`` (the cloud's listing is up to ``late`` old).
    Machines: ``dead_boot`` (its system comes up without an agent), ``mute`` (the agent dies, its runner goes on),
    ``hang`` (all of it stands still in its job), ``failure`` (its hardware fails while it lives), ``clock_off`` (by
    up to ``skew``), ``deleted`` (GitHub deletes the registration before the runner connects), ``ghost`` (GitHub loses
    the job's assignment).
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

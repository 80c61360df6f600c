"""A machine's bill: its seconds cut into phases, each counted once and priced.

::

    launched        ready          busy            idle           gone
       │── boot ──────│── idle ──────│── job ────────│── drain ─────│── minimum (up to EC2's 60 s)

    launched        ready         stopped         woken          up              stopped ...
       │── boot ──────│── idle ──────│── sleep ──────│── boot ─────│── idle ────────│── sleep ...

EC2 bills a machine by the second while it runs, and a minute at least for each start: one that is stopped sooner is
billed up to the minute in its sleep. Asleep it costs nothing but its disk: EC2 takes an address that it gave the
machine by itself away as it stops. The disk is billed from the launch to the end, and a minute at least.
"""

from collections.abc import Iterator, Sequence

import attrs

from paddock.core.costs.ledger import Bill, Interval, Phase, Rates
from paddock.core.job import Job
from paddock.core.runner import Runner
from paddock.core.spec import Market
from paddock.core.units import HOUR, MINUTE, MicroDollars, Moment, Span

EC2_MINIMUM: Span = MINUTE  # of each start: Linux is billed by the second, at least sixty of them
FREE_IF_TAKEN: Span = HOUR  # a spot machine that EC2 itself takes back within its first hour costs nothing but its disk
_MONTH: Span = 730 * HOUR  # AWS's month


@attrs.frozen
class Run:
    """A stretch in which the machine was awake; ``up`` is when it said so."""

    since: Moment
    until: Moment
    up: Moment | None

    @property
    def missing(self) -> Span:
        """What lacks to EC2's minimum."""
        return max(0, EC2_MINIMUM - (self.until - self.since))


@attrs.frozen
class _Cut:
    """A phase, and how much of the machine's time EC2 bills for it."""

    phase: Phase
    start: Moment
    stop: Moment
    billed: Span


def bill_so_far(runner: Runner, now: Moment, rates: Rates, environment: str = "") -> Bill:
    """What a machine has come to by now, or came to if it is gone and its record has not been closed yet."""
    ended = now if runner.gone_at is None else runner.gone_at
    return bill_of(attrs.evolve(runner, gone_at=max(ended, runner.launched_at)), None, rates, environment)


def bill_of(runner: Runner, job: Job | None, rates: Rates, environment: str = "") -> Bill:
    """The bill of a machine that is gone.

    `job` is the job it served, if any: its repository and workflow carry the cost. It need not be given if it is the
    one that the machine was launched for: the machine's own record knows as much of it. `environment` is the fleet's.

    Raises:
        ValueError: the machine is not gone yet.
    """
    if runner.gone_at is None:
        raise ValueError(f"machine {runner.machine} is still {runner.state}: its bill is not complete")
    served = runner.served_job if runner.served_job == runner.assigned_job else None
    own = runner.workflow if served is not None else ""
    end = max(runner.gone_at, runner.launched_at)
    return Bill(
        machine=runner.machine,
        start=runner.launched_at,
        intervals=tuple(_priced(runner, end, rates)),
        instance_type=runner.instance_type,
        market=runner.market,
        repository=runner.repository if job is None else job.facts.repository,
        workflow=own if job is None else job.facts.workflow,
        job_id=served if job is None else job.id,
        pool=runner.pool,
        stock=runner.stock,
        priced=runner.priced,
        zone=runner.zone or None if runner.market is Market.SPOT else None,
        forced=runner.forced,
        disk=runner.disk or None,
        disk_used=runner.disk_used,
        environment=environment,
    )


def awake(runner: Runner, since: Moment, until: Moment) -> Span:
    """For how long the machine was awake between these moments, if it lives until the second one."""
    found, _ = runs(runner, max(until, runner.launched_at))
    return sum(max(0, min(run.until, until) - max(run.since, since)) for run in found)


def runs(runner: Runner, end: Moment) -> tuple[Sequence[Run], bool]:
    """The stretches in which the machine was awake, at least one; and whether it slept at `end`, or now if that is now.

    Moments out of order are pulled into its life, each after the one before; a nap of which nothing is left was none.
    One whose end nobody wrote down lasted until the next, and the start in between is billed all the same.
    """
    found: list[Run] = []
    since, up, asleep = runner.launched_at, runner.ready_at, False
    least = since
    for nap, later in zip(runner.naps, (*runner.naps[1:], None), strict=False):
        stopped = min(max(nap.stopped_at, least), end)
        woken = later.stopped_at if nap.woken_at is None and later is not None else nap.woken_at
        slept_on = woken is None or woken > end
        least = end if woken is None or slept_on else max(woken, stopped)
        if least > stopped:
            found.append(Run(since, stopped, up))
            since, up, asleep = least, nap.up_at, slept_on
    if not asleep:
        found.append(Run(since, end, up))
    return found, asleep


def _priced(runner: Runner, end: Moment, rates: Rates) -> Iterator[Interval]:
    # EC2's own deed, by its own word: one that we, or the machine, switched off is billed.
    free = runner.taken and runner.market is Market.SPOT and end - runner.launched_at < FREE_IF_TAKEN
    price = 0 if free else runner.price
    disk, kept = rates.disk_per_gib_month * runner.disk, max(end - runner.launched_at, EC2_MINIMUM)
    billed = 0
    for cut in _cuts(runner, end):
        if cut.stop <= cut.start:
            continue
        before, billed = billed, billed + cut.billed
        start, stop = (min(moment - runner.launched_at, kept) for moment in (cut.start, cut.stop))
        yield Interval(
            phase=cut.phase,
            end=cut.stop,
            compute=0 if cut.phase is Phase.SLEEP else None if price is None else _share(price, HOUR, before, billed),
            storage=_share(disk, _MONTH, start, stop),
            network=_share(rates.ipv4_per_hour, HOUR, before, billed),
        )


def _share(rate: MicroDollars, per: Span, start: Span, stop: Span) -> MicroDollars:
    """Differences of a running total: the parts add up to the whole, whatever the rounding."""
    return rate * stop // per - rate * start // per


def _cuts(runner: Runner, end: Moment) -> Iterator[_Cut]:
    """The machine's phases in the order of time, those included that took none."""
    found, asleep = runs(runner, end)
    for run, later in zip(found, (*found[1:], None), strict=True):
        yield from _phases(run, runner if later is None else None)
        # What lacks to the minute is billed before the machine is woken, however soon that is.
        sleep = run.until + run.missing
        sleep = sleep if later is None else min(sleep, later.since)
        yield _Cut(Phase.MINIMUM, run.until, sleep, run.missing)
        yield _Cut(Phase.SLEEP, sleep, later.since if later is not None else end if asleep else sleep, 0)


def _phases(run: Run, last: Runner | None) -> Iterator[_Cut]:
    """The phases of a run. `last` is the machine if it is its last one: no other has a job."""
    busy = None if last is None else _within(last.busy_at, run.since, run.until)
    taken = run.until if busy is None else busy
    up = _within(run.up, run.since, taken)
    boot = taken if up is None else up
    yield _Cut(Phase.BOOT, run.since, boot, boot - run.since)
    yield _Cut(Phase.IDLE, boot, taken, taken - boot)
    if last is not None and busy is not None:
        idle = _within(last.idle_at, busy, run.until)
        over = run.until if idle is None else idle
        yield _Cut(Phase.JOB, busy, over, over - busy)
        yield _Cut(Phase.DRAIN, over, run.until, run.until - over)


def _within(moment: Moment | None, least: Moment, most: Moment) -> Moment | None:
    """The moment, pulled into the interval: reports carry the machine's clock, which may be off."""
    return None if moment is None else min(max(moment, least), most)

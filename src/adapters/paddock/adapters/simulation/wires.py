"""What can be put around every call of every port: errors, lost answers, crashes, pauses."""

from collections.abc import Callable
from functools import partial
from typing import Any

import attrs

from paddock.adapters.pacing import PacedMachines, PacedStarts, Purse, paced_github
from paddock.adapters.simulation.draws import TEN_THOUSAND, between, hit
from paddock.adapters.simulation.faults import FaultPlan
from paddock.adapters.simulation.timeline import Timeline
from paddock.core.errors import PaddockError, Throttled, Unavailable
from paddock.core.ports.system import Chance
from paddock.core.units import SECOND, Moment, Span

Call = Callable[[], Any]
Interceptor = Callable[[str, Call], Any]
"""Gets the name of a call (``table.jobs.update``) and the call itself, and makes it, or not."""

Around = Callable[[str, Any], Any]
"""Gets a port's name (``table.jobs``) and the port; returns what is to be used in its stead."""

_DEEPEST = 3  # pauses within pauses


class Crash(BaseException):
    """The process dies here. No handler of errors sees it."""


class Wired:
    """A port whose every call goes through an interceptor."""

    def __init__(self, name: str, port: object, intercept: Interceptor) -> None:
        """Args: the port's name and the port; what every call goes through."""
        self._name = name
        self._port = port
        self._intercept = intercept

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the port has
        method, intercept, what = getattr(self._port, name), self._intercept, f"{self._name}.{name}"

        def call(*args: object, **kwargs: object) -> Any:  # noqa: ANN401 - whatever the port returns
            return intercept(what, partial(method, *args, **kwargs))

        self.__dict__[name] = call
        return call


def untouched(_: str, port: Any) -> Any:  # noqa: ANN401 - any port
    """Nothing around the port."""
    return port


def wired(name: str, bundle: Any, around: Around) -> Any:  # noqa: ANN401 - a Table or a GitHub
    """A bundle of ports, each of them wrapped."""
    fields = [field.name for field in attrs.fields(type(bundle))]
    return attrs.evolve(bundle, **{field: around(f"{name}.{field}", getattr(bundle, field)) for field in fields})


def paced(ports: dict[str, Any], purse: Purse, *, tokens: bool) -> dict[str, Any]:
    """The ports of a process that keeps within limits."""
    return {
        **ports,
        "github": paced_github(ports["github"], purse, tokens=tokens),
        "machines": PacedMachines(ports["machines"], purse),
        "starts": PacedStarts(purse, tokens=tokens),
    }


class Trouble:
    """A fault plan's odds on every port call. ``errors`` counts calls that failed, ``crashes`` and ``pauses`` theirs.

    A process that has died makes no further call: whatever it would still do in a ``finally`` does not happen, until
    `revive` says that another one has taken its place.
    """

    def __init__(self, plan: FaultPlan, timeline: Timeline, chance: Chance, time_out: Span) -> None:
        """Args: the plan; the time and its chance; after which span a process that is held up is killed."""
        self._plan = plan
        self._timeline = timeline
        self._chance = chance
        self._time_out = time_out
        self._start = timeline.now()
        self._outages: dict[str, list[tuple[Moment, Moment]]] = {}  # of each call, from when until when
        self._bounds = _bounds(plan)
        self._dead = False
        self._depth = 0
        self.began: Moment = self._start
        self.over = False
        self.errors = 0
        self.crashes = 0
        self.pauses = 0

    def around(self, name: str, port: Any) -> Wired:  # noqa: ANN401 - any port
        """Put it around the port."""
        return Wired(name, port, self._intercept)

    def revive(self) -> None:
        """A new process lives."""
        self._dead = False

    def out(self, what: str) -> bool:
        """True if the part of the world does not answer now."""
        outages = self._outages.get(what)
        if outages is None:
            begins = [(self._start + one.after, one.lasts) for one in self._plan.outages if what.startswith(one.of)]
            outages = self._outages[what] = [(since, since + lasts) for since, lasts in begins]
        if not outages:
            return False
        now = self._timeline.now()
        return any(since <= now < until for since, until in outages)

    def _intercept(self, what: str, call: Call) -> Any:  # noqa: ANN401 - see Interceptor
        if self._dead:
            raise Crash(f"dead before {what}")
        if self.over:
            return call()
        if self._plan.outages and self.out(what):
            self.errors += 1
            raise Unavailable(f"{what}: an outage")
        throw = self._chance.below(TEN_THOUSAND * 100)
        failed, lost, crash, pause = self._bounds
        if throw >= pause:
            return call()
        if throw < failed:
            raise self._error(what)
        if throw < lost:
            call()
            raise self._error(what)
        if throw < crash:
            return self._crash(what, call)
        return self._pause(what, call)

    def _error(self, what: str) -> PaddockError:
        self.errors += 1
        if self._chance.below(2):
            return Unavailable(f"{what}: away")
        return Throttled(f"{what}: slow down", (1 + self._chance.below(30)) * SECOND)

    def _crash(self, what: str, call: Call) -> Any:  # noqa: ANN401 - see Interceptor
        after = hit(self._chance, TEN_THOUSAND // 2)
        if after:
            call()
        self.crashes += 1
        self._dead = True
        raise Crash(f"{'after' if after else 'before'} {what}")

    def _pause(self, what: str, call: Call) -> Any:  # noqa: ANN401 - see Interceptor
        """The process is held up, before or after the call, and the rest of the world goes on."""
        if self._depth >= _DEEPEST:
            return call()
        before = hit(self._chance, TEN_THOUSAND // 2)
        answer = None if before else call()
        self.pauses += 1
        self._depth += 1
        began = self.began
        try:
            self._timeline.run(self._timeline.now() + between(0, self._plan.held)(self._chance))
        finally:
            self._depth -= 1
        self.began = began
        if self._timeline.now() - began > self._time_out:
            self._dead = True
            self.crashes += 1
            raise Crash(f"timed out at {what}")
        return call() if before else answer


def _bounds(plan: FaultPlan) -> tuple[int, int, int, int]:
    """Where each fault's share of the throws ends, in millionths."""
    failed = plan.call_failed * 100
    lost = failed + plan.answer_lost * 100
    crash = lost + plan.crash * 100
    return failed, lost, crash, crash + plan.pause * 100

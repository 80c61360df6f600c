"""Machines of EC2 put to sleep and woken.

EC2 stops, or starts, all machines of a call or none. So whom it refuses is found out, and the others are asked for
again::

    call ──> refused ──> it names machines ──────────────> again without them
                    ├──> no capacity: of which pool? ────> again, each pool for itself, then one machine of it, then
                    │                                      by halves: if one alone lacks it, its pool's others do too
                    ├──> denied: some are long gone? ────> again without those
                    └──> it names nobody ────────────────> again by halves
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
from botocore.exceptions import ClientError

from paddock.adapters.aws.ec2.errors import CAPACITY, OF_ONE, WRONG_STATE, named
from paddock.adapters.aws.errors import Asking, code_of
from paddock.core.errors import AccessDenied, NoCapacity, NotFound, PaddockError, Rejected, Throttled, Unavailable
from paddock.core.ports.machines import Machine, MachineState, StartOutcome, StartResult
from paddock.core.spec import Market, Offer

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client

TOGETHER = 50
"""Ids in a call: fewer than EC2 takes, for one of them spoils it for all."""

_RESTING = frozenset({MachineState.STOPPING, MachineState.STOPPED})


@attrs.define
class _Asked:
    """Whom EC2 refuses, each with the reason; who was not come to, and the error that is to blame for that.

    ``pools`` are those of machines, as far as they had to be asked for; in the ``dry`` ones not even one had room, and
    of the ``wet`` ones some were taken.
    """

    refused: dict[str, PaddockError] = attrs.field(factory=dict)
    left: set[str] = attrs.field(factory=set)
    error: PaddockError | None = None
    pools: dict[str, Offer] = attrs.field(factory=dict)
    dry: dict[Offer, PaddockError] = attrs.field(factory=dict)
    wet: set[Offer] = attrs.field(factory=set)

    def lacks(self, id_: str, error: PaddockError) -> None:
        """There is no capacity for this one alone."""
        self.refused[id_] = error
        if id_ in self.pools:
            self.dry[self.pools[id_]] = error

    def takes(self, part: Sequence[str]) -> None:
        """There was capacity for these."""
        self.wet.update(self.pools[id_] for id_ in part if id_ in self.pools)

    def smaller(self, part: list[str]) -> list[list[str]]:
        """Parts of a part of one pool that was too much for it.

        There are few requests to be had, and whoever runs out of them should know something by then: one machine alone
        tells of an empty pool.
        """
        return _halves(part) if self.pools.get(part[0]) in self.wet else [part[:1], *_halves(part[1:])]

    def hopeful(self, part: Sequence[str]) -> list[str]:
        """Those whose pools are not known to be dry; the others are refused."""
        lacking = {id_: self.dry[self.pools[id_]] for id_ in part if self.pools.get(id_) in self.dry}
        self.refused |= lacking
        return [id_ for id_ in part if id_ not in lacking]


class Sleep:
    """Stops and starts machines. Safe for threads.

    Requests: one for each `TOGETHER` ids. Where a call is refused: one more for each answer that names machines; one
    for a pool that has nothing, and about two for each halving of one that has too little (at most 14 for fifty
    machines); one DescribeInstances before the first such, and one for those that were refused.
    """

    def __init__(
        self, client: "EC2Client", ask: Asking, look: Callable[[Sequence[str]], Mapping[str, Machine]]
    ) -> None:
        """Args: the client; who translates its errors; how machines are described, unknown ones passed over."""
        self._client = client
        self._ask = ask
        self._look = look
        # EC2 answers a lack of capacity with status 500, and botocore would ask twice more, from a small bucket.
        events: Any = client.meta.events  # its stubs know of no hook
        events.register_first("needs-retry.ec2.StartInstances", _no_second_try, unique_id="paddock-no-second-try")

    def stop(self, ids: Sequence[str]) -> None:
        """See `Machines.stop`.

        Raises:
            AccessDenied: one of them is not ours, or is protected. EC2 then stops none of its call.
        """
        never: list[str] = []
        not_yet: list[str] = []
        for part in _parts(ids):
            asked = self._apart(self._client.stop_instances, part)
            if asked.error is not None:
                raise asked.error
            refused = {id_: why for id_, why in asked.refused.items() if not isinstance(why, NotFound)}
            seen = self._look(list(refused)) if refused else {}
            for id_, why in refused.items():
                machine = seen.get(id_)
                if machine is None or not machine.alive or machine.state in _RESTING:
                    continue
                passing = _code(why) == WRONG_STATE and machine.market is not Market.SPOT
                (not_yet if passing else never).append(f"{id_} ({_code(why)}, {machine.market}, {machine.state})")
        if never:
            raise Rejected(f"machines that cannot be stopped: {', '.join((*never, *not_yet))}")
        if not_yet:
            raise Unavailable(f"machines that cannot be stopped yet: {', '.join(not_yet)}")

    def start(self, ids: Sequence[str]) -> Mapping[str, StartOutcome]:
        """See `Machines.start`.

        Raises:
            AccessDenied: one of them is not ours. EC2 then starts none of its call.
        """
        outcomes: dict[str, StartOutcome] = {}
        for part in _parts(ids):
            asked = self._apart(self._client.start_instances, part)
            unsure = [id_ for id_, why in asked.refused.items() if isinstance(why, Rejected)]
            seen: Mapping[str, Machine] = {}
            try:
                seen = self._look(unsure) if unsure else {}
            except (Throttled, Unavailable) as error:
                asked.error = asked.error or error
                asked.left.update(unsure)
            known = (id_ for id_ in part if id_ not in asked.left)
            outcomes |= {id_: _outcome(asked.refused.get(id_), seen.get(id_)) for id_ in known}
            if asked.error is not None:
                if not outcomes:
                    raise asked.error
                break
        return outcomes

    def _apart(self, operation: Callable[..., object], ids: Sequence[str]) -> _Asked:
        """Ask for all machines, again and again, until each was taken or is refused, or EC2 takes no more calls."""
        asked = _Asked()
        waiting = [list(ids)]
        while waiting:
            part = asked.hopeful(waiting.pop())
            if not part:
                continue
            try:
                self._ask(operation, InstanceIds=part)
            except NoCapacity as error:
                if len(part) == 1:
                    asked.lacks(part[0], error)
                else:
                    waiting += reversed(self._by_pool(part, asked.pools) or asked.smaller(part))
            except (NotFound, Rejected) as error:
                if isinstance(error, Rejected) and _code(error) not in OF_ONE:
                    raise
                said = named(error)
                bad = part if len(part) == 1 else [id_ for id_ in part if id_ in said]
                asked.refused |= dict.fromkeys(bad, error)
                waiting += reversed(_halves(part) if not bad else [[id_ for id_ in part if id_ not in bad]])
            except AccessDenied as error:
                waiting.append(self._left_alive(part, asked, error))
            except (Throttled, Unavailable) as error:
                asked.error, asked.left = error, {*part, *(id_ for later in waiting for id_ in later)}
                break
            else:
                asked.takes(part)
        return asked

    def _left_alive(self, part: Sequence[str], asked: _Asked, error: AccessDenied) -> list[str]:
        """Our rights go by a tag, and what is long gone has no tags: then EC2 denies what it does not know."""
        seen = self._look(part)
        alive = [id_ for id_ in part if id_ in seen and seen[id_].alive]
        if len(alive) == len(part):
            raise error
        asked.refused |= {id_: NotFound(str(error)) for id_ in part if id_ not in alive}
        return alive

    def _by_pool(self, part: Sequence[str], pools: dict[str, Offer]) -> list[list[str]]:
        """The machines by zone and type, in order; empty if all are of one pool, or that is not to be learnt now.

        What is learnt stands in `pools`.
        """
        if any(id_ not in pools for id_ in part):
            try:
                seen = self._look(part)
            except (Throttled, Unavailable):
                return []
            found = {id_: Offer(one.zone, one.instance_type) for id_, one in seen.items()}
            pools |= {id_: found.get(id_, Offer("", "")) for id_ in part}
        kinds = sorted({pools[id_] for id_ in part})
        return [[id_ for id_ in part if pools[id_] == kind] for kind in kinds] if len(kinds) > 1 else []


def _outcome(error: PaddockError | None, machine: Machine | None) -> StartOutcome:
    """What came of one start. `machine` is as it was described after a refusal that is about its state."""
    if error is None:
        return StartOutcome(StartResult.STARTING)
    code = _code(error)
    if isinstance(error, NoCapacity):
        return StartOutcome(StartResult.NO_CAPACITY, code)
    if machine is None or not machine.alive:
        return StartOutcome(StartResult.GONE, code)
    if code != WRONG_STATE:
        return StartOutcome(StartResult.REFUSED, code)
    # EC2 does not refuse what runs: one that is said to run, or to be stopped, is on its way there.
    pending = machine.state is MachineState.PENDING
    return StartOutcome(StartResult.STARTING) if pending else StartOutcome(StartResult.STOPPING, code)


def _no_second_try(response: tuple[Any, Any] | None, **_: object) -> None:
    """Let botocore take a lack of capacity for an answer: a status of 400 is not tried again."""
    if response is not None and response[1].get("Error", {}).get("Code") in CAPACITY:
        response[0].status_code = 400


def _code(error: PaddockError) -> str:
    cause = error.__cause__
    return code_of(cause) if isinstance(cause, ClientError) else ""


def _parts(ids: Sequence[str]) -> list[list[str]]:
    """Each id once, in calls."""
    once = list(dict.fromkeys(ids))
    return [once[start : start + TOGETHER] for start in range(0, len(once), TOGETHER)]


def _halves(part: list[str]) -> list[list[str]]:
    half = len(part) // 2
    return [part[:half], part[half:]]

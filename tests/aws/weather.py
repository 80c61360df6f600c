"""What goes wrong on AWS, as layers of the wire: throttles, server errors, kills between two calls, dry pools of EC2.

And what moto leaves out of EC2's fleets: the memory of client tokens, errors in a successful answer, and that a fleet
may be given machines of any of its pools.
"""

import itertools
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlencode

import attrs

from paddock.adapters.aws.roles import SHIPPER
from paddock.core.ports.system import Chance
from tests.aws.recorded import MACHINE, Call, Reply, Request
from tests.aws.wire import Behind, LostError
from tests.http_stub import LOST, Answer, Seen

_XML = (("Content-Type", "text/xml;charset=UTF-8"),)
_JSON = (("Content-Type", "application/x-amz-json-1.0"),)
_OVERRIDE = re.compile(r"LaunchTemplateConfigs\.1\.Overrides\.(\d+)\.(.+)")
_CAPACITY = "TargetCapacitySpecification.TotalTargetCapacity"

THROTTLES: Mapping[str, tuple[tuple[int, str], ...]] = {
    "dynamodb": (
        (400, "ThrottlingException"),
        (400, "ProvisionedThroughputExceededException"),
        (500, "InternalServerError"),
    ),
    "sqs": ((403, "RequestThrottled"), (500, "InternalFailure")),
    "ec2": ((503, "RequestLimitExceeded"), (500, "InternalError"), (503, "Unavailable")),
    "s3": ((503, "SlowDown"), (500, "InternalError")),
    "secretsmanager": ((400, "ThrottlingException"), (500, "InternalServiceError")),
    "logs": ((400, "ThrottlingException"),),
}
"""By service: status and code of what passes."""

CANCELLED = ("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")
"""For what DynamoDB cancels a step that it may carry out the next time."""


def refusal(service: str, status: int, code: str) -> Reply:
    """An error as the service gives it."""
    if service == "ec2":
        text = f"<Response><Errors><Error><Code>{code}</Code><Message>no</Message></Error></Errors></Response>"
        return Reply(status, text.encode(), _XML)
    if service == "s3":
        return Reply(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode(), _XML)
    return Reply(status, json.dumps({"__type": f"com.amazonaws#{code}", "message": "no"}).encode(), _JSON)


def cancelled(reasons: Iterable[str | None]) -> Reply:
    """A step that was cancelled: a reason for each item, "None" for one that has none. None of all: no list of them."""
    listed = [{"Code": reason} for reason in reasons if reason is not None]
    words = ", ".join(reason["Code"] for reason in listed)
    told = {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "message": f"Transaction cancelled, please refer cancellation reasons for specific reasons [{words}]",
        **({"CancellationReasons": listed} if listed else {}),
    }
    return Reply(400, json.dumps(told).encode(), _JSON)


class Dice:
    """Chance for many threads."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._lock = threading.Lock()

    def below(self, bound: int) -> int:
        """See `Chance.below`."""
        with self._lock:
            return self._chance.below(bound)


class Throttles:
    """Refuses about one call in `rarity` of the functions and machines, half of them by a server's error.

    Of those one in four was carried out all the same. Steps of several items are few, and refused four times as often:
    half of those are cancelled for one item, or seldom for two. ``done`` counts all by service and code, or reason.
    Nothing is refused while ``over`` is set.
    """

    def __init__(self, dice: Chance, rarity: int, functions: frozenset[str]) -> None:
        self.over = False
        self.done: Counter[str] = Counter()
        self._dice, self._rarity, self._functions = dice, rarity, functions

    def __call__(self, call: Call, request: Request, behind: Behind) -> Reply:
        """Refuse, or let pass."""
        kinds = THROTTLES.get(call.service)
        step = call.operation == "TransactWriteItems"
        if self.over or kinds is None or call.caller.function not in self._functions:
            return behind(request)
        if self._dice.below(max(1, self._rarity // 4) if step else self._rarity):
            return behind(request)
        if step and self._dice.below(2):
            return self._cancelled(request)
        status, code = kinds[self._dice.below(len(kinds))]
        if status == 500 and not self._dice.below(4):
            behind(request)
        self.done[f"{call.service} {code}"] += 1
        return refusal(call.service, status, code)

    def _cancelled(self, request: Request) -> Reply:
        items = request.data["TransactItems"]
        reasons: list[str | None] = ["None"] * (len(items) if isinstance(items, list) else 1)
        for _ in range(2 if not self._dice.below(4) else 1):
            reason = CANCELLED[self._dice.below(len(CANCELLED))]
            reasons[self._dice.below(len(reasons))] = reason
        for reason in sorted({reason for reason in reasons if reason not in (None, "None")}, key=str):
            self.done[f"dynamodb {reason}"] += 1
        return cancelled(reasons)


class Rarely:
    """True about once in `rarity` times, and at least once in twice as many."""

    def __init__(self, dice: Chance, rarity: int) -> None:
        self._dice, self._rarity = dice, rarity
        self._since = 0
        self._lock = threading.Lock()

    def __call__(self) -> bool:
        """Draw."""
        hit = not self._dice.below(self._rarity)
        with self._lock:
            self._since += 1
            hit = hit or self._since >= 2 * self._rarity
            if hit:
                self._since = 0
        return hit


@attrs.frozen(kw_only=True)
class Rarities:
    """Of how many one kills: calls of AWS, calls of GitHub, and invocations, which die between two calls or at the end.

    And by how many milliseconds at the most an invocation that is to die outlives its beginning.
    """

    aws: int
    github: int
    invocations: int
    longest: int = 500


class Kills:
    """Kills environments of functions: SIGKILL, so whatever they had in hand is gone, and no code of theirs runs.

    At a call of AWS's or GitHub's, in turns before it, or after it and before its answer; or anywhere in an invocation.
    ``done`` says where; none is killed while ``over`` is set.
    """

    def __init__(
        self,
        dice: Chance,
        rarities: Rarities,
        kill: Callable[[str, str], bool],
        caller_at: Callable[[int], tuple[str, str] | None],
    ) -> None:
        """Args: ``kill`` gets a function's name and the environment's; ``caller_at`` tells both by a caller's port."""
        self.over = False
        self.done: list[str] = []
        self._dice, self._kill, self._caller_at, self._longest = dice, kill, caller_at, rarities.longest
        self._aws, self._github = Rarely(dice, rarities.aws), Rarely(dice, rarities.github)
        self._invocations = Rarely(dice, rarities.invocations)
        self._after_aws, self._after_github = (itertools.cycle((first, not first)) for first in (False, True))

    def __call__(self, call: Call, request: Request, behind: Behind) -> Reply:
        """Kill who calls AWS, or let pass: a layer of the wire."""
        if self.over or call.caller.function not in FUNCTIONS or not self._aws():
            return behind(request)
        after = next(self._after_aws)
        if after:
            behind(request)
        self._kill_at(call.caller.function, call.caller.instance, call.action, after=after)
        raise LostError("the caller is dead")

    def github(self, seen: Seen, behind: Callable[[Seen], Answer]) -> Answer:
        """Kill who calls GitHub, or let pass."""
        if self.over or not self._github() or (caller := self._caller_at(seen.peer)) is None:
            return behind(seen)
        after = next(self._after_github)
        if after:
            behind(seen)
        self._kill_at(*caller, f"github:{seen.line}", after=after)
        return LOST

    def doom(self, function: str) -> float | None:
        """In how many seconds an invocation that begins is to die; None: it is not."""
        if self.over or not self._invocations():
            return None
        delay = self._dice.below(self._longest)
        self.done.append(f"{function} after {delay} ms of an invocation")
        return delay / 1_000

    def _kill_at(self, function: str, instance: str, what: str, *, after: bool) -> None:
        self._kill(function, instance)
        self.done.append(f"{instance} {'after' if after else 'before'} {what}")


@attrs.frozen
class Shortage:
    """What a fleet lacks. ``dry``: so many of its first pools have nothing; ``most``: machines it gets at most."""

    dry: int = 0
    most: int | None = None


class Fleets:
    """CreateFleet as EC2 does it and moto does not.

    A client token stands for one answer: an equal request gets it again, any other is refused. ``shortage`` draws what
    the next fleet lacks; ``first`` which of the pools that have machines gives them. ``lacking`` counts the fleets that
    got less than they asked for.
    """

    def __init__(self, shortage: Callable[[], Shortage] = Shortage, first: Callable[[int], int] = lambda _: 0) -> None:
        self.lacking: Counter[str] = Counter()
        self._shortage, self._first = shortage, first
        self._answers: dict[str, tuple[dict[str, str], Reply]] = {}
        self._one = threading.Lock()

    def __call__(self, call: Call, request: Request, behind: Behind) -> Reply:
        """Answer a CreateFleet; let all else pass."""
        if call.action != "ec2:CreateFleet":
            return behind(request)
        with self._one:
            form = request.form
            token = form["ClientToken"]
            if token in self._answers:
                before, answer = self._answers[token]
                return answer if before == form else refusal("ec2", 400, "IdempotentParameterMismatch")
            reply = self._made(form, request, behind)
            if reply.status < 400:
                self._answers[token] = form, reply
            return reply

    def _made(self, form: dict[str, str], request: Request, behind: Behind) -> Reply:
        lack = self._shortage()
        rest, pools = _pools(form)
        dry, left = pools[: lack.dry], pools[lack.dry :]
        wanted = int(rest[_CAPACITY])
        count = wanted if lack.most is None else min(wanted, lack.most)
        market = rest["TargetCapacitySpecification.DefaultTargetCapacityType"]
        errors = [_error("InsufficientInstanceCapacity", market, pool) for pool in dry]
        if count < wanted:
            errors += [_error("InsufficientInstanceCapacity", market, pool) for pool in left[:1]]
        if errors:
            self.lacking["nothing" if not left or not count else "less" if count < wanted else "elsewhere"] += 1
        if left and count:
            chosen = left.pop(self._first(len(left)))
            asked = {**rest, _CAPACITY: str(count), **_numbered([chosen, *left])}
            reply = behind(attrs.evolve(request, body=urlencode(asked).encode()))
            text = reply.body.decode()
        else:
            text = "<CreateFleetResponse><fleetId>fleet-none</fleetId></CreateFleetResponse>"
            reply = Reply(200, b"", _XML)
        told = f"<errorSet>{''.join(errors)}</errorSet></CreateFleetResponse>"
        text = text.replace("</CreateFleetResponse>", told)
        headers = tuple(one for one in reply.headers if one[0].lower() != "content-length")
        return attrs.evolve(reply, body=text.encode(), headers=headers)


def _pools(form: Mapping[str, str]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """The parameters without the overrides, and the overrides in order."""
    rest: dict[str, str] = {}
    pools: dict[int, dict[str, str]] = {}
    for name, value in form.items():
        found = _OVERRIDE.fullmatch(name)
        if found:
            pools.setdefault(int(found.group(1)), {})[found.group(2)] = value
        else:
            rest[name] = value
    return rest, [pools[number] for number in sorted(pools)]


def _numbered(pools: list[dict[str, str]]) -> dict[str, str]:
    return {
        f"LaunchTemplateConfigs.1.Overrides.{number}.{name}": value
        for number, pool in enumerate(pools, 1)
        for name, value in pool.items()
    }


def _error(code: str, market: str, pool: Mapping[str, str]) -> str:
    place = f"<instanceType>{pool['InstanceType']}</instanceType><subnetId>{pool['SubnetId']}</subnetId>"
    return (
        f"<item><launchTemplateAndOverrides><overrides>{place}</overrides></launchTemplateAndOverrides>"
        f"<lifecycle>{market}</lifecycle><errorCode>{code}</errorCode><errorMessage>none left</errorMessage></item>"
    )


FUNCTIONS = frozenset({"webhook", "dispatch", "events", "reports", "schedules"})
EVERYBODY = FUNCTIONS | {MACHINE, SHIPPER}

"""What a fleet on moto called for so many jobs: sorted into a job's phases, what is counted apart, and cold starts."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

import attrs

from paddock.adapters.aws.cloud_events import STATE
from paddock.adapters.aws.roles import SHIPPER
from tests.aws.recorded import MACHINE, Call

if TYPE_CHECKING:
    from tests.aws.whole import Whole

PHASES: Final = ("webhook", "dispatch", "machine", "events", "reports", "closing")
"""A job's phases: by the function that calls, and ``machine``; ``closing`` is what is done at EC2's word of an end, and
what the sweep does for those that ended besides what it does every minute."""

BEATS, LOGS, POLLS, TOLD, SWEEPS = "heartbeats", "log shipping", "Lambda's pollers", "EventBridge", "sweeps"
LOOKS = "a spare's looks"
APART: Final = (BEATS, LOGS, POLLS, TOLD, SWEEPS, LOOKS)
"""What is in no sum: it goes by time, or is others' work, or costs the same whatever there is."""

COLD: Final = "cold start"
AT_START: Final = frozenset({"secretsmanager:GetSecretValue", "s3:GetObject", "ec2:DescribeInstanceTypeOfferings"})
"""What an environment asks for before, or in, its first invocation and then for hours not any more."""

GITHUB_AT_START: Final = frozenset({"access-tokens", "repo-installation", "repo-runner-downloads"})
"""The same of GitHub: a token is good for an hour, and the runner's package is looked up as rarely."""

OF_THE_RUNNER: Final = ("runner-", "download", "release-")
"""What begins the names of the stand-in's routes that GitHub's own runner asks, or whoever fetches its package."""

CLOSES: Final = frozenset({"dynamodb:TransactWriteItems"})
DESCRIBE: Final = "ec2:DescribeInstances"
"""Of machines by their ids it is asked for those that are missing; the list of all is asked for every minute."""

_OTHERS: Final = {"pump": POLLS, "eventbridge": TOLD, "schedules": SWEEPS}
RECEIVE: Final = "sqs:ReceiveMessage"
LOOK: Final = "dynamodb:GetItem"
"""A spare looks for its orders every second, and reads nothing else."""

_MINE: Final = frozenset({"webhook", "dispatch", "events", "reports"})

Calls = Counter[tuple[str, str]]
"""How often, by phase and action."""


def kind_of(call: Call) -> str | None:
    """The phase of a call, or what it is counted as apart; None: the test's own."""
    function, first = call.caller.function, call.caller.turn <= 1
    if function in _OTHERS:
        return "closing" if function == "schedules" and _closes(call) else _OTHERS[function]
    if function in {MACHINE, SHIPPER}:
        if call.service == "logs" or call.action in {"s3:PutObject", "sts:AssumeRole"}:
            return LOGS
        return BEATS if "heartbeat_at" in call.change else MACHINE
    if function not in _MINE:
        return None
    if first and call.action in AT_START:
        return COLD
    return "closing" if call.caller.handed == (STATE,) else function


def _closes(call: Call) -> bool:
    """True of what a sweep asks because machines ended, besides what it asks every minute."""
    return call.action in CLOSES or (call.action == DESCRIBE and bool(call.machines))


def sorted_out(calls: Iterable[Call]) -> Calls:
    """The calls by phase and action."""
    found: Calls = Counter()
    for call in calls:
        kind = kind_of(call)
        if kind is not None:
            found[kind, call.action] += 1
    return found


@attrs.frozen(kw_only=True)
class Counted:
    """Calls of so many jobs. GitHub's are by the stand-in's name of the route.

    ``idle`` are receives that brought nothing; ``starts``, ``invocations`` and ``log_bytes`` are by function.
    """

    jobs: int
    calls: Calls
    github: Mapping[str, int]
    github_cold: Mapping[str, int]
    idle: int
    starts: Mapping[str, int]
    invocations: Mapping[str, int]
    log_bytes: Mapping[str, int]

    def without_looks(self) -> "Counted":
        """The same for jobs that took spares: of each one's looks the last is the job's, for it found the orders."""
        calls = self.calls.copy()
        mine = min(self.jobs, calls[MACHINE, LOOK])
        calls[LOOKS, LOOK] += calls[MACHINE, LOOK] - mine
        calls[MACHINE, LOOK] = mine
        return attrs.evolve(self, calls=+calls)

    def of(self, *kinds: str) -> int:
        """All calls of these phases, or of what is counted apart."""
        return sum(count for (kind, _), count in self.calls.items() if kind in kinds)

    @property
    def aws(self) -> float:
        """AWS calls per job: those of its phases."""
        return round(self.of(*PHASES) / self.jobs, 2)

    @property
    def asked_github(self) -> float:
        """Calls of GitHub's API per job."""
        return round(sum(self.github.values()) / self.jobs, 2)


class Since:
    """A fleet's counters, from now on."""

    def __init__(self, fleet: "Whole") -> None:
        self._fleet = fleet
        self._calls = len(fleet.wire.recorded.calls)
        self._before = self._counters()

    def _counters(self) -> dict[str, Counter[str]]:
        fleet = self._fleet
        return {
            "github": Counter(fleet.github.calls),
            "starts": Counter({name: one.starts for name, one in fleet.functions.items()}),
            "invocations": Counter({name: one.invocations for name, one in fleet.functions.items()}),
            "log_bytes": Counter({name: len(fleet.log(name).encode()) for name in fleet.functions}),
            "brought": Counter({name: len(pump.turns) for name, pump in fleet.pumps.items()}),
        }

    def counted(self, jobs: int) -> Counted:
        """What has been counted, of so many jobs."""
        calls = sorted_out(list(self._fleet.wire.recorded.calls)[self._calls :])
        now = self._counters()
        found = {name: now[name] - before for name, before in self._before.items()}
        brought = found["brought"].total()
        idle = max(0, calls[POLLS, RECEIVE] - brought)
        calls[POLLS, RECEIVE] = brought
        github, cold = split(found["github"], sum(found["starts"][name] for name in _MINE - {"webhook"}))
        return Counted(
            jobs=jobs,
            calls=+calls,
            github=github,
            github_cold=cold,
            idle=idle,
            starts=found["starts"],
            invocations=found["invocations"],
            log_bytes=found["log_bytes"],
        )


def split(github: Mapping[str, int], starts: int) -> tuple[Counter[str], Counter[str]]:
    """GitHub's calls for jobs, and those of so many starts: of each kind at most one for a start."""
    asked = Counter({name: count for name, count in github.items() if not name.startswith(OF_THE_RUNNER)})
    cold = Counter({name: min(starts, count) for name, count in asked.items() if name in GITHUB_AT_START})
    return asked - cold, +cold

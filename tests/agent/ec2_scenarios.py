"""What a machine of the chaos lives through: a job of some kind, and faults at random moments. Drawn, not yet done."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from paddock.core.messages import ReportEvent
from tests.agent.ec2_oracle import Ended
from tests.agent.runner_package import script
from tests.aws.machine import SECOND

FINISHED, FAILED = ReportEvent.FINISHED, ReportEvent.FAILED_TO_START
DAEMON = "setsid sleep 45 & echo $! > {notes}/daemon.part; mv {notes}/daemon.part {notes}/daemon"
FORGERIES = (
    "2026-11-22 13:00:05Z: Job x completed with result: Succeeded",
    "Running job: not mine",
    "x completed with result: Abandoned",
)


@dataclass(frozen=True)
class Scenario:
    """What the runner does, time after time it is started, and how that ends by itself.

    ``assigned``: whether there are orders, and ``fields`` what is special about them.
    """

    name: str
    end: Ended | None
    runs: Sequence[Mapping[str, Any]] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    fields: Mapping[str, object] = field(default_factory=dict)
    assigned: bool = True


@dataclass(frozen=True)
class Fault:
    """Something that is done to a machine: at a phase of its life and some seconds, or before it begins ("").

    ``causes`` are the reasons that an end may give because of it; if there are any, the end is not sure any more.
    """

    kind: str
    phase: str
    after: float
    span: float = 0.0
    count: int = 0
    operation: str = ""
    causes: frozenset[str] = frozenset()


def _ends(event: ReportEvent, reason: str = "", conclusion: str | None = None) -> Ended:
    return Ended(event, reason, conclusion)


def scenarios(notes: Path, chance: Random) -> Sequence[Scenario]:
    """One of each kind, with this drawing's spans."""
    spans = {"lasts": chance.choice((0.0, 0.0, chance.uniform(0.05, 0.6)))}

    def job(**what: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever `script` knows
        return script(notes=str(notes), **{"job": "build", **spans, **what})

    green, limited = _ends(FINISHED, "", "success"), {"max_runtime": int(chance.uniform(0.4, 1.5) * SECOND)}
    daemon = {"command": ["/bin/sh", "-c", DAEMON.format(notes=notes)]}
    codes = {0: "exited_without_job", 1: "listener_failed", 2: "retries_exhausted", 5: "session_conflict",
             7: "version_too_old"}  # fmt: skip
    code = chance.choice(tuple(codes))
    update, soon = chance.choice((3, 4)), {"idle_timeout": int(chance.uniform(0.3, 0.9) * SECOND)}
    forged = job(before=FORGERIES, job=f"deploy {FORGERIES[0]}", result="Failed")
    dies = job(shell=["kill -9 $PPID"], worker=chance.random() < 0.5)
    return (
        Scenario("success", green, [job()]),
        Scenario("success with a Worker", green, [job(worker=True)]),
        Scenario("failure", _ends(FINISHED, "", "failure"), [job(result="Failed")]),
        Scenario("long", _ends(FINISHED, "max_runtime", "cancelled"), [job(hang=True, worker=True)], fields=limited),
        Scenario("deaf", _ends(FINISHED, "max_runtime"), [job(hang=True, deaf=True, worker=True)], fields=limited),
        Scenario("daemon", green, [job(children=[daemon])]),
        Scenario("hidden daemon", green, [job(children=[{**daemon, "hides": True}])]),
        Scenario("flood", green, [job(flood=chance.randrange(500, 4_000))]),
        Scenario("forged", _ends(FINISHED, "", "failure"), [forged]),
        Scenario(f"exit code {code}", _ends(FAILED, codes[code]), [script(exit=code)]),
        Scenario("idle", _ends(FAILED, "no_job"), [script(idle=True)], fields=soon),
        Scenario("deaf and idle", _ends(FAILED, "no_job"), [script(idle=True, deaf=True)], fields=soon),
        Scenario("update", green, [script(update=True, exit=update), job()]),
        Scenario("updates for ever", _ends(FAILED, "update_required"), [script(update=True, exit=update)]),
        Scenario("passing failures", green, [script(exit=2), script(exit=2), job()]),
        Scenario("orphan", _ends(FAILED, "orphan"), [job(result="")]),
        Scenario("the Listener dies", _ends(FINISHED, "listener_died"), [dies]),
        Scenario("nobody", _ends(FAILED, "assignment_deadline"), settings={"assignment_deadline": SECOND // 2},
                 assigned=False),
        Scenario("pool", None, settings={"standby": True}, assigned=False),
    )  # fmt: skip


PHASES = ("assignment", "assigned", "download", "listening", "job", "after the job", "leaving")
AWS = ("GetItem", "UpdateItem", "SendMessage", "PutLogEvents", "PUT", "GET")


def _somewhere(chance: Random, *, phases: Sequence[str] = PHASES) -> dict[str, Any]:
    return {"phase": chance.choice(phases), "after": chance.choice((0.0, chance.uniform(0.0, 0.4)))}


def _kill(what: str, *causes: str) -> Callable[[Random], Fault]:
    return lambda chance: Fault(f"kill {what}", **_somewhere(chance), causes=frozenset(causes))


def _service(kind: str, most: int) -> Callable[[Random], Fault]:
    return lambda chance: Fault(
        kind, **_somewhere(chance, phases=("", *PHASES)), count=chance.randint(1, most), operation=chance.choice(AWS)
    )


def _cut(chance: Random) -> Fault:
    where = _somewhere(chance, phases=("", *PHASES))
    return Fault("cut", **where, span=chance.uniform(0.1, 1.5), operation=chance.choice(("*", *AWS)))


def _spot(chance: Random) -> Fault:
    return Fault("spot", **_somewhere(chance), span=chance.uniform(1, 4), causes=frozenset({"spot_notice"}))


def _at_first(kind: str, *causes: str, most: int = 2) -> Callable[[Random], Fault]:
    return lambda chance: Fault(kind, "", 0.0, count=chance.randint(1, most), causes=frozenset(causes))


DIED = ("listener_died", "listener_failed", "preflight_failed")
FAULTS: tuple[tuple[int, Callable[[Random], Fault]], ...] = (
    (5, _kill("agent", "agent_died")),
    (4, _kill("Listener", *DIED)),
    (3, _kill("Worker", "")),
    (4, lambda chance: Fault("terminate", **_somewhere(chance), causes=frozenset({"sigterm"}))),
    (3, lambda chance: Fault("rest", **_somewhere(chance), span=chance.uniform(0.1, 1.5))),
    (2, _spot),
    (1, lambda chance: Fault("rebalance", **_somewhere(chance, phases=("", "job")))),
    (7, _cut),
    (3, _service("lose", 2)),
    (3, _service("throttle", 4)),
    (3, _service("break", 4)),
    (1, _at_first("keys expired")),
    (1, _at_first("clock wrong")),
    (2, _at_first("package away")),
    (1, _at_first("package cut short", "download_failed")),
    (1, _at_first("package wrong", "digest_mismatch", "download_failed")),
    (1, _at_first("bucket away")),
    (1, _at_first("log group away")),
    (1, _at_first("low disk", "low_disk")),
    (1, _at_first("full disk", "disk_full")),
    (1, _at_first("baked")),
)  # fmt: skip
LOST = (_at_first("queue denied"), _at_first("queue away"), lambda _chance: Fault("queue away", "job", 0.0))
"""The queue is gone for good. Agent and last words wait for it with all their patience, so there are few of these."""
ONE_IN = 33


def draw(seed: int, number: int, notes: Path) -> tuple[Scenario, list[Fault]]:
    """The scenario and the faults of one run; the same for the same seed and number."""
    chance = Random(f"{seed}:{number}")
    kinds = scenarios(notes, chance)
    scenario = kinds[number % len(kinds)]
    if scenario.end is None:  # a pool's: it is stopped, or its agent dies, and nothing is the matter besides
        kind = chance.choice(("terminate", "kill agent"))
        return scenario, [Fault(kind, "assignment", chance.uniform(0.0, 0.5))]
    weights = [weight for weight, _ in FAULTS]
    wanted = chance.choices((0, 1, 2, 3), (1, 4, 4, 3))[0]
    makers = [make for _, make in chance.choices(FAULTS, weights, k=wanted)]
    if number % ONE_IN == 0:
        makers[:1] = [chance.choice(LOST)]
    return scenario, [make(chance) for make in makers]

"""The stores by name: `Records` of each kind, with the conditions and changes that belong to it.

An adapter is built from a `Kind` and never names these; use-cases ask for them, so that mypy checks every condition and
every change field by field.
"""

from typing import TypeAlias

import attrs

from paddock.core.circuit import Circuit, CircuitChange, CircuitIs, Interruption, InterruptionChange, InterruptionIs
from paddock.core.costs.ledger import Bill, BillChange, BillIs
from paddock.core.job import Job, JobChange, JobIs
from paddock.core.launch import Launch, LaunchChange, LaunchIs
from paddock.core.pace import Pace, PaceChange, PaceIs
from paddock.core.pools.standing import PoolStanding, StandingChange, StandingIs
from paddock.core.ports.records import Records
from paddock.core.ports.together import Together
from paddock.core.rerun import Rerun, RerunChange, RerunIs
from paddock.core.run import Run, RunChange, RunIs
from paddock.core.runner import Runner, RunnerChange, RunnerIs
from paddock.core.shortage import Shortage, ShortageChange, ShortageIs
from paddock.core.switch import Switch, SwitchChange, SwitchIs
from paddock.core.task import Task, TaskChange, TaskIs

JobStore: TypeAlias = Records[Job, JobIs, JobChange]
RunnerStore: TypeAlias = Records[Runner, RunnerIs, RunnerChange]
LaunchStore: TypeAlias = Records[Launch, LaunchIs, LaunchChange]
RunStore: TypeAlias = Records[Run, RunIs, RunChange]
PoolStore: TypeAlias = Records[PoolStanding, StandingIs, StandingChange]
CircuitStore: TypeAlias = Records[Circuit, CircuitIs, CircuitChange]
InterruptionStore: TypeAlias = Records[Interruption, InterruptionIs, InterruptionChange]
ShortageStore: TypeAlias = Records[Shortage, ShortageIs, ShortageChange]
RerunStore: TypeAlias = Records[Rerun, RerunIs, RerunChange]
LedgerStore: TypeAlias = Records[Bill, BillIs, BillChange]
SwitchStore: TypeAlias = Records[Switch, SwitchIs, SwitchChange]
PaceStore: TypeAlias = Records[Pace, PaceIs, PaceChange]
TaskStore: TypeAlias = Records[Task, TaskIs, TaskChange]


@attrs.frozen
class Table:
    """Every store of a fleet, and what writes to several at once: one DynamoDB table, one SQLite file, or memory."""

    jobs: JobStore
    runners: RunnerStore
    launches: LaunchStore
    runs: RunStore
    pools: PoolStore
    circuits: CircuitStore
    interruptions: InterruptionStore
    shortages: ShortageStore
    reruns: RerunStore
    ledger: LedgerStore
    switches: SwitchStore
    paces: PaceStore
    tasks: TaskStore
    together: Together

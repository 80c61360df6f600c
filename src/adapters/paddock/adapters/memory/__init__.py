"""Every port in memory: what the simulator runs on, and the reference that every other adapter is compared with.

It is strict where real services are: what SQS, DynamoDB or EC2 may refuse or forget, is refused or forgotten here.
"""

from paddock.adapters.memory.assignments import MemoryAssignments
from paddock.adapters.memory.decisions import MemoryDecisions
from paddock.adapters.memory.machines import MemoryMachines, Shortage
from paddock.adapters.memory.queue import BlockingWaiter, ClockWaiter, MemoryQueue, Waiter
from paddock.adapters.memory.records import MemoryRecords
from paddock.adapters.memory.system import ManualClock, ManualSleeper, SeededChance, SequentialIds

__all__ = [
    "BlockingWaiter",
    "ClockWaiter",
    "ManualClock",
    "ManualSleeper",
    "MemoryAssignments",
    "MemoryDecisions",
    "MemoryMachines",
    "MemoryQueue",
    "MemoryRecords",
    "SeededChance",
    "SequentialIds",
    "Shortage",
    "Waiter",
]

"""Dismissal: whoever keeps a fleet's pools goes, and so do the machines that nobody has a claim on."""

from functools import partial

from paddock.core.ports.stores import Table
from paddock.core.task import TaskReport
from paddock.core.usecases.house.round import Round
from paddock.core.usecases.listing import live_runners
from paddock.core.usecases.retire import Retire


class Dismissal:
    """Ends the spares of all pools."""

    def __init__(self, *, table: Table, retire: Retire) -> None:
        self._table = table
        self._retire = retire

    def __call__(self, reason: str) -> TaskReport:
        """End them, each on the condition that it is one still: a machine that a job has claimed is left alone.

        Raises:
            PaddockError: the records could not be read; nothing was done.
        """
        done = Round()
        for runner in live_runners(self._table):
            if runner.spare:
                done.kinds["EndSpare"] += 1
                done.does(f"end {runner.machine}: {reason}", partial(self._end, runner.machine, reason))
        return done.report()

    def _end(self, machine: str, reason: str) -> bool:
        """As it is now: others were ended meanwhile, which takes a while."""
        runner = self._table.runners.get(machine)
        return runner is not None and runner.spare and self._retire.spare(runner, reason)

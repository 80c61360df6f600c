"""Tasks, as an operator sees them: how each goes, and a wish for a run now, which whoever does them grants."""

from collections.abc import Sequence

from paddock.core.errors import NotFound
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.stores import TaskStore
from paddock.core.ports.system import Clock, Ids
from paddock.core.task import EVERY, Task, TaskChange, TaskIs
from paddock.core.usecases.record import Recorder


class Tasks:
    """Every task that a fleet may have. One that it has not never ran."""

    def __init__(self, *, tasks: TaskStore, decisions: Decisions, clock: Clock, ids: Ids) -> None:
        self._tasks = tasks
        self._ids = ids
        self._record = Recorder(decisions, clock, "tasks")

    def all(self) -> Sequence[Task]:
        """Each task's record, in the order in which they are done."""
        return [self._tasks.get(name) or Task(name, EVERY[name]) for name in EVERY]

    def get(self, name: str) -> Task:
        """The task's record.

        Raises:
            NotFound: there is no such task.
        """
        if name not in EVERY:
            raise NotFound(f"there is no task {name!r}: it must be one of {', '.join(EVERY)}")
        return self._tasks.get(name) or Task(name, EVERY[name])

    def ask(self, name: str, *, dry_run: bool = False) -> str:
        """Wish for a run, which whoever does the task grants within a minute; the wish, as `Task.answered` names it.

        Raises:
            NotFound: there is no such task.
        """
        known = self.get(name)
        wish = self._ids.token()
        change = TaskChange(asked=wish, asked_dry=dry_run)
        if not self._tasks.add(Task(name, known.every, asked=wish, asked_dry=dry_run)):
            self._tasks.update(name, TaskIs(), change)
        self._record.task(name, "asked", "an operator asked for a run" + " that changes nothing" * dry_run)
        return wish

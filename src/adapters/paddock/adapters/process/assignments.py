"""Assignments as files: one per machine directory, taken by the agent by renaming it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paddock.adapters.os_errors import os_errors
from paddock.adapters.process.layout import Layout, MachineFiles, read_json, remove_file, write_json
from paddock.core.codec import message_to_data
from paddock.core.errors import InvalidInput
from paddock.core.messages import Assignment
from paddock.core.ports.assignments import AssignmentReceipt


class FileAssignments:
    """One assignment per machine, ever. Files of mode 0600; the secret in them is gone once the agent took it."""

    def __init__(self, root: Path) -> None:
        """Args: the fleet's directory, see `layout`."""
        self._layout = Layout(root)

    def put(self, assignment: Assignment) -> AssignmentReceipt:
        """Write the assignment if the machine never had one; what then stands there.

        Raises:
            InvalidInput: the machine's id can be no machine's of this fleet.
        """
        files = self._layout.machine(assignment.machine)
        if files is None:
            raise InvalidInput("machine", assignment.machine, "must be an id of letters, digits, '.', '_', ':' and '-'")
        with os_errors():
            files.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _alone_in(files.directory):
                standing = _standing(files)
                if standing is not None:
                    return standing
                write_json(files.assignment, message_to_data(assignment))
        return AssignmentReceipt(assignment.machine, assignment.runner_name, assignment.runner_id, taken=False)

    def get(self, machine: str) -> AssignmentReceipt | None:
        """What stands there, or None if the machine never had one."""
        files = self._layout.machine(machine)
        if files is None:
            return None
        with os_errors():
            return _standing(files)

    def delete(self, machine: str) -> None:
        """Forget it, when the machine is gone. Idempotent."""
        files = self._layout.machine(machine)
        if files is None:
            return
        with os_errors():
            remove_file(files.assignment)
            remove_file(files.taken)


@contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    """One writer at a time, of whichever thread or process. The agent takes what lies there without asking.

    It can only take what was put: if nothing lies there and nothing was taken, it has nothing to cross a writer with.
    """
    lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _standing(files: MachineFiles) -> AssignmentReceipt | None:
    """Taken is looked at last: the agent moves from the one to the other, never back."""
    return _receipt(files, files.assignment, taken=False) or _receipt(files, files.taken, taken=True)


def _receipt(files: MachineFiles, path: Path, *, taken: bool) -> AssignmentReceipt | None:
    data = read_json(path)
    if not isinstance(data, dict):
        return None
    name, number = data.get("runner_name"), data.get("runner_id")
    return AssignmentReceipt(
        files.id, name if isinstance(name, str) else "", number if type(number) is int else 0, taken=taken
    )

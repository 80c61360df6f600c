"""The one-machine fleet: a machine is a directory and a process, its assignment and its reports are files in it.

Everything that must outlive the fleet's own process stands in these directories, so a fleet that was killed finds its
machines again when it is started.
"""

from paddock.adapters.process.assignments import FileAssignments
from paddock.adapters.process.layout import Layout
from paddock.adapters.process.machines import LocalMachines, box_arch
from paddock.adapters.process.mailbox import Collected, Mailbox

__all__ = ["Collected", "FileAssignments", "Layout", "LocalMachines", "Mailbox", "box_arch"]

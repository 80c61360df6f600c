"""Registrations at GitHub: whose one is, and how it is taken back."""

from paddock.core.errors import NotFound
from paddock.core.ports.github import RegisteredRunner, Runners, Scope
from paddock.core.runner import machine_of


def own(registrations: Runners, scope: Scope, number: int, machine: str) -> RegisteredRunner | None:
    """The registration of that number as it is now; None if there is none, or it is another machine's.

    Raises:
        PaddockError: GitHub could not be asked.
    """
    found = registrations.get(scope, number)
    return found if found is not None and machine_of(found.name) == machine else None


def take_back(registrations: Runners, scope: Scope, number: int) -> bool:
    """Delete the registration; False if it was gone already, or its whole scope is.

    Raises:
        Busy: its runner runs a job.
        PaddockError: GitHub could not be asked.
    """
    try:
        return registrations.delete(scope, number)
    except NotFound:
        return False

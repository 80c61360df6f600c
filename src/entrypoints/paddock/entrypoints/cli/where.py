"""Which fleet a command speaks of: that of a state directory here, or the stack that the environment names."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from os import environ
from pathlib import Path
from threading import Lock
from typing import Annotated

import attrs
from cyclopts import Parameter

from paddock.adapters.sqlite import Access
from paddock.core.errors import InvalidInput
from paddock.entrypoints.cli.extra import on_aws
from paddock.entrypoints.containers import State, open_state
from paddock.entrypoints.local.places import DEFAULT_STATE, Places

VARIABLE = "PADDOCK_PROFILE"

StateDir = Annotated[Path | None, Parameter(name=["--state", "-s"])]
ProfileName = Annotated[str | None, Parameter(name=["--profile", "-p"])]


class Profile(StrEnum):
    """Where a fleet is."""

    LOCAL = "local"
    AWS = "aws"


@attrs.frozen
class Where:
    """A fleet. ``words`` are the options that name it again, with a space before; ``state`` is a local fleet's."""

    profile: Profile
    words: str
    state: Path = DEFAULT_STATE

    @classmethod
    def chosen(cls, state: Path | None, profile: str | None) -> "Where":
        """By the options; without any, by the environment.

        Raises:
            InvalidInput: there is no such profile, or the options contradict each other.
        """
        name, given = "--profile", profile
        if given is None and state is None:
            name, given = VARIABLE, environ.get(VARIABLE)
        given = given or Profile.LOCAL
        if given not in tuple(Profile):
            right = f"must be {' or '.join(Profile)}; profiles of AWS's own configuration are named by AWS_PROFILE"
            raise InvalidInput(name, given, right)
        if given == Profile.LOCAL:
            directory = state or DEFAULT_STATE
            return cls(Profile.LOCAL, f" --state {directory}", directory)
        if state is not None:
            raise InvalidInput("--state", str(state), "is for a fleet on this machine: leave it out, or --profile aws")
        return cls(Profile.AWS, "" if profile is None else f" --profile {profile}")


@contextmanager
def opened(where: Where, *, change: bool = False) -> Iterator[State]:
    """The fleet's state, while inside; a file of it can be written only if `change` says so.

    Raises:
        InvalidInput: there is none, or the environment does not say where.
        AccessDenied: nobody is signed in to AWS.
    """
    access = Access.CHANGE if change else Access.LOOK
    with _stack() if where.profile is Profile.AWS else _directory(where.state, access) as state:
        yield state


@contextmanager
def _directory(directory: Path, access: Access) -> Iterator[State]:
    places = Places(directory)
    remedy = "name the state directory with --state (paddock.yml: local.state), or a fleet on AWS with --profile aws"
    if not places.database.exists():
        raise InvalidInput("--state", str(directory), f"holds no fleet: {remedy}")
    try:
        state = open_state(places, access)
    except InvalidInput as error:
        raise InvalidInput(error.field, error.value, f"{error.remedy}; {remedy}") from None
    try:
        yield state
    finally:
        state.close()


@contextmanager
def _stack() -> Iterator[State]:
    with on_aws():
        from paddock.entrypoints.aws_operator import open_stack  # noqa: PLC0415 - boto3 is an extra
    with ExitStack() as shown:
        yield shown.enter_context(open_stack(environ, _Progress(_on_terminal(shown))))


def _on_terminal(shown: ExitStack) -> Callable[[str], object]:
    """Says what is done at the moment, on a terminal's stderr, and takes it back in the end; elsewhere nothing."""
    from rich.console import Console  # noqa: PLC0415 - drawn only here

    terminal = Console(stderr=True)
    if not terminal.is_terminal:
        return lambda _text: None
    return shown.enter_context(terminal.status("asking AWS")).update


class _Progress:
    """Tells how far the search in the log is. Safe for threads."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._lock = Lock()
        self._pages = 0

    def __call__(self, group: str, found: int) -> None:
        with self._lock:
            self._pages += 1
            self._say(f"looking decisions up in CloudWatch Logs: page {self._pages}, found in {group} so far: {found}")
